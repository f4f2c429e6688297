#!/bin/sh
# explain_test.sh - stories told by `mailseal explain`: tests/cmd/explain/NAME.want is what a person reads. The messages, their
# arguments and the DNS are those of tests/flow, or NAME.eml here, which tells by itself how it came. With UPDATE=yes in the
# environment the .want files are written anew, to be read with git diff.
. "${srcdir:-.}/tests/lib/tap.sh"
top=${srcdir:-.}
flow=$top/tests/flow here=$top/tests/cmd/explain
stories="pass-dual-signature forwarded-signed fail-reject-unrelated-pass forwarder list-standard arc-trusted arc-untrusted
    fail-reject body-changed fail-subdomain fail-test-mode eai temperror no-policy several-authors null-sender
    outbound-authenticated outbound-internal explanation delivered expired"

cp "$flow"/*.conf "$here"/*.conf "$here"/*.policy "$work" && cp -R "$flow/keys" "$work" && chmod -R u=rwX,go= "$work" || exit 1

# The file of a story with a suffix: here, with the flows, or the one they share.
pick() {
    for file in "$here/$1.$2" "$flow/$1.$2" "$flow/common.$2"; do
        if [ -f "$file" ]; then echo "$file" && return; fi
    done
}

explain() { "$program" explain --now 1780000000 --dns "$flow/common.dns.json" "$@"; }

for story in $stories; do
    set --
    if [ ! -f "$here/$story.eml" ]; then
        while IFS= read -r line; do set -- "$@" "$line"; done <"$(pick "$story" args)"
    fi
    run 0 "$story" explain -c "$work/$(basename "$(pick "$story" conf)")" "$@" "$(pick "$story" eml)"
    if [ "${UPDATE:-}" = yes ]; then
        cp "$work/out" "$here/$story.want"
    elif diff -u "$here/$story.want" "$work/out"; then
        ok "$story is told as before"
    else
        not_ok "$story is told differently"
    fi
    name="$story: lines of a terminal's width, nothing but ASCII"
    long=$(LC_ALL=C grep -c "[^ -~]" "$work/out")
    if [ "$long" -eq 0 ]; then ok "$name"; else not_ok "$name"; fi
done

# ---- what is given, and what is not ----
conf=$work/common.conf
input=
run 0 "JSON" explain -c "$conf" --json "$here/delivered.eml"
says out '"from": "Return-Path"'
says out '"dns": {'
says out '"profiles": ['
says out '"action": "accept"'
cp "$work/out" "$work/delivered.json"
run 0 "given as it was taken" explain -c "$conf" --json --client-ip 192.0.2.1 --helo mx.good.example \
    --mail-from ann@good.example "$here/delivered.eml"
name="the same is decided"
sed '/"taken": \[/,/^  \],/d' "$work/delivered.json" >"$work/one"
sed '/"taken": \[/d' "$work/out" >"$work/two"
if cmp -s "$work/one" "$work/two"; then ok "$name"; else not_ok "$name"; fi
run 0 "another client: SPF is about that one" explain -c "$conf" --json --client-ip 203.0.113.5 --helo h.example \
    "$here/delivered.eml"
says out '"ip": "203.0.113.5"'
run 1 "another client: its HELO is not known" explain -c "$conf" --client-ip 203.0.113.5 "$here/delivered.eml"
says err "give --helo"
run 1 "no trace fields" explain -c "$conf" "$flow/fail-reject.eml"
says err "the message has no Received field; give --client-ip"
run 1 "no sender" explain -c "$conf" --client-ip 192.0.2.1 --helo h.example "$flow/fail-reject.eml"
says err "give --mail-from"
run 2 "no address" explain -c "$conf" --client-ip nonsense "$here/delivered.eml"
run 1 "no such message" explain -c "$conf" "$work/none.eml"
run 1 "no such configuration" explain -c "$work/none.conf" "$here/delivered.eml"
run 1 "no such snapshot" "$program" explain --dns "$work/none.json" "$here/delivered.eml"
printf 'hello, this is no message\n' >"$work/text"
for file in "$work/text" /dev/null; do
    run 1 "no message: $(basename "$file")" explain -c "$conf" "$file"
    says err "is no message: it does not begin with a header field"
done
{ awk 'BEGIN { for (i = 0; i < 5000; i++) print "X-Many: " i }' && cat "$here/delivered.eml"; } >"$work/large"
run 1 "a header too large" explain -c "$conf" "$work/large"
says err "no address of the client: its header is too large to be read whole; give --client-ip"
run 1 "a header too large for the sender" explain -c "$conf" --client-ip 192.0.2.1 --helo h.example "$work/large"
says err "no envelope sender: its header is too large to be read whole; give --mail-from"
printf 'Received: by here.example (Postfix, from userid 0) id X; x\nFrom: a@good.example\n\n' >"$work/local"
run 1 "from a program of this host" explain -c "$conf" --mail-from '' "$work/local"
says err "its Received fields name no host outside this site"
run 0 "answers are kept" explain -c "$conf" --record "$work/kept.json" "$here/delivered.eml"
run 0 "and used again" "$program" explain --now 1780000000 -c "$conf" --dns "$work/kept.json" "$here/delivered.eml"
echo "nonsense" >"$work/site.policy"
run 0 "a profile that cannot be read" env MAILSEAL_POLICYDIR="$work" "$program" explain --now 1780000000 \
    --dns "$flow/common.dns.json" -c "$work/expired.conf" "$here/expired.eml"
says out "site: cannot be read"
echo "1..$n"
[ "$failed" -eq 0 ]
