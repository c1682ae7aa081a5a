#!/bin/bash
# Stage platform: MariaDB, RabbitMQ, memcached, HAProxy and Keystone on the controller.
. "${0%/*}/common.sh"
here=${0%/*}

services() {
    copy platform "$CONTROLLER"
    on "$CONTROLLER" <<'EOF'
export SYSTEMCTL_SKIP_SYSV=1
systemctl daemon-reload
systemctl enable --quiet epmd.socket rabbitmq-server mariadb memcached haproxy scs-rack-vip keystone
systemctl restart epmd.socket
systemctl restart --no-block rabbitmq-server memcached haproxy scs-rack-vip keystone
systemctl restart mariadb
{
    grant() { # user, password, databases
        local database
        echo "CREATE USER '$1'@'%' IDENTIFIED BY '$2';"
        for database in ${*:3}; do
            echo "CREATE DATABASE $database CHARACTER SET utf8mb3;"
            echo "GRANT ALL PRIVILEGES ON \`${database//_/\\_}\`.* TO '$1'@'%';"
        done
    }
    grant keystone "$SECRET_db_keystone" keystone
    grant glance "$SECRET_db_glance" glance
    grant placement "$SECRET_db_placement" placement
    grant nova "$SECRET_db_nova" nova nova_api nova_cell0
    grant neutron "$SECRET_db_neutron" neutron
    grant cinder "$SECRET_db_cinder" cinder
} | mariadb
runuser -u keystone -- keystone-manage db_sync >/dev/null
export OS_BOOTSTRAP_PASSWORD=$SECRET_admin_password
runuser -u keystone -- keystone-manage bootstrap --bootstrap-region-id="$REGION" \
    --bootstrap-public-url="$URL:5000/v3" --bootstrap-internal-url="$URL:5000/v3" >/dev/null
EOF
}

# the catalog's client loads while the services start, and goes on when they are ready
services | "$PYTHON" "$here/catalog.py"
on "$CONTROLLER" <<'EOF'
for port in 3306 5672 11211; do
    for ((i = 0; ; i++)); do
        (: <"/dev/tcp/$CONTROLLER4/$port") 2>/dev/null && break
        ((i < 600))
        sleep 0.1
    done
done
for ((i = 0; ; i++)); do
    systemctl is-active --quiet mariadb rabbitmq-server memcached haproxy scs-rack-vip keystone && break
    ((i < 600))
    sleep 0.1
done
EOF
