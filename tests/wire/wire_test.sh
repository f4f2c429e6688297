#!/bin/sh
# wire_test.sh - the real daemon, driven over the milter protocol by a client of our own (mta.c).
#
# usage: wire_test.sh [--write] [SCRIPT...]. Every script NAME.mta gets a daemon of its own; the transcript must be NAME.want (--write
# makes it so instead: read the difference before you keep it). Then come the tests of start and stop; "all" as SCRIPT is these alone.
# Output is TAP. MAILSEAL and MTA name the two programs, srcdir the top of the source tree.
set -u

here=${srcdir:-.}/tests/wire
mailseal=${MAILSEAL:-./mailseal}
mta=${MTA:-./tests/wire/mta}
dir=$(mktemp -d "${TMPDIR:-/tmp}/mailseal-wire.XXXXXX") || exit 99
chmod 755 "$dir"
daemon= silent= count=0 failed=0
MAILSEAL_POLICYDIR=${MAILSEAL_POLICYDIR:-${srcdir:-.}/policies}
ASAN_OPTIONS=${ASAN_OPTIONS:-}:quarantine_size_mb=1
export MAILSEAL_POLICYDIR ASAN_OPTIONS

clean_up() {
    [ -z "$daemon" ] || kill -9 "$daemon"
    [ -z "$silent" ] || kill "$silent"
    rm -rf "$dir"
} 2>/dev/null
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# ---- TAP ----

# result STATUS NAME: one test; what it found stands in $dir/found.
result() {
    count=$((count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
        sed 's/^/# /' "$dir/found"
        failed=1
    fi
    : >"$dir/found"
}

skip() {
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

# ---- the daemon ----

# Variants of one configuration; the daemon reads mailseal.conf.
write_configs() {
    cat >"$dir/base" <<C
socket = "unix:$dir/sock"
authserv-id = "mx.example.test"
dns-snapshot = "$dir/zone.json"
quarantine = hold
C
    cp "$here/zone.json" "$dir/zone.json"
    cp "$dir/base" "$dir/plain.conf"
    { cat "$dir/base" && echo 'max-messages = 1'; } >"$dir/single.conf"
    { cat "$dir/base" && echo 'dmarc-temperror = tempfail'; } >"$dir/defer.conf"
    { cat "$dir/base" && echo 'nonsense = 1'; } >"$dir/broken.conf"
    { cat "$dir/base" && echo "policy = \"$dir/percent.policy\""; } >"$dir/percent.conf"
    echo 'rule "default" { action = reject reply = "550 5.7.1 100% of %{from-domain} refused" }' >"$dir/percent.policy"
    sed 's/mx\.example/renamed.example/' "$dir/base" >"$dir/renamed.conf"
    { grep -v dns-snapshot "$dir/base" && echo "nameservers = {\"127.0.0.1:$1\"}"; } >"$dir/silent.conf"
}

# wait_for COMMAND...: until it succeeds, or the daemon has ended, or 10 s have passed.
wait_for() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] && kill -0 "$daemon" 2>/dev/null || return 1
        sleep 0.05
    done
}

is_listening() { grep -q 'listens on' "$dir/log"; }

# start CONFIG [COMMAND...]: a daemon with that configuration, started by that command; false when it does not come up.
start() {
    cp "$dir/$1.conf" "$dir/mailseal.conf"
    : >"$dir/log"
    shift
    "$@" "$mailseal" milter -c "$dir/mailseal.conf" 2>>"$dir/log" </dev/null &
    daemon=$!
    echo "$daemon" >"$dir/pid"
    wait_for is_listening
}

# finish: asks the daemon to end if it has not yet; its exit status.
finish() {
    kill -TERM "$daemon" 2>/dev/null
    wait "$daemon" 2>/dev/null
    status=$?
    daemon=
    return $status
}

# ---- scripts ----

run_script() {
    script=$1 name=$(basename "$1" .mta)
    config=$(sed -n 's/^# conf: //p' "$script")
    start "${config:-plain}" || cp "$dir/log" "$dir/found"
    "$mta" "$dir" "$script" >"$dir/got" 2>>"$dir/found" || echo "the script could not be run" >>"$dir/found"
    finish || echo "the daemon ended with status $?" >>"$dir/found"
    grep -E 'mistake in mailseal|Sanitizer|runtime error' "$dir/log" >>"$dir/found"
    [ -z "$write" ] || cp "$dir/got" "${script%.mta}.want"
    diff -u "${script%.mta}.want" "$dir/got" >>"$dir/found"
    [ ! -s "$dir/found" ]
    result $? "script $name"
}

# ---- start and stop ----

# refuses TEXT: a daemon with mailseal.conf as it stands must end with status 1 and say TEXT.
refuses() {
    "$mailseal" milter -c "$dir/mailseal.conf" >"$dir/found" 2>&1 </dev/null
    [ $? = 1 ] && grep -q "$1" "$dir/found"
}

# X07: what is at the socket's path decides.
test_socket() {
    start plain
    refuses 'another process listens there'
    result $? 'a live socket is left alone'
    [ "$(ls -l "$dir/sock" | cut -c1-10)" = srw-rw---- ]
    result $? 'the socket has the mode of the configuration'
    kill -9 "$daemon" && wait "$daemon" 2>/dev/null
    [ -S "$dir/sock" ] && start plain
    result $? 'a socket that nobody listens on is replaced'
    finish && [ ! -e "$dir/sock" ]
    result $? 'the socket is gone after the end'

    echo precious >"$dir/sock"
    refuses 'is not a socket' && [ "$(cat "$dir/sock")" = precious ]
    result $? 'a file is left alone'
    rm "$dir/sock" && ln -s "$dir/elsewhere" "$dir/sock"
    refuses 'is not a socket' && [ -L "$dir/sock" ]
    result $? 'a symbolic link is left alone'
    rm "$dir/sock"
    sed "s,unix:.*,unix:$dir/absent/sock\"," "$dir/base" >"$dir/mailseal.conf"
    refuses "directory of the socket '$dir/absent': No such file"
    result $? 'a missing directory is named'
    cp "$dir/broken.conf" "$dir/mailseal.conf"
    refuses 'mailseal.conf:5'
    result $? 'a mistake in the configuration is named with its line'
}

# X12: nobody reads the log, or there is none.
test_log() {
    cp "$dir/plain.conf" "$dir/mailseal.conf"
    "$mailseal" milter -c "$dir/mailseal.conf" 2>&- </dev/null >&- &
    daemon=$!
    echo "$daemon" >"$dir/pid"
    wait_for test -S "$dir/sock"
    printf 'open\nnegotiate\nconnect a 4 1 192.0.2.1\nmail <a@nopolicy.test>\nquit\n' >"$dir/short.mta"
    "$mta" "$dir" "$dir/short.mta" 2>&1 | tail -n 2 | head -n 1 >"$dir/found"
    finish && grep -q '< continue' "$dir/found"
    result $? 'without standard error mail goes on'
}

# Every signal of a burst comes to the daemon, none to libmilter, which would stop at a SIGHUP.
test_signals() {
    round=0
    while [ $round -lt 20 ]; do
        round=$((round + 1))
        start plain
        kill -HUP "$daemon" && kill -HUP "$daemon" && kill -HUP "$daemon"
        finish || break
    done
    [ "$status" = 0 ]
    result $? 'signals in bursts'
}

# X13: memory is locked, or one line says that it is not. A sanitizer leaves nothing to lock.
test_memory() {
    if [ "$(id -u)" != 0 ] || [ ! -r /proc/self/status ] || ! command -v setpriv >/dev/null || is_sanitized; then
        skip 'memory is locked' 'needs root, setpriv and /proc, and no sanitizer'
        return
    fi
    start plain
    locked=$(awk '/^VmLck:/ { lock = $2 } /^VmRSS:/ { rss = $2 } END { print (lock >= rss && rss > 0) }' "/proc/$daemon/status")
    [ "$locked" = 1 ] && ! grep -q swapped "$dir/log"
    result $? 'memory is locked'
    finish
    start plain setpriv --bounding-set=-sys_resource,-ipc_lock prlimit --memlock=65536:65536
    [ "$(grep -c 'may be swapped to disk: the limit on locked memory is 65536 bytes' "$dir/log")" = 1 ]
    result $? 'memory that may not be locked is told, and the daemon goes on'
    grep -Eq '^VmLck:[[:space:]]+0 kB' "/proc/$daemon/status"
    result $? 'nothing is locked below a limit'
    finish
}

is_sanitized() { grep -qE '__[at]san_init' "$mailseal"; }

# X13: limits and identity, where /proc shows them.
test_process() {
    if [ ! -r /proc/self/limits ]; then
        skip 'no core files' 'no /proc'
    else
        start plain
        grep -Eq '^Max core file size +0 +0' "/proc/$daemon/limits"
        result $? 'no core files'
        finish
    fi
    test_memory
    if [ "$(id -u)" != 0 ] || [ ! -r /proc/self/status ]; then
        skip 'root is given up' 'needs root and /proc'
        return
    fi
    { cat "$dir/base" && echo 'user = nobody'; } >"$dir/nobody.conf"
    want=$(id -u nobody)
    start nobody
    sed -n 's/^[UG]id:[[:space:]]*//p; s/^Groups:/groups/p; s/^CapEff:[[:space:]]*/caps /p' "/proc/$daemon/status" >"$dir/found"
    head -n 1 "$dir/found" | grep -q "^$want[[:space:]]$want[[:space:]]$want[[:space:]]$want$" && grep -q 'caps 0*$' "$dir/found" &&
        ! grep -Eq '^groups.*[[:space:]]0([[:space:]]|$)' "$dir/found"
    result $? 'root is given up'
    [ "$(stat -c %u "$dir/sock" 2>/dev/null || stat -f %u "$dir/sock")" = "$want" ]
    result $? 'the socket belongs to the account'
    finish || true
    rm -f "$dir/sock"
    echo 'user = no-such-account' >>"$dir/mailseal.conf" && sed -i '/user = nobody/d' "$dir/mailseal.conf"
    refuses "user 'no-such-account': does not exist"
    result $? 'an unknown account is named'
}

# ---- all ----

write=
if [ "${1:-}" = --write ]; then
    write=yes
    shift
fi
: >"$dir/found"
mkfifo "$dir/port"
"$mta" silent >"$dir/port" &
silent=$!
read -r port <"$dir/port"
write_configs "$port"
[ $# -gt 0 ] || set -- "$here"/*.mta all
for script; do
    if [ "$script" != all ]; then
        run_script "$script"
    else
        test_socket
        test_log
        test_signals
        test_process
    fi
done
echo "1..$count"
exit $failed
