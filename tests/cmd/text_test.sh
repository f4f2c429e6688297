#!/bin/sh
# text_test.sh - what the manuals, the README and the shipped files show is true: their examples are read by the program, the
# commands and options they name exist, and the samples of output are what it prints.
. "${srcdir:-.}/tests/lib/tap.sh"
top=$(cd "${srcdir:-.}" && pwd) || exit 1
man=$top/milter/man
export MAILSEAL_POLICYDIR="$top/policies"
mkdir "$work/keys" && chmod 700 "$work/keys" || exit 1
echo partner.example >"$work/partners"
"$program" key new example.com --selector s1 --out "$work/keys/example.com.s1.pem" >/dev/null || exit 1

is() {
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1: want '$3', got '$2'"; fi
}

# literal_blocks PAGE NAME TEXT: the literal blocks of a page that hold the text, as files NAME.1, NAME.2, ... in $work.
literal_blocks() {
    rm -f "$work/$2".*
    awk -v out="$work/$2" -v text="$3" '
        /^\.Bd -literal/ { inside = 1; block = ""; next }
        /^\.Ed/ { if (inside && index(block, text)) printf "%s", block >(out "." ++n); inside = 0; next }
        inside { gsub(/\\e/, "\\"); gsub(/\\(dq|\(dq)/, "\""); block = block $0 "\n" }' "$1"
}

# policy_is_read NAME FILE: as the policy of a configuration, which lies beside the tables that the examples name.
policy_is_read() {
    cp "$2" "$work/site.policy"
    echo 'policy = "./site.policy"' >"$work/site.conf"
    run 0 "$1" "$program" config check -c "$work/site.conf"
}

# ---- rules ----
literal_blocks "$man/mailseal-policy.5" rules 'rule "'
set -- "$work"/rules.*
is "mailseal-policy(5) has examples of rules" "$([ $# -ge 6 ] && echo yes)" yes
for block in "$@"; do
    shown="mailseal-policy(5): $(sed -n 's/^rule //p' "$block" | tr '\n' ' ')"
    if grep -q '^rule "default"' "$block"; then
        policy_is_read "$shown" "$block"
        continue
    fi
    { cat "$block" && echo 'rule "default" { action = accept }'; } >"$work/alone"
    policy_is_read "$shown, alone" "$work/alone"
    for profile in "$top"/policies/*.policy; do
        cat "$block" "$profile" >"$work/above"
        policy_is_read "$shown, above those of $(basename "$profile")" "$work/above"
    done
done
sed '/^rule "default"/,$d' "$top/policies/standard.policy" >"$work/last"
grep -l nothing-vouches "$work"/rules.* | xargs cat >>"$work/last"
echo 'rule "default" { action = accept }' >>"$work/last"
policy_is_read "mailseal-policy(5): nothing-vouches, the last but one of standard.policy" "$work/last"
for profile in "$top"/policies/*.policy; do
    sed -e 's/^# \(rule ".*{\)$/\1/' -e 's/^# \(    .* = .*\)$/\1/' -e 's/^# }$/}/' "$profile" >"$work/whole"
    policy_is_read "$(basename "$profile") with its commented rules" "$work/whole"
done

# ---- configurations ----
for page in mailseal-policy.5 mailseal.conf.5.in mailseal-key.1 mailseal-replay.1; do
    literal_blocks "$man/$page" conf ' = '
    for block in "$work"/conf.*; do
        if [ ! -f "$block" ] || grep -q 'rule "' "$block"; then continue; fi
        sed 's|/etc/mailseal/|./|; s|/var/lib/mailseal/|./|' "$block" >"$work/site.conf"
        cp "$top/policies/standard.policy" "$work/site.policy"
        run 0 "$page: $(grep -m 1 ' = ' "$block")" "$program" config check -c "$work/site.conf"
    done
done
sed 's/^#\([a-z][a-z-]* = \)/\1/' "$top/contrib/mailseal.conf.example" >"$work/example.conf"
: >"$work/empty.conf"
run 0 "mailseal.conf.example, all options set" "$program" config check -c "$work/example.conf"
"$program" config show -c "$work/example.conf" | grep -v '^authserv-id' >"$work/shown"
"$program" config show -c "$work/empty.conf" | grep -v '^authserv-id' >"$work/defaults"
name="mailseal.conf.example has the defaults"
if diff "$work/defaults" "$work/shown" >"$work/out"; then ok "$name"; else not_ok "$name"; fi
name="mailseal.conf.example has every option"
names() { sed -n 's/^\([a-z][a-z-]*\) = .*/\1/p' "$@" | sort; }
"$program" config show -c "$work/empty.conf" | names >"$work/known"
names "$work/example.conf" >"$work/shown"
if diff "$work/known" "$work/shown" >"$work/out"; then ok "$name"; else not_ok "$name"; fi
sed -e '/^#sign "/,/^#}/s/^#//' -e "s|/etc/mailseal/|$work/|" "$top/contrib/mailseal.conf.example" >"$work/section.conf"
run 0 "mailseal.conf.example with its section" "$program" config check -c "$work/section.conf"
says out "1 sign section"

# ---- facts ----
explain() {
    "$program" explain -c "$work/empty.conf" --now 1780000000 --dns "$top/tests/flow/common.dns.json" \
        --client-ip 203.0.113.5 --helo evil.example --mail-from news@mail.shop.example "$@" "$top/tests/flow/fail-subdomain.eml"
}
facts=$(explain --json | sed -n 's/.*"facts": "\(.*\)".*/\1/p')
is "there are facts" "$([ -n "$facts" ] && echo yes)" yes
for fact in $facts; do
    fact=${fact%%=*}
    is "mailseal-policy(5): the fact $fact" "$(grep -c "^\.It Cm $fact\$" "$man/mailseal-policy.5" | sed 's/[1-9]/yes/')" yes
done

# ---- commands and their options ----
"$program" --help >"$work/help"
commands=$(sed -n 's/^  \([a-z]*\)  .*/\1/p' "$work/help")
for command in $commands; do
    "$program" "$command" --help >"$work/help.$command"
    is "mailseal(8): $command" "$(grep -c "^\.It Cm $command\$" "$man/mailseal.8")" 1
done
# Of each line that calls mailseal: the command, then what looks like an option.
calls() {
    sed -e ':join' -e '/\\e\{0,1\}$/N; s/\\e\{0,1\}\n//; tjoin' -e 's/`/\n/g' "$@" |
        sed -n 's/.*mailseal \([a-z][a-z]*\)\( .*\)/\1\2/p' | sed 's/[],.;:)`]/ /g'
}
calls "$top/README.md" "$man"/* "$top"/contrib/*.example "$top"/policies/*.policy | sort -u >"$work/calls"
while read -r command rest; do
    [ -f "$work/help.$command" ] || continue
    for word in $rest; do
        case $word in
        --[a-z]*)
            name="mailseal $command has $word"
            if grep -q -e "$word\\b" "$work/help.$command"; then ok "$name"; else not_ok "$name"; fi
            ;;
        esac
    done
done <"$work/calls"
for command in check explain replay key; do
    page=$man/mailseal-$command.1
    sed -n '/^\.Sh SYN/,/^\.Sh DESC/p' "$page" | grep -o 'Fl -[a-z][a-z-]*' | sed 's/Fl -/--/' | sort -u >"$work/synopsis"
    grep -o -e '--[a-z][a-z-]*' "$work/help.$command" | grep -v -x -e --config -e --help | sort -u >"$work/options"
    name="mailseal-$command(1) and --help have the same options"
    if diff "$work/options" "$work/synopsis" >"$work/out"; then ok "$name"; else not_ok "$name"; fi
done

# ---- samples ----
# README.md shows parts of this explanation: each line of it is one of the whole.
explain >"$work/explained"
sed -n '/^    This message would be refused/,/^$/p' "$top/README.md" |
    sed -e 's/^    //' -e '/^\.\.\.$/d' -e '/^$/d' >"$work/sample"
is "the README has a sample" "$([ "$(grep -c . "$work/sample")" -ge 8 ] && echo yes)" yes
while IFS= read -r line; do
    name="README.md: $line"
    if grep -qxF -- "$line" "$work/explained"; then ok "$name"; else not_ok "$name"; fi
done <"$work/sample"

echo "1..$n"
[ "$failed" -eq 0 ]
