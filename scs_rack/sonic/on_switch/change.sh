#!/bin/sh
# One change of a SONiC switch, and its way back. scs-rack puts this file into a folder of its own on the switch,
# together with what it needs there, and calls it as root (docs/switch-changes.md):
#   begin SECONDS   let the switch judge the change, keep what runs, and start the timer that goes back
#   apply SECONDS   make the change; it runs to its end even if the caller is lost
#   undo [hand|force]  go back: by the checkpoint, else by a reload of the saved file, else, where nobody looks (no word),
#                   by a reboot; `force` also after confirm, and saves
#   confirm         stop the timer and save
#   clean           leave nothing behind
# Files: kind (patch, replace, reload), tables (names of those that change), goal.json, patch.json (kind patch),
# frr.conf (where FRR has a file of its own), restart (units to restart), drain (seconds for neighbours to turn away from
# this switch before its BGP sessions end);
# made here: before.json, frr.before, state, outcome, log.
# Exit codes: 10 the switch objects to the change, 11 no way back, 12 out of time, 13 it went back already, 14 not saved,
# 15 it could not go back.
set -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
cd "$(dirname "$0")" || exit 1
here=$(pwd)
id=$(basename "$here")
umask 077

running() { sonic-cfggen -d --print-data; }

same() { # the tables that the change touched are as before; others are not ours to judge
    running >now.json 2>>log && python3 -c '
import json, sys
now, before = (json.load(open(name)) for name in ("now.json", "before.json"))
sys.exit(any(now.get(table) != before.get(table) for table in open("tables").read().split()))'
}

put() { # FILE TEXT: at once or not at all
    echo "$2" >"$1.new" && mv "$1.new" "$1"
}

frr_running() { # what FRR runs, without the words before it
    docker exec bgp vtysh -c 'show running-config' | sed -n '/^frr version/,$p'
}

frr() { # FILE: make FRR run it, by the smallest change; nothing is saved
    docker exec -i bgp sh -c 'cat >/tmp/scs-rack.conf && python3 /usr/lib/frr/frr-reload.py --reload /tmp/scs-rack.conf' \
        <"$1"
}

judge() {
    case $(cat kind) in
    patch) config apply-patch -d patch.json ;;
    replace) config replace -d goal.json ;;
    reload) true ;; # the switch has no dry run for it
    esac
}

begin() {
    judge >out 2>&1 || { cat out; exit 10; }
    {
        running >before.json && config checkpoint "$id" &&
            if [ -e frr.conf ]; then frr_running >frr.before && [ -s frr.before ]; fi &&
            put state begun &&
            systemd-run --quiet --collect --unit="$id" --on-active="$1" --timer-property=AccuracySec=1s \
                /bin/sh "$here/change.sh" undo
    } >out 2>&1 || { cat out; exit 11; }
}

vty() { docker exec bgp vtysh "$@"; }

graceful() { # WORDS INSTANCE, an instance a line: `bgp graceful-shutdown` (RFC 8326) or its `no` in each of them
    words=$1
    while read -r instance; do
        vty -c 'configure terminal' -c "$instance" -c "$words bgp graceful-shutdown" </dev/null
    done
}

drain() { # neighbours turn to the other switch of the pair first, so that nothing is on its way through us
    [ -e drain ] || return 0
    vty -c 'show running-config bgpd' 2>>log | grep '^router bgp ' | graceful '' >>log 2>&1
    sleep "$(cat drain)"
}

undrain() { # a session that began anew, or an instance made anew, knows nothing of it
    [ -e drain ] || return 0
    vty -c 'show running-config bgpd' 2>>log | awk '/^router bgp /{at = $0} /^ *bgp graceful-shutdown/{print at}' |
        graceful no >>log 2>&1
}

change() {
    drain
    changes
    code=$?
    undrain
    return "$code"
}

changes() {
    case $(cat kind) in
    patch) config apply-patch patch.json ;;
    replace) config replace goal.json ;;
    reload) config reload -y -f goal.json ;;
    esac || return
    if [ -e frr.conf ]; then frr frr.conf || return; fi
    if [ -e restart ]; then xargs systemctl restart <restart; fi
}

run() {
    change >out 2>&1
    put code $?
}

apply() {
    put state applying
    systemd-run --quiet --collect --unit="$id-apply" /bin/sh "$here/change.sh" run >out 2>&1 || { cat out; exit 11; }
    tries=$(($1 * 10))
    while [ ! -e code ]; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { echo "not done within $1 s"; exit 12; }
        sleep 0.1
    done
    cat out
    exit "$(cat code)"
}

back() { # prints how it went
    systemctl stop "$id-apply.service" 2>/dev/null
    drain
    rollback
    undrain
}

rollback() {
    if [ "$(cat kind)" = reload ]; then
        config reload -y -f before.json
    else
        timeout 300 config rollback "$id"
    fi >>log 2>&1
    if [ -e frr.before ]; then frr frr.before >>log 2>&1 || systemctl restart bgp >>log 2>&1; fi
    if [ -e restart ]; then xargs systemctl restart <restart >>log 2>&1; fi
    same && { echo rolled-back; return; }
    # second line of defence; what was saved is as old as that, should the switch refuse to load what ran
    config reload -y -f before.json >>log 2>&1 || config reload -y -f >>log 2>&1 || { echo failed; return; }
    if same; then echo reloaded; else echo reloaded-saved; fi
}

undo() {
    exec 9>>lock
    flock 9 # the timer and the caller may come at once
    [ -e outcome ] && return
    [ "$(cat state)" = confirmed ] && [ "${1-}" != force ] && return
    outcome=$(back)
    if [ "$outcome" = failed ] && [ "${1-}" = hand ]; then exit 15; fi # the timer will try again
    [ "${1-}" = force ] && config save -y >>log 2>&1
    put outcome "$outcome"
    systemctl stop "$id.timer" 2>/dev/null
    # third line, when nobody is there to look: a restart loads the saved file
    if [ "$outcome" = failed ] && [ "${1-}" = "" ]; then systemctl reboot; fi
    true
}

clean() {
    if [ -e "/etc/sonic/checkpoints/$id.cp.json" ]; then config delete-checkpoint "$id" >/dev/null; fi
    cd / && rm -rf "$here"
}

confirm() {
    exec 9>>lock
    flock 9
    if [ -e outcome ]; then echo "it went back already: $(cat outcome)"; exit 13; fi
    put state confirmed
    systemctl stop "$id.timer" >>log 2>&1
    config save -y >out 2>&1 || { cat out; exit 14; }
    if [ -e frr.conf ]; then docker exec bgp vtysh -c 'write memory' >out 2>&1 || { cat out; exit 14; }; fi
}

"$@"
