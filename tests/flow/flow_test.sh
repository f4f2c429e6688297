#!/bin/sh
# flow_test.sh - whole messages through `mailseal check`: NAME.eml judged under NAME.conf with the DNS of NAME.dns.json (or the shared
# ones), with the arguments of NAME.args, one a line, must give exactly NAME.want. Adding a case is adding files; with UPDATE=yes in
# the environment the .want files are written anew, for a look with git diff. The rules tried are not part of them: a changed rule
# shows in tests/policy/golden and tests/cmd/explain.
top=${srcdir:-.}
flow=$top/tests/flow
program=${MAILSEAL:-./mailseal}
failed=0 passed=0
work=$(mktemp -d) || exit 1
out=$work/out
trap 'rm -rf "$work"' EXIT

# Keys must not be readable by others, which a checkout cannot keep.
cp "$flow"/*.conf "$work" && cp -R "$flow/keys" "$work" && chmod -R u=rwX,go= "$work" || exit 1

# NAME.SUFFIX when it is there, else the shared one.
pick() {
    if [ -f "$flow/$1.$2" ]; then echo "$flow/$1.$2"; else echo "$flow/common.$2"; fi
}

for message in "$flow"/*.eml; do
    name=$(basename "$message" .eml)
    conf=$work/$(basename "$(pick "$name" conf)") dns=$(pick "$name" dns.json) args=$(pick "$name" args)
    set --
    while IFS= read -r line; do
        set -- "$@" "$line"
    done <"$args"
    "$program" check --json --now 1780000000 --dns "$dns" -c "$conf" "$@" "$message" >"$out.all" 2>&1
    code=$?
    sed '/^  "rules": \[/,/^  \],/d' "$out.all" >"$out"
    echo "exit $code" >>"$out"
    if [ "${UPDATE:-}" = yes ]; then
        cp "$out" "$flow/$name.want"
    elif diff -u "$flow/$name.want" "$out"; then
        passed=$((passed + 1))
    else
        echo "flow: $name differs" >&2
        failed=$((failed + 1))
    fi
done
echo "[  PASSED  ] $passed test(s)."
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
