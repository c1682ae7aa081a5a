#!/bin/bash
# Stage platform: etcd, MariaDB, RabbitMQ, memcached, HAProxy and Keystone on all controllers.
. "${0%/*}/common.sh"
copy platform $CONTROLLERS
each start $CONTROLLERS <<'EOF'
systemctl enable --quiet $(units ENABLED platform)
systemctl start --no-block $(units UNITS platform)
EOF

content() {
    on databases "$CONTROLLER" <<'EOF'
start etcd scs-rack-galera mariadb
mariadb </run/bench/platform/databases.sql
patiently 60 greeting
schemas platform
EOF
}
# the catalog's client loads while the databases start, and goes on when they are ready
content | "$PYTHON" "$here/catalog.py" &
catalog=$!

# Until all members are in their clusters, and every controller has the addresses of the API.
each members $CONTROLLERS <<'EOF'
start $(units UNITS platform)
synced() { # as many members as controllers, and all data here
    set -- $CONTROLLERS
    [[ $(mariadb -N -B -e "SHOW GLOBAL STATUS WHERE Variable_name IN
        ('wsrep_cluster_size', 'wsrep_local_state_comment')" | sort | cut -f 2 | tr '\n' ' ') == "$# Synced " ]]
}
patiently 120 synced
patiently 60 greeting
set -- $CONTROLLERS
[[ $NODE != "$CONTROLLER" ]] || rabbitmqctl --quiet await_online_nodes $# --timeout 120
patiently 120 /usr/local/sbin/scs-rack-vip check $VIPS >/dev/null
EOF
all_of "$catalog"
on tidy "$CONTROLLER" <<<'rm -rf /run/bench/platform'
