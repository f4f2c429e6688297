# common.sh - what the scripts share: where the checkout is, saying and dying, a scratch directory, cleaning up on any way out.
# Sourced, after `set -euo pipefail`.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
builds=${MAILSEAL_BUILDS:-$top/build} # every build, every unpacked package, every log of a run is below it

export PYTHONDONTWRITEBYTECODE=1

# One line for each argument.
say() { printf '%s\n' "$@"; }
warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
    warn "$*"
    exit 1
}

# Actions for the way out, last one first, whether it ends well, badly or by a signal.
exit_actions=()
on_exit() { exit_actions=("$1" "${exit_actions[@]}"); }
leave() {
    local status=$? action
    trap - EXIT
    trap '' INT TERM HUP
    set +e
    for action in "${exit_actions[@]}"; do eval "$action"; done
    exit "$status"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 129' HUP
trap 'exit 143' TERM

# make_scratch NAME: sets scratch to a new directory that anyone may search (the mail server works in it under its own account) and
# that is gone at the end.
make_scratch() {
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/mailseal-$1.XXXXXX")
    chmod 755 "$scratch"
    on_exit "rm -rf '$scratch'"
}

# quietly LOG COMMAND...: its output goes to LOG; shown (the end of it) only when it fails.
quietly() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 </dev/null && return 0
    warn "failed: $*"
    tail -n 25 "$log" >&2
    return 1
}
