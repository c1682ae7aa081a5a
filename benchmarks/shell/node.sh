# What a script knows on a node beside the facts and NODE, its name.
set -Eeuo pipefail
trap 'echo "$NODE: \"$BASH_COMMAND\" ended with $?" >&2' ERR
export SYSTEMCTL_SKIP_SYSV=1

# Units of this node that a playbook or a role starts (UNITS), or enables (ENABLED).
units() {
    local name=${1}_${2}_$NODE
    echo "${!name}"
}

# Start units and wait for them; one that dies and is started again by systemd has two minutes.
start() {
    (($#)) || return 0
    systemctl start "$@" || patiently 120 systemctl is-active --quiet "$@" || tell_why "$@"
}

# Say what units wrote that do not run; fails.
tell_why() {
    local unit
    for unit; do
        systemctl is-active --quiet "$unit" && continue
        echo "$NODE: $unit is $(systemctl is-active "$unit"):"
        journalctl --no-pager --output=cat --lines=15 --unit="$unit"
    done >&2
    return 1
}

# Try a command again until it succeeds; the first argument is for how many seconds.
patiently() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || {
            echo "$NODE: waited in vain for: $*" >&2
            return 1
        }
        sleep 0.2
    done
}

# Wait for background jobs; fail when one of them did.
all_of() {
    local job failed=0
    for job; do wait "$job" || failed=1; done
    return "$failed"
}

# Succeeds when MariaDB greets by HAProxy: a port that only accepts may lead to no server yet.
greeting() (
    exec 3<>/dev/tcp/127.0.0.1/3306 && read -r -N 1 -t 3 -u 3 _
) 2>/dev/null

# Bring the schemas of a stage up to date, side by side; one that fails shows the end of what it said.
schemas() {
    local file jobs=()
    for file in /run/bench/"$1"/*.schema; do
        (cd / && HOME=/ LANG=C.UTF-8 exec bash -e "$file") >"$file.log" 2>&1 || { tail -n 30 "$file.log" >&2; exit 1; } &
        jobs+=($!)
    done
    all_of "${jobs[@]}"
}
