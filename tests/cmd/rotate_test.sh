#!/bin/sh
# rotate_test.sh - the key directory: keys made, rotated from start to end with a scripted DNS and clock, crashes between the steps,
# directories that are not safe.
. "${srcdir:-.}/tests/lib/tap.sh"

# same NAME GOT WANT
same() {
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1: want '$3', got '$2'"; fi
}

keys=$work/keys
now=1795305600 # 2026-11-22
day=86400
rotate() {
    "$program" key rotate good.example --dir "$keys" --dns "$work/dns.json" --now "$now" "$@"
}
# publish SELECTOR...: these records and no others.
publish() {
    {
        echo '{ "good.example": { "TXT": ["v=spf1 -all"] }'
        for selector in "$@"; do
            file=$keys/good.example/$selector.pem
            [ -e "$file" ] || file=$file.retired
            echo ", \"$selector._domainkey.good.example\": { \"TXT\": ["
            "$program" key show "$file" --domain good.example --selector "$selector" --json |
                sed -n 's/.*"record": //p' | sed 's/,$//'
            echo '] }'
        done
        echo '}'
    } >"$work/dns.json"
}
# The states in the directory: selector:word of each, in the order of the names; keys put away as selector:away.
states() {
    for file in "$keys"/good.example/*.pem "$keys"/good.example/*.pem.retired; do
        [ -e "$file" ] || continue
        selector=$(basename "$file" | sed 's/\.pem.*//') word=away
        case $file in *.pem) word=$(cut -d' ' -f1 "$keys/good.example/$selector.state" 2>/dev/null || echo active) ;; esac
        printf '%s:%s ' "$selector" "${word:-active}"
    done
}

# ---- key new in a directory ----
run 0 "key new" "$program" key new good.example --dir "$keys" --now $now
says out "20261122r._domainkey.good.example TXT v=DKIM1; k=rsa; p="
says out "IN TXT ("
says out "pending"
same "mode of the key" "$(stat -c %a "$keys/good.example/20261122r.pem")" 600
same "mode of the directory" "$(stat -c %a "$keys/good.example")" 700
name="strings of a BIND record have 255 bytes at most"
longest=$(sed -n 's/^    "\(.*\)".*/\1/p' "$work/out" | awk '{ if (length > n) n = length } END { print n }')
if [ "$longest" = 255 ]; then
    ok "$name"
else
    not_ok "$name"
fi
run 0 "key new on the same day has another name" "$program" key new good.example --dir "$keys" --now $now --json
says out '"selector": "20261122r2"'
says out '"strings": ['
run 1 "key new overwrites nothing" "$program" key new good.example --dir "$keys" --selector 20261122r
says err "File exists"
rm -r "$keys"

# ---- the first key: no step is skipped ----
publish
run 0 "the first key" rotate
says out "a new key, pending"
same "the first key is made" "$(states)" "20261122r:pending "
run 0 "not published" rotate
says out "waits for its record to be published"
says out "no such name in the DNS"
same "nothing signs before it is published" "$(states)" "20261122r:pending "
publish 20261122r
run 0 "published" rotate
says out "old answers are forgotten at 2026-11-22T00:05:00Z"
same "nothing signs before the negative TTL is over" "$(states)" "20261122r:pending "
now=$((now + 299))
run 0 "one second before" rotate
same "one second before" "$(states)" "20261122r:pending "
publish
run 0 "the record vanishes" rotate
says out "waits for its record"
now=$((now + 10000))
publish 20261122r
run 0 "it is back: the wait begins anew" rotate
says out "old answers are forgotten at"
same "the wait begins anew" "$(states)" "20261122r:pending "
now=$((now + 300))
run 0 "the first switch" rotate
says out "active; reload the daemon"
same "the first key signs" "$(states)" "20261122r:active "
run 0 "nothing due" rotate --every 90
says out "nothing is due before 2027-02-20"
same "nothing was begun" "$(states)" "20261122r:active "

# ---- the second: from start to end ----
now=$((now + 90 * day))
run 0 "begin" rotate --every 90
says out "20270220r._domainkey.good.example: a new key, pending"
same "begin" "$(states)" "20261122r:active 20270220r:pending "
run 0 "again: nothing new is begun" rotate
same "again" "$(states)" "20261122r:active 20270220r:pending "
publish 20261122r 20270220r
run 0 "seen" rotate
now=$((now + 300))
cp -r "$keys" "$work/before-switch"
run 0 "switch" rotate
says out "20261122r._domainkey.good.example: retired; leave its record published until 2027-02-27"
says out "20270220r._domainkey.good.example: active"
same "switch" "$(states)" "20261122r:retired 20270220r:active "
cp -r "$keys" "$work/after-switch"
run 0 "switch again" rotate
same "switch again" "$(states)" "20261122r:retired 20270220r:active "
run 0 "status" "$program" key status --dir "$keys"
says out "20261122r._domainkey.good.example: retired, 2048-bit RSA key"
says out "record needed until 2027-02-27"
run 0 "status --json" "$program" key status good.example --dir "$keys" --json
says out '"state":"retired"'
says out '"retire_after":'
same "status --json, a list" "$(sed -n 's/{.*}/{}/; s/{}$/last/; p' "$work/out" | tr -d '\n ')" '{"keys":[{},last]}'
publish 20270220r
run 0 "withdrawn too early: the key stays" rotate
same "withdrawn too early" "$(states)" "20261122r:retired 20270220r:active "
run 1 "check, withdrawn too early" "$program" key check --dir "$keys" --dns "$work/dns.json" --now "$now"
says out "no such name in the DNS; retired, but mail with its signatures may be under way"
run 0 "check, withdrawn in time" "$program" key check --dir "$keys" --dns "$work/dns.json" --now $((now + 7 * day))
says_not out "under way"
publish 20261122r 20270220r
now=$((now + 7 * day))
run 0 "the queue life is over" rotate
says out "waits for its record to be withdrawn"
same "the queue life is over" "$(states)" "20261122r:retired 20270220r:active "
publish 20270220r
run 0 "withdrawn" rotate
says out "put away"
same "withdrawn" "$(states)" "20270220r:active 20261122r:away "
run 0 "the end" rotate --every 90
same "the end" "$(states)" "20270220r:active 20261122r:away "

# ---- crashes: what each leaves, and that the next call ends well ----
# crash NAME WANTED-STATES: the directory is as a crash left it; a call must lead to the same end as without it.
crash() {
    now=$((1795305600 + 9 + 10590 + 90 * day + 300))
    publish 20261122r 20270220r
    run 0 "crash: $1" rotate
    same "crash: $1" "$(states)" "$2"
    same "crash: $1, nothing lies about" "$(find "$keys" -name '*.state.new')" ""
}
restore() {
    rm -rf "$keys"
    cp -r "$work/$1" "$keys"
}
state() {
    cat "$keys/good.example/$1.state" 2>/dev/null
}
restore before-switch
echo 'acti' >"$keys/good.example/20270220r.state.new"
crash "while the new state was written" "20261122r:retired 20270220r:active "
restore before-switch
echo "active since=$now switching=1" >"$keys/good.example/20270220r.state"
crash "between new active and old retired" "20261122r:retired 20270220r:active "
name="the switch is over"
case $(state 20270220r) in *switching*) not_ok "$name" ;; *) ok "$name" ;; esac
restore after-switch
sed -i 's/$/ switching=1/' "$keys/good.example/20270220r.state"
crash "between old retired and the end of the switch" "20261122r:retired 20270220r:active "
restore before-switch
rm "$keys/good.example/20270220r.pem"
mv "$keys/good.example/20270220r.state" "$work/left.state"
cp "$work/left.state" "$keys/good.example/20270220r.state"
echo '-----BEGIN' >"$keys/good.example/20270220r.pem.new"
now=$((1795305600 + 95 * day))
publish 20261122r
run 0 "crash: while the new key was written" rotate
says out "20270225r._domainkey.good.example: a new key, pending"
restore after-switch
mv "$keys/good.example/20261122r.pem" "$keys/good.example/20261122r.pem.retired"
crash "after the old key was put away, before anyone was told" "20270220r:active 20270220r2:pending 20261122r:away "

# ---- what cannot be read begins nothing, and signs nothing ----
restore after-switch
echo 'activ' >"$keys/good.example/20261122r.state"
publish 20261122r 20270220r
run 1 "a state that cannot be read" rotate
says err "20261122r.pem': its state is not valid"
says_not out "a new key"
run 1 "status of it" "$program" key status --dir "$keys"
says out "signs not: its state is not valid"
restore after-switch
: >"$keys/good.example/20270220r.pem"
run 1 "an empty key file" rotate
says err "20270220r.pem': it is empty"

restore after-switch

# ---- one file among many is refused with its path and the reason, the rest goes on ----
# refused_file NAME TEXT: the file 20261122r.pem
refused_file() {
    run 1 "$1" "$program" key status --dir "$keys"
    says out "20261122r._domainkey.good.example: signs not: $2"
    says out "20270220r._domainkey.good.example: active"
    run 1 "$1: rotate" rotate
    says err "20261122r.pem': $2"
    says_not out "a new key"
    restore after-switch
}
chmod 644 "$keys/good.example/20261122r.pem"
refused_file "a key others can read" "others have access to it"
chmod 620 "$keys/good.example/20261122r.pem"
refused_file "a key its group can write" "its group can write it"
rm "$keys/good.example/20261122r.pem" && ln -s 20270220r.pem "$keys/good.example/20261122r.pem"
refused_file "a link" "it is a symbolic link"
rm "$keys/good.example/20261122r.pem" && mkfifo "$keys/good.example/20261122r.pem"
refused_file "a FIFO" "it is not a regular file"
head -c 400 "$work/after-switch/good.example/20261122r.pem" >"$keys/good.example/20261122r.pem"
refused_file "a key cut short" "the key is damaged"
openssl genrsa -out "$keys/good.example/20261122r.pem" 512 2>"$work/err"
refused_file "a key of 512 bits" "RSA key shorter than 1024 bits"
openssl genrsa -aes128 -passout pass:x -out "$keys/good.example/20261122r.pem" 2048 2>"$work/err"
refused_file "an encrypted key" "the key is encrypted"

# ---- one at a time ----
run 1 "another one is at it" flock "$keys/good.example" "$program" key rotate good.example --dir "$keys" --dns "$work/dns.json"
says err "another process is changing its keys"

# ---- two types are two rotations ----
restore after-switch
now=$((1795305600 + 90 * day + 11000))
publish 20261122r 20270220r
run 0 "another type" rotate --algorithm ed25519
says out "e._domainkey.good.example: a new key, pending"
same "another type" "$(states)" "20261122r:retired 20270220e:pending 20270220r:active "
run 2 "no such algorithm" rotate --algorithm rsa512
run 2 "no number of days" rotate --every soon
run 2 "no directory" "$program" key rotate good.example

# ---- key check of a directory ----
run 0 "check, a pending key is not published" "$program" key check --dir "$keys" --dns "$work/dns.json"
says out "20270220e._domainkey.good.example at $work/dns.json: no such name in the DNS; pending"
says out "20270220r._domainkey.good.example at $work/dns.json: ok, 2048-bit RSA key"
run 0 "check --json" "$program" key check good.example --dir "$keys" --dns "$work/dns.json" --json
says out '"result":"missing"'
says out '"bits":2048'
same "check --json, a list" "$(sed -n 's/{.*}/{}/; s/{}$/last/; p' "$work/out" | tr -d '\n ')" \
    '{"keys":[{},{},last],"good":3,"bad":0,"left_out":0}'
publish 20261122r
run 1 "check, the active key is not published" "$program" key check good.example --dir "$keys" --dns "$work/dns.json"
publish 20261122r 20270220r
sed -i 's/v=DKIM1; k=rsa/v=DKIM1; t=y:s; k=rsa/' "$work/dns.json"
run 0 "check, flags" "$program" key check --dir "$keys" --dns "$work/dns.json"
says out "marked as a test (t=y), not for subdomains in i= (t=s)"
sed -i 's/v=DKIM1; t=y:s/v=DKIM1; h=sha1/' "$work/dns.json"
run 1 "check, h=" "$program" key check --dir "$keys" --dns "$work/dns.json"
says out "not for sha256"
sed -i 's/h=sha1/s=tlsrpt/' "$work/dns.json"
run 1 "check, s=" "$program" key check --dir "$keys" --dns "$work/dns.json"
says out "not for mail"
sed -i 's/v=DKIM1; s=tlsrpt/v=DKIM2/' "$work/dns.json"
run 1 "check, syntax" "$program" key check --dir "$keys" --dns "$work/dns.json"
echo '{ "20270220r._domainkey.good.example": { "TXT": ["v=DKIM1; p=", "v=DKIM1; p="] } }' >"$work/dns.json"
run 1 "check, several records" "$program" key check --dir "$keys" --dns "$work/dns.json"
says out "several TXT records"
echo '{ "20270220r._domainkey.good.example": { "TXT": ["v=DKIM1; p="] } }' >"$work/dns.json"
run 1 "check, revoked" "$program" key check --dir "$keys" --dns "$work/dns.json" --json
says out '"result":"revoked"'
printf 'key-directory = "%s"\ndns-snapshot = "%s"\n' "$keys" "$work/dns.json" >"$work/conf"
publish 20261122r 20270220r
run 0 "check -c, the keys of its directory" "$program" key check -c "$work/conf"
says out "20270220r._domainkey.good.example at $work/dns.json: ok"
says out "3 keys checked: 3 in order, 0 at fault"
run 0 "check --limit" "$program" key check -c "$work/conf" --limit 2
says out "2 keys checked: 2 in order, 0 at fault; 1 not checked (--limit)"
run 0 "check --limit 0" "$program" key check -c "$work/conf" --limit 0 --json
same "check --limit 0" "$(tr -d '\n ' <"$work/out")" '{"keys":[],"good":0,"bad":0,"left_out":3}'
run 2 "check --limit, no number" "$program" key check -c "$work/conf" --limit many
run 0 "check -c, a domain it has no key for" "$program" key check -c "$work/conf" other.example
says out "no key to check"

# ---- key check of a key table ----
cp "$keys/good.example/20270220r.pem" "$work/any.pem"
mkfifo "$work/fifo.pem"
cat >"$work/KeyTable" <<K
one good.example:20270220r:$work/any.pem
each %:20270220r:$work/any.pem
lost good.example:none:$work/any.pem
pipe good.example:pipe:$work/fifo.pem
K
cat >"$work/SigningTable" <<K
*@good.example each
ann@good.example each
*@other.example each
*@*.other.example each
K
cat >"$work/conf" <<C
dns-snapshot = "$work/dns.json"
key-table = "$work/KeyTable"
signing-table = "refile:$work/SigningTable"
C
run 1 "check -c, a key table" "$program" key check -c "$work/conf"
says out "20270220r._domainkey.good.example at $work/dns.json: ok"
says out "20270220r._domainkey.other.example at $work/dns.json: no such name in the DNS"
says out "none._domainkey.good.example at $work/dns.json: no such name in the DNS"
says err "key file '$work/fifo.pem': it is not a regular file"
says out "5 keys checked: 2 in order, 3 at fault"
run 1 "check -c, one domain of a key table" "$program" key check -c "$work/conf" other.example --json
says out '"good":0,"bad":1'
says_not out good.example
many=0
while [ $many -lt 100 ]; do
    many=$((many + 1))
    echo "k$many good.example:20270220r:$work/any.pem"
done >"$work/KeyTable"
: >"$work/SigningTable"
run 0 "check -c, more keys than are checked at once" "$program" key check -c "$work/conf"
says out "100 keys checked: 100 in order, 0 at fault"

run 1 "check, a name server that is not there" "$program" key check --dir "$keys" --server 127.0.0.1:1
says out "no answer from the DNS"
run 1 "check, no such directory" "$program" key check --dir "$work/none"
run 2 "check, nothing named" "$program" key check
run 2 "check, two domains" "$program" key check one.example two.example --dir "$keys"
says err "'two.example' is one argument too many"

# ---- directories that are not safe ----
# refused NAME TEXT: key new, rotate and status make nothing there.
refused() {
    for verb in "new good.example" "rotate good.example --dns $work/dns.json" "status good.example"; do
        # shellcheck disable=SC2086
        run 1 "$1: ${verb%% *}" "$program" key $verb --dir "$keys"
        says err "$2"
    done
}
chmod 770 "$keys/good.example"
refused "group may write" "can be written by group or others"
chmod 700 "$keys/good.example"
chmod 707 "$keys"
refused "others may write" "can be written by group or others"
chmod 700 "$keys"
mv "$keys/good.example" "$work/moved"
ln -s "$work/moved" "$keys/good.example"
refused "a link" "it is a symbolic link"
rm "$keys/good.example"
: >"$keys/good.example"
refused "a file" "no directory"

echo "1..$n"
[ "$failed" -eq 0 ]
