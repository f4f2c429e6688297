# tap.sh - for tests of commands in plain sh: what ran, what it said, and a line "ok" or "not ok" for each check. Sourced.
program=${MAILSEAL:-./mailseal}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
n=0 failed=0 input=

ok() {
    n=$((n + 1))
    echo "ok $n - $1"
}
not_ok() {
    n=$((n + 1)) failed=$((failed + 1))
    echo "not ok $n - $1"
    sed 's/^/# /' "$work/out" "$work/err" 2>/dev/null | head -n 20
}
# run WANTED-EXIT-CODE NAME COMMAND...: reads the file $input, if that is set; stdout and stderr stay in files.
run() {
    wanted=$1 name=$2
    shift 2
    "$@" >"$work/out" 2>"$work/err" <"${input:-/dev/null}"
    got=$?
    if [ "$got" -eq "$wanted" ]; then ok "$name"; else not_ok "$name: want exit code $wanted, got $got"; fi
}
# says FILE TEXT, says_not FILE TEXT: of the last command's output or error.
says() {
    if grep -qF -- "$2" "$work/$1"; then ok "$name: says '$2'"; else not_ok "$name: does not say '$2'"; fi
}
says_not() {
    if grep -qF -- "$2" "$work/$1"; then not_ok "$name: says '$2'"; else ok "$name: does not say '$2'"; fi
}
