# What the scripts of the stages share. Sourced by bash with BENCH set: the folder with `facts` (names, addresses and
# secrets as shell variables), `ssh_config`, and the files of each stage as <stage>.<node>.tar.
set -euo pipefail
. "$BENCH/facts"

now() { echo "${EPOCHREALTIME/[.,]/}"; } # microseconds

# Note how long a call took, so that a wait can be found: script, what, milliseconds.
note() { printf '%s %s %d\n' "${0##*/}" "$1" $((($(now) - $2) / 1000)) >>"$BENCH/steps"; }

# Run the script on standard input on one node; it knows the facts and its own name. Nothing secret is an argument.
on() {
    local begin
    begin=$(now)
    { printf 'set -euo pipefail\nNODE=%s\n' "$1"; cat "$BENCH/facts" -; } |
        ssh -F "$BENCH/ssh_config" "$1" 'eval "$(cat)" </dev/null' || return
    note "on:$1" "$begin"
}

# Wait for background jobs; fail when one of them did.
all_of() {
    local job failed=0
    for job; do wait "$job" || failed=1; done
    return "$failed"
}

# Run the script on standard input on many nodes at once.
each() {
    local script node jobs=()
    script=$(cat)
    for node; do
        on "$node" <<<"$script" &
        jobs+=($!)
    done
    all_of "${jobs[@]}"
}

# Copy the files of a stage to nodes, all at once, with owners and modes.
copy() {
    local stage=$1 node jobs=() begin
    begin=$(now)
    shift
    for node; do
        ssh -F "$BENCH/ssh_config" "$node" tar --extract --preserve-permissions --directory=/ \
            <"$BENCH/$stage.$node.tar" &
        jobs+=($!)
    done
    all_of "${jobs[@]}" || return
    note "copy:$stage" "$begin"
}
