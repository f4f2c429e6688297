#!/bin/sh
# requirements_test.sh - every numbered requirement is shown by a test or explained (requirements.py), and the script finds what
# it must.
#
# The pages the numbers come from are no part of the project: where they lie beside it, or where MAILSEAL_REFERENCE says, the list
# is held against them too.
top=${srcdir:-.}
script=$top/tests/requirements/requirements.py
: "${MAILSEAL_REFERENCE:=$top/../shared/reference}"
[ -d "$MAILSEAL_REFERENCE" ] || MAILSEAL_REFERENCE=
export MAILSEAL_REFERENCE PYTHONDONTWRITEBYTECODE=1
python3 -c '' 2>/dev/null || {
    echo "python3 is not installed"
    exit 77
}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# result STATUS NAME
result() {
    if [ "$1" = 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "not ok - $2"
        sed 's/^/# /' "$work/out"
    fi
}

# a_tree: a small project that is in order.
a_tree() {
    rm -rf "$work/t" && mkdir -p "$work/t/tests/requirements" "$work/t/tests/flow"
    printf 'D-1 | 1 | one\nD-2 | 2 | two\nSC-3 | 3 | three\n' >"$work/t/tests/requirements/list"
    echo 'SC-3 | nobody can' >"$work/t/tests/requirements/untested"
    cat >"$work/t/tests/x_test.c" <<'C'
/* x_test.c */
static const int rows[] = {
    /* D-1 */
    1,
};

static void it_holds(void **state)
{
    rows[0];
}

int main(void)
{
    cmocka_unit_test(it_holds),
}
C
    echo 'case: D-2' >"$work/t/tests/flow/shows" && : >"$work/t/tests/flow/case.eml"
    MAILSEAL_REFERENCE='' "$script" --write "$work/t" >"$work/out"
}

# finds TEXT: the script must fail on the small project and say TEXT.
finds() {
    MAILSEAL_REFERENCE=$reference "$script" "$work/t" >"$work/out" 2>&1
    [ $? = 1 ] && grep -q -- "$1" "$work/out"
    result $? "$1"
    a_tree
}

"$script" "$top" >"$work/out" 2>&1
result $? 'the requirements of this project'
tail -n 1 "$work/out"

reference=
a_tree
result $? 'a small project in order'
grep -q '^| D-1 | 1 | one | x_test.c: it_holds |$' "$work/t/tests/REQUIREMENTS.md" &&
    grep -q '^| D-2 | 2 | two | flow/case.eml |$' "$work/t/tests/REQUIREMENTS.md" &&
    grep -q '^| SC-3 | 3 | three | \*nobody can\* |$' "$work/t/tests/REQUIREMENTS.md"
result $? 'the page names the tests'
echo 'D-4 | 4 | four' >>"$work/t/tests/requirements/list"
finds 'D-4 (four): no test shows it'
echo 'D-2 | because' >>"$work/t/tests/requirements/untested"
finds 'D-2 is shown by flow/case.eml'
echo 'D-9 | because' >>"$work/t/tests/requirements/untested"
finds 'untested: D-9 is not in the list'
echo '# D-9' >"$work/t/tests/y.mta"
finds 'y.mta:1: D-9 is not in the list'
echo '# D-1 to D-2' >"$work/t/tests/y.mta"
finds 'name each number for itself'
sed 's/cmocka_unit_test(it_holds)/0/' "$work/t/tests/x_test.c" >"$work/x" && mv "$work/x" "$work/t/tests/x_test.c"
finds 'x_test.c:3: D-1 stands at no test that is run'
sed 's/D-1/"D-1"/; s,/[*] "D-1" [*]/,"/* D-1 */"\,,' "$work/t/tests/x_test.c" >"$work/x" && mv "$work/x" "$work/t/tests/x_test.c"
finds 'D-1 (one): no test shows it'
echo 'other: D-2' >>"$work/t/tests/flow/shows"
finds "there is no flow case 'other'"
echo x >>"$work/t/tests/REQUIREMENTS.md"
finds 'REQUIREMENTS.md: not up to date'
echo 'D-1 | once more | one' >>"$work/t/tests/requirements/list"
finds 'D-1 is there twice'
echo 'D-x | 1 | one' >>"$work/t/tests/requirements/list"
finds 'list:4: cannot be read'

reference=$work/pages
mkdir "$reference" && echo 'D-1. One. D-5. Five.' >"$reference/dmarc.md" && echo 'SC-3. Three.' >"$reference/smtp-codes.md"
for page in dkim spf authentication-results; do : >"$reference/$page.md"; done
finds 'D-5 of dmarc.md is missing'
finds 'D-2 is not in dmarc.md'

echo "[  PASSED  ] $passed test(s)."
[ "$failed" = 0 ]
