# What the scripts of the stages share. Sourced by bash with BENCH set: the folder with `facts` (names, addresses and
# secrets as shell variables), `ssh_config`, and the files of each stage as <stage>.<node>.tar.
set -euo pipefail
. "$BENCH/facts"

# Run the script on standard input on one node; it knows the facts and its own name. Nothing secret is an argument.
on() {
    { printf 'set -euo pipefail\nNODE=%s\n' "$1"; cat "$BENCH/facts" -; } |
        ssh -F "$BENCH/ssh_config" "$1" 'eval "$(cat)" </dev/null'
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
    local stage=$1 node jobs=()
    shift
    for node; do
        ssh -F "$BENCH/ssh_config" "$node" tar --extract --preserve-permissions --directory=/ \
            <"$BENCH/$stage.$node.tar" &
        jobs+=($!)
    done
    all_of "${jobs[@]}"
}
