#!/bin/sh
# cmd_test.sh - the commands as a person uses them: exit codes, files made, and that each agrees with the others.
. "${srcdir:-.}/tests/lib/tap.sh"

# ---- usage ----
run 2 "no command" "$program"
run 0 "help" "$program" --help
says out "milter"
run 0 "version" "$program" --version
says out "mailseal "
run 2 "unknown command" "$program" nonsense
says err "no such command 'nonsense'"
for command in milter check spf dmarc sign key replay config; do
    run 0 "$command --help" "$program" "$command" --help
    says out "usage: mailseal $command"
    run 2 "$command with an unknown option" "$program" "$command" --nonsense
done
run 2 "explain --id with a message" "$program" explain --id Q1 message.eml
run 2 "explain --id without one" "$program" explain --id
run 1 "explain --id without a journal" "$program" explain --id Q1 --journal "$work/none.db"
says err "No such file"
run 2 "check without a message" "$program" check --client-ip 192.0.2.1 --helo h --mail-from a@b.example

# ---- keys ----
run 0 "key new, RSA" "$program" key new good.example --selector r --out "$work/r.pem"
says out "r._domainkey.good.example"
run 0 "key new, Ed25519" "$program" key new good.example --selector e --algorithm ed25519 --out "$work/e.pem"
says out "k=ed25519"
run 1 "key new overwrites nothing" "$program" key new good.example --selector r --out "$work/r.pem"
name="mode of a new key"
mode=$(ls -l "$work/r.pem" | cut -c1-10)
if [ "$mode" = "-rw-------" ]; then ok "$name"; else not_ok "$name: $mode"; fi
run 2 "key new, unknown algorithm" "$program" key new good.example --algorithm rsa512 --out "$work/x.pem"

record() {
    "$program" key show "$work/$1.pem" --domain good.example --selector "$1" --json |
        sed -n 's/.*"record": //p' | sed 's/,$//'
}
cat >"$work/dns.json" <<J
{ "good.example": { "TXT": ["v=spf1 ip4:192.0.2.0/24 -all"] },
  "_dmarc.good.example": { "TXT": ["v=DMARC1; p=reject; adkim=s"] },
  "r._domainkey.good.example": { "TXT": [$(record r)] },
  "e._domainkey.good.example": { "TXT": [$(record e)] },
  "old._domainkey.good.example": { "TXT": ["v=DKIM1; p="] } }
J
run 0 "key check" "$program" key check --dns "$work/dns.json" --domain good.example --selector r --key "$work/r.pem"
run 1 "key check, another key is published" "$program" key check --dns "$work/dns.json" --domain good.example \
    --selector e --key "$work/r.pem"
run 1 "key check, revoked" "$program" key check --dns "$work/dns.json" --domain good.example --selector old --key "$work/r.pem"
says out "revoked"
run 1 "key check, not published" "$program" key check --dns "$work/dns.json" --domain good.example --selector none \
    --key "$work/r.pem"

# ---- signing, and what check says of it ----
cat >"$work/conf" <<C
authserv-id = "mx.site.example"
internal-networks = {}
C
printf 'From: Ann <ann@good.example>\nTo: bob@site.example\nSubject: one\n\nHello  Bob \n\n\n' >"$work/plain.eml"
check() {
    "$program" check --json -c "$work/conf" --dns "$work/dns.json" --client-ip 203.0.113.1 --helo h.example --mail-from '<>' "$@"
}
for canon in simple/simple simple/relaxed relaxed/simple relaxed/relaxed; do
    for selector in r e; do
        input=$work/plain.eml
        run 0 "sign $selector $canon" "$program" sign --domain good.example --selector $selector --key \
    "$work/$selector.pem" --canon $canon
        cp "$work/out" "$work/signed.eml"
        input=
        run 0 "check $selector $canon" check "$work/signed.eml"
        says out '"dkim_aligned": true'
        sed 's/Hello/Hullo/' "$work/signed.eml" >"$work/changed.eml"
        run 0 "check $selector $canon, changed body" check "$work/changed.eml"
        says out '"dkim_aligned": false'
    done
done
input=$work/plain.eml
run 1 "sign with rsa-sha1" "$program" sign --domain good.example --selector r --key "$work/r.pem" --algorithm rsa-sha1
run 1 "sign with the wrong algorithm" "$program" sign --domain good.example --selector r --key "$work/r.pem" \
    --algorithm ed25519-sha256
run 1 "sign without a key" "$program" sign --domain good.example --selector r --key "$work/none.pem"
says err "$work/none.pem"
run 2 "sign without a domain" "$program" sign --selector r --key "$work/r.pem"
printf 'Subject: no author\n\nx\n' >"$work/noauthor.eml"
input=$work/noauthor.eml
run 1 "sign without From" "$program" sign --domain good.example --selector r --key "$work/r.pem"
name="nothing on stdout when not signed"
if [ -s "$work/out" ]; then not_ok "$name"; else ok "$name"; fi
input=

# ---- stdin, recording, repeating ----
input=$work/signed.eml
run 0 "check from stdin" check -
says out '"result": "pass"'
input=
run 0 "check --record" check --record "$work/recorded.json" "$work/signed.eml"
cp "$work/out" "$work/first"
run 0 "check repeats a recording" "$program" check --json -c "$work/conf" --dns "$work/recorded.json" \
    --client-ip 203.0.113.1 --helo h.example \
    --mail-from '<>' "$work/signed.eml"
name="the recording gives the same verdict"
if cmp -s "$work/first" "$work/out"; then ok "$name"; else not_ok "$name"; fi
run 1 "check, no such file" check "$work/nothing.eml"
run 1 "check, no such snapshot" "$program" check -c "$work/conf" --dns /nonexistent --client-ip 192.0.2.1 --helo h \
    --mail-from a "$work/plain.eml"
run 2 "check, no address" "$program" check --client-ip 192.0.2 --helo h --mail-from a "$work/plain.eml"
run 2 "check, no time" check --now yesterday "$work/plain.eml"
run 0 "check for people" "$program" check -c "$work/conf" --dns "$work/dns.json" --client-ip 192.0.2.1 --helo h.example \
    --mail-from ann@good.example "$work/plain.eml"
says out "Result: DMARC pass"

# ---- spf, dmarc, config ----
run 0 "spf" "$program" spf --dns "$work/dns.json" --client-ip 192.0.2.1 --helo h.example --mail-from ann@good.example --json
says out '"result": "pass"'
run 0 "dmarc" "$program" dmarc --dns "$work/dns.json" good.example
says out "p=reject"
run 0 "config check" "$program" config check -c "$work/conf"
says out "ok"
echo 'nonsense = 1' >>"$work/conf"
run 1 "config check, unknown option" "$program" config check -c "$work/conf"
says err "$work/conf:3: "

echo "1..$n"
[ "$failed" -eq 0 ]
