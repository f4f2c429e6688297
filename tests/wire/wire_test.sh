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
    { cat "$dir/base" && echo "journal = \"$dir/journal.db\""; } >"$dir/journal.conf"
    { cat "$dir/base" && echo "policy = \"$dir/percent.policy\""; } >"$dir/percent.conf"
    echo 'rule "default" { action = reject reply = "550 5.7.1 100% of %{from-domain} refused" }' >"$dir/percent.policy"
    { cat "$dir/base" && echo "policy = \"$dir/explains.policy\""; } >"$dir/explains.conf"
    cat >"$dir/explains.policy" <<'P'
rule "spf" { when = {"spf=fail"} action = reject reply = "550 5.7.23 SPF validation failed %{spf-explanation}" }
rule "all" { action = accept }
P
    { grep -v '^quarantine' "$dir/base" && echo 'quarantine = label' && echo "policy = \"$dir/local.policy\""; } >"$dir/local.conf"
    cat >"$dir/local.policy" <<P
rule "no shell" { when = {"direction=outbound", "daemon=web"} action = discard }
rule "throw away" { when = {"from-domain=example.test"} action = discard }
rule "doubtful" { when = {"dmarc=fail"} action = quarantine }
rule "at the gate" { when = {"daemon=gate"} action = reject reply = "550 5.7.1 not here: %{queue-id}" }
rule "all" { action = label }
P
    sed 's/mx\.example/renamed.example/' "$dir/base" >"$dir/renamed.conf"
    { grep -v dns-snapshot "$dir/base" && echo "nameservers = {\"127.0.0.1:$1\"}"; } >"$dir/silent.conf"
    # Port 1 of the loopback address: nobody is there, and the system says so.
    { grep -v dns-snapshot "$dir/base" && echo 'nameservers = {"127.0.0.1:1"} dmarc-temperror = tempfail'; } >"$dir/dead.conf"
    { cat "$dir/dead.conf" && echo 'resolver-down = tempfail'; } >"$dir/deadlater.conf"
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

# run_lines LINE...: a script, against the daemon that runs; its transcript goes to $dir/got.
run_lines() {
    printf '%s\n' "$@" >"$dir/lines.mta"
    cp "$here/nopolicy.eml" "$dir"
    "$mta" "$dir" "$dir/lines.mta" >"$dir/got" 2>&1
}

one_message() {
    run_lines open negotiate 'connect mail.example.test 4 4321 203.0.113.9' 'helo mail.example.test' 'mail <a@nopolicy.test>' \
        'rcpt <b@mx.example.test>' 'message nopolicy.eml' eom quit && grep -q 'dmarc=none' "$dir/got"
}

# one_reload TEXT: and what the log says then.
one_reload() {
    wanted=$1
    kill -HUP "$daemon" && wait_for was_logged
}

was_logged() { grep -q "$wanted" "$dir/log"; }
has_no_fds() { [ "$(ls "/proc/$daemon/fd" | wc -l)" -ge 64 ]; }

# X11: more connections than descriptors. They wait; a reload fails and changes nothing; when they are gone all is well.
test_shortage() {
    printf '#!/bin/sh\nulimit -n 64 && exec "$@"\n' >"$dir/few" && chmod 755 "$dir/few"
    start plain "$dir/few"
    run_lines 'crowd 300 -' 'log the crowd may go' 'crowd 0' &
    wait_for has_no_fds && one_reload 'the old one keeps working'
    status=$?
    echo 'the crowd may go' >>"$dir/log"
    wait $!
    [ $status = 0 ] && one_message && one_reload 'configuration reloaded'
    status=$?
    [ $status = 0 ] || cat "$dir/got" "$dir/log" >"$dir/found"
    finish && [ $status = 0 ]
    result $? 'descriptors come to an end, mail does not'
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
    # Of a process that may be dumped these files belong to its group.
    start plain setpriv --regid=65534 --clear-groups
    [ "$(stat -c %g "/proc/$daemon/mem")" = 0 ]
    result $? 'memory is not to be read from outside'
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

# ---- the journal ----

# replayed TEXT [OPTION...]: what another policy would do with the messages in the journal.
replayed() {
    text=$1
    shift
    "$mailseal" replay --journal "$dir/journal.db" --policy monitor "$@" >"$dir/found" 2>&1 && grep -q "$text" "$dir/found"
}
explained() {
    text=$1
    shift
    "$mailseal" explain --id REJECT --journal "$dir/journal.db" "$@" >"$dir/found" 2>&1 && grep -q "$text" "$dir/found"
}
messages() { replayed '' && sed -n '1s/ messages.*//p' "$dir/found"; }
has_more_than() { [ "$(messages)" -gt "$1" ]; }
send() { "$mta" "$dir" "$here/$1.mta" >/dev/null 2>&1; }

# M18, X08, X09: what was decided is there after the end; a kill loses the last second at most, and the file is good.
test_journal() {
    start journal
    send plain && send verdicts
    wait_for replayed ' messages from'
    result $? 'the journal can be read while the daemon runs'
    finish && grep -q 'journal.db.: [0-9]* entries were written, 0 dropped' "$dir/log"
    result $? 'the journal is written at the end'
    replayed 'reject -> accept' && replayed '  HOLD' --examples 20
    result $? 'another policy is compared, with examples'
    explained '^Message REJECT of ' && explained 'This message was refused' && explained 'DNS answers used'
    result $? 'a past message is explained'
    explained '"queue_id": "REJECT"' --json && explained '"dns_whole": true' --json
    result $? 'a past message is explained to scripts'
    ! "$mailseal" explain --id NONE --journal "$dir/journal.db" >"$dir/found" 2>&1 && grep -q "no message with the queue id 'NONE'" "$dir/found"
    result $? 'a message that is not there is said'
    [ "$(ls -l "$dir/journal.db" | cut -c1-10)" = -rw------- ]
    result $? 'the journal is private'

    before=$(messages)
    start journal
    send verdicts
    wait_for has_more_than "$before"
    kill -9 "$daemon" && wait "$daemon" 2>/dev/null
    start journal && send plain && finish && ! grep -q 'corrupt' "$dir/log" && has_more_than "$before"
    result $? 'a killed daemon leaves a good journal'

    echo 'this is not a database, but text, and too long for a short read' >"$dir/journal.db"
    rm -f "$dir/journal.db-wal" "$dir/journal.db-shm"
    start journal && send plain && finish && grep -q 'set aside' "$dir/log" && replayed '^1 messages'
    result $? 'a corrupt journal is begun anew'
    ls "$dir"/journal.db.corrupt-* >"$dir/found"
    result $? 'the corrupt one is set aside'
    sed "s,journal.db,absent/journal.db," "$dir/journal.conf" >"$dir/mailseal.conf"
    refuses "journal '$dir/absent/journal.db': No such file"
    result $? 'a missing directory of the journal is named'
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
        test_shortage
        test_signals
        test_process
        test_journal
    fi
done
echo "1..$count"
exit $failed
