# What the scripts of the stages share. Sourced by bash with BENCH set: the folder with `facts` (names and addresses as
# shell variables), `ssh_config`, and the files of each stage as <stage>.<node>.tar.
set -Eeuo pipefail
trap 'echo "${0##*/}: \"$BASH_COMMAND\" ended with $?" >&2' ERR
. "$BENCH/facts"
here=${0%/*}

now() { echo "${EPOCHREALTIME/[.,]/}"; } # microseconds

# Note how long a call took, so that a wait can be found: script, what, milliseconds.
note() { printf '%s %s %d\n' "${0##*/}" "$1" $((($(now) - $2) / 1000)) >>"$BENCH/steps"; }

# Run the script on standard input on one node; it knows the facts, its own name, and what node.sh has.
on() { # what, node
    local begin
    begin=$(now)
    { printf 'NODE=%s\n' "$2"; cat "$BENCH/facts" "$here/node.sh" -; } |
        ssh -F "$BENCH/ssh_config" "$2" 'eval "$(cat)" </dev/null' || { echo "$2: $1 failed" >&2; return 1; }
    note "$1:$2" "$begin"
}

# Wait for background jobs; fail when one of them did.
all_of() {
    local job failed=0
    for job; do wait "$job" || failed=1; done
    return "$failed"
}

# Run the script on standard input on many nodes at once.
each() { # what, nodes
    local script node jobs=() what=$1
    shift
    script=$(cat)
    for node; do
        on "$what" "$node" <<<"$script" &
        jobs+=($!)
    done
    all_of "${jobs[@]}"
}

# Bring the files of a stage to one node, with owners and modes, take away what must not be there, and tell systemd.
bring() { # stage, node
    local absent=ABSENT_$1_$2
    ssh -F "$BENCH/ssh_config" "$2" "tar --extract --preserve-permissions --directory=/ && rm -f ${!absent} &&
        systemctl daemon-reload" <"$BENCH/$1.$2.tar" || { echo "$2: files of $1 could not be copied" >&2; return 1; }
}

# The same on nodes, all at once.
copy() { # stage, nodes
    local stage=$1 node jobs=() begin
    begin=$(now)
    shift
    for node; do
        bring "$stage" "$node" &
        jobs+=($!)
    done
    all_of "${jobs[@]}"
    note "files:$stage" "$begin"
}
