/* conf_text_test.c - the file as it is read, the text as libconfuse may see it, and the lines noted. */
#include "tests/support/support.h"

#include <sys/stat.h>
#include <unistd.h>

#include "mailseal/conf_text.h"
#include "mailseal/limits.h"

static bool scan(struct conf_text *t, struct arena *a, struct str text)
{
    conf_text_init(t, a, "x");
    return conf_text_scan(t, text);
}

static const struct {
    const char *name, *input, *want;
} plain[] = {
    { "empty", "", "" },
    { "comment", "# x\na = 1 # y", "\na = 1 " },
    { "comment of all marks", "#}{\"'=,/*$ \xc3\xbc\na = 1", "\na = 1" },
    { "comment sign in a string", "a = \"#x\"", "a = \"#x\"" },
    { "other comment signs in a string", "a = \"//x /* 'y'\"", "a = \"//x /* 'y'\"" },
    { "comment in a list", "a = { # x\n b,\n# y\n c }", "a = { \n b,\n\n c }" },
    { "comment in a section", "s x { # }\n a = b # }\n}", "s \"0\" { \n a = b \n}" },
    { "CRLF", "a = b\r\nc = d\r\n", "a = b\r\nc = d\r\n" },
    { "titles become numbers", "s \"x.example\" { a = b }\ns\ny.example {}", "s \"0\" { a = b }\ns\n\"1\" {}" },
    { "equal titles differ", "s \"x\" {}\ns \"x\" {}", "s \"0\" {}\ns \"1\" {}" },
    { "escapes stay", "a = \"\\\"\\\\\"", "a = \"\\\"\\\\\"" },
    { "8-bit in a string", "a = \"\xc3\xbc\"", "a = \"\xc3\xbc\"" },
    { "dollar without a brace", "a = \"$HOME\"", "a = \"$HOME\"" },
    { "one line", "a = 1 b = { } s x { a = 2 } c = 3", "a = 1 b = { } s \"0\" { a = 2 } c = 3" },
};

static void text_becomes_plainer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(plain); i++) {
        struct arena *a = arena_new();
        struct conf_text t;
        if (!scan(&t, a, str_of(plain[i].input)))
            fail_msg("%s: %s", plain[i].name, t.error);
        ROW_STR(plain[i].name, buf_view(&t.plain), str_of(plain[i].want));
        ROW_INT(plain[i].name, t.plain.full, false);
        arena_free(a);
    }
}

#define AFTER_NAME " must be followed by '=', or by a title and '{'"
#define IN_SECTION " must be followed by '=' (a section stands in no other)"

/* X14 */
static const struct {
    const char *name;
    struct str input;
    const char *want;
} refused[] = {
    { "NUL", { "a = b\nc\0 = d\n", 13 }, "x:2: control character \\x00" },
    { "NUL in a comment", { "#\0", 2 }, "x:1: control character \\x00" },
    { "escape character", STR("\n\na = \"\x1b[1m\""), "x:3: control character \\x1b" },
    { "delete", STR("\x7f"), "x:1: control character \\x7f" },
    { "bare CR", STR("a = b\rc = d"), "x:1: control character \\x0d" },
    { "CR at the end", STR("a = b\r"), "x:1: control character \\x0d" },
    { "string over two lines", STR("\na = \"b\nc\"\n"), "x:2: string is not closed on its line" },
    { "string to the end of the file", STR("a = \"b"), "x:1: string is not closed on its line" },
    { "escaped quote at the end", STR("a = \"b\\\""), "x:1: string is not closed on its line" },
    { "backslash at the end", STR("a = \"b\\"), "x:1: in a string only \\\" and \\\\ may follow a backslash" },
    { "other escape", STR("a = \"\\x00\""), "x:1: in a string only \\\" and \\\\ may follow a backslash" },
    { "line continuation", STR("a = \"b\\\nc\""), "x:1: in a string only \\\" and \\\\ may follow a backslash" },
    { "variable", STR("\na = \"${HOME}\""), "x:2: variables are not expanded: '${'" },
    { "bare variable", STR("a = ${HOME}"), "x:1: unexpected character '$' outside of a string" },
    { "append", STR("a = {b}\na += {c}"), "x:2: unexpected character '+' outside of a string" },
    { "include", STR("include(\"x\")"), "x:1: unexpected character '(' outside of a string" },
    { "bare path", STR("a = /x"), "x:1: unexpected character '/' outside of a string" },
    { "C comment", STR("\n/* x */"), "x:2: '/*' begins no comment: a comment begins with '#'" },
    { "C comment that is not closed", STR("a = b\n\n/* x\n"), "x:3: '/*' begins no comment: a comment begins with '#'" },
    { "C++ comment", STR("a = b // x"), "x:1: '//' begins no comment: a comment begins with '#'" },
    { "C comment in a list", STR("a = { /* x */ }"), "x:1: '/*' begins no comment: a comment begins with '#'" },
    { "slash at the end", STR("/"), "x:1: unexpected character '/' outside of a string" },
    { "single quotes", STR("a = 'x'"), "x:1: a string stands in double quotes, not in single ones" },
    { "single quote that is not closed", STR("\na = 'x"), "x:2: a string stands in double quotes, not in single ones" },
    { "byte order mark", STR("\xef\xbb\xbf"), "x:1: unexpected character '\\xef' outside of a string" },
    { "quoted name", STR("\"a\" = b"), "x:1: a name is wanted here, without quotes" },
    { "open section", STR("a = b\ns \"x\" {\n a = b\n\n"), "x:2: section is not closed" },
    { "open list", STR("\na = {\n\n"), "x:2: the list of 'a' is not closed" },
    { "open list in a section", STR("s \"x\" {\n a = {\n"), "x:2: the list of 'a' is not closed" },
    { "one brace for a list and a section", STR("s \"x\" {\n a = {\n}\n"), "x:1: section is not closed" },
    { "brace too many", STR("a = { b }\n}\n"), "x:2: '}' without '{'" },
    { "brace too many behind a section", STR("s x { a = b }\n}\n"), "x:2: '}' without '{'" },
    { "brace for a value", STR("s x {\na = }\n"), "x:2: unexpected '}'" },
    { "brace alone", STR("{\n}"), "x:1: unexpected '{'" },
    { "list in a list", STR("a = { b, { c } }"), "x:1: unexpected '{'" },
    { "comma between settings", STR("a = b,\nc = d"), "x:1: unexpected ','" },
    { "comma for a value", STR("a = ,"), "x:1: unexpected ','" },
    { "two equals signs", STR("a == b"), "x:1: unexpected '='" },
    { "equals sign alone", STR("= b"), "x:1: unexpected '='" },
    { "equals sign in a list", STR("a = {\nb = c }"), "x:2: unexpected '='" },
    { "no value", STR("\na =\n\n"), "x:2: option 'a' has no value" },
    { "name alone", STR("a\n\n"), "x:1: 'a'" AFTER_NAME },
    { "name and title alone", STR("a\nx\n"), "x:1: 'a'" AFTER_NAME },
    { "no equals sign", STR("\na b\nc = d"), "x:2: 'a'" AFTER_NAME },
    { "equals sign behind a title", STR("a b = c"), "x:1: 'a'" AFTER_NAME },
    { "no title", STR("\ns {\n a = b }"), "x:2: 's'" AFTER_NAME },
    { "two titles", STR("s x y { a = b }"), "x:1: 's'" AFTER_NAME },
    { "name before a brace", STR("s x {\n a }"), "x:2: 'a'" IN_SECTION },
    { "name before a comma", STR("a, b = c"), "x:1: 'a'" AFTER_NAME },
    { "no equals sign in a section", STR("s x {\n a \"b\"\n c = d }"), "x:2: 'a'" IN_SECTION },
    { "section in a section", STR("s x {\n s y { a = b }\n}"), "x:2: 's'" IN_SECTION },
    { "name alone in a section", STR("s x {\n a"), "x:2: 'a'" IN_SECTION },
    { "twice", STR("a = b\nc = d\na = e"), "x:3: option 'a' is set twice, first in line 1" },
    { "list twice", STR("a = {}\n\na = {}"), "x:3: option 'a' is set twice, first in line 1" },
    { "twice around a section", STR("a = b\ns x { a = c }\na = d"), "x:3: option 'a' is set twice, first in line 1" },
    { "twice in a section", STR("s x {\na = b\na\n=\nc }"), "x:3: option 'a' is set twice, first in line 2" },
};

static void odd_text_is_refused_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(refused); i++) {
        struct arena *a = arena_new();
        struct conf_text t;
        ROW_INT(refused[i].name, scan(&t, a, refused[i].input), false);
        ROW_STR(refused[i].name, str_of(t.error), str_of(refused[i].want));
        arena_free(a);
    }
}

/* X14: a line of CONF_TEXT_LINE_MAX bytes is read, one more byte is not; nor is 1 MB. */
static void lines_have_a_maximum(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        bool ok;
    } lines[] = { { CONF_TEXT_LINE_MAX, true }, { CONF_TEXT_LINE_MAX + 1, false }, { 1024 * 1024, false } };
    for (size_t i = 0; i < ROWS(lines); i++) {
        struct arena *a = arena_new();
        struct conf_text t;
        char *text = arena_alloc(a, lines[i].n + 2);
        memset(text, '#', lines[i].n + 2);
        text[0] = text[lines[i].n + 1] = '\n';
        ROW_INT("line", scan(&t, a, (struct str){ text, lines[i].n + 2 }), lines[i].ok);
        ROW_STR("line", str_of(t.error), lines[i].ok ? STR_NONE : STR("x:2: line is longer than 16384 bytes"));
        arena_free(a);
    }
}

static void check_settings(const char *name, const struct conf_section *s, size_t n, const struct conf_setting *want)
{
    ROW_INT(name, s->n_settings, n);
    for (size_t i = 0; i < n; i++) {
        ROW_STR(name, s->settings[i].name, want[i].name);
        ROW_INT(name, s->settings[i].line, want[i].line);
    }
}

static void sections_and_settings_are_noted(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct conf_text t;
    assert_true(scan(&t, a, STR("a = 1\ns \"x y\" {\n b = { 1, 2 }\n c\n = 3\n}\nd = 4\n\ns z { b = 5 }\ne = 6")));
    check_settings("top", &t.top, 3, (const struct conf_setting[]){ { STR("a"), 1 }, { STR("d"), 7 }, { STR("e"), 10 } });
    assert_int_equal(t.n_sections, 2);
    ROW_STR("first", t.sections[0].title, STR("x y"));
    ROW_INT("first", t.sections[0].line, 2);
    check_settings("first", &t.sections[0], 2, (const struct conf_setting[]){ { STR("b"), 3 }, { STR("c"), 4 } });
    ROW_STR("second", t.sections[1].title, STR("z"));
    ROW_INT("second", t.sections[1].line, 9);
    check_settings("second", &t.sections[1], 1, (const struct conf_setting[]){ { STR("b"), 9 } });
    assert_int_equal(conf_section_line(&t.top, "d"), 7);
    assert_int_equal(conf_section_line(&t.sections[0], "c"), 4);
    assert_int_equal(conf_section_line(&t.sections[0], "d"), 0);
    arena_free(a);
}

static void sections_have_a_maximum(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct conf_text t;
    struct buf text;
    buf_init(&text, a, LIMIT_CONFIG_FILE);
    for (size_t i = 0; i < CONF_TEXT_SECTIONS_MAX; i++)
        buf_puts(&text, "s\"\"{}\n");
    assert_true(scan(&t, a, buf_view(&text)));
    assert_int_equal(t.n_sections, CONF_TEXT_SECTIONS_MAX);
    assert_false(t.plain.full);
    buf_puts(&text, "s\"\"{}\n");
    assert_false(scan(&t, a, buf_view(&text)));
    assert_string_equal(t.error, "x:10001: too many sections");
    arena_free(a);
}

static void settings_of_a_section_have_a_maximum(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct conf_text t;
    struct buf text;
    buf_init(&text, a, LIMIT_CONFIG_FILE);
    buf_puts(&text, "s x {\n");
    for (size_t i = 0; i < CONF_TEXT_SETTINGS_MAX; i++)
        buf_printf(&text, "a%zu = b\n", i);
    size_t full = text.n;
    buf_puts(&text, "}\na0 = b");
    assert_true(scan(&t, a, buf_view(&text)));
    assert_int_equal(t.sections[0].n_settings, CONF_TEXT_SETTINGS_MAX);
    buf_cut(&text, full);
    buf_puts(&text, "c = d\n}");
    assert_false(scan(&t, a, buf_view(&text)));
    assert_string_equal(t.error, "x:258: too many settings");
    arena_free(a);
}

/* However long a name and a path are, both are told, and what is wrong. */
static void errors_are_printable_and_whole(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct conf_text t;
    char *path = arena_alloc(a, 4001), *name = arena_alloc(a, 3001);
    memset(path, 'p', 4000);
    memset(name, 'n', 3000);
    conf_text_init(&t, a, path);
    assert_false(conf_text_scan(&t, str_of(name)));
    struct str rest = str_skip(str_of(t.error), 4000);
    ROW_STR("path", str_first(str_of(t.error), 4000), str_of(path));
    ROW_STR("name", rest, str_printf(a, ":1: '%.80s'" AFTER_NAME, name));
    conf_text_init(&t, a, "x");
    assert_false(conf_text_fail(&t, 0, "a\n\xc3\\%s", "\x7f"));
    assert_string_equal(t.error, "x: a\\x0a\\xc3\\\\x7f");
    for (int i = 0; i < 3000; i++)
        name[i] = '\xff';
    assert_false(conf_text_fail(&t, 3, "%s", name));
    assert_int_equal(strlen(t.error), strlen("x:3: ") + (size_t)4 * (LIMIT_LOG_LINE - 1));
    arena_free(a);
}

/* ---- the file ---- */

static const char *in_dir(struct arena *a, const char *dir, const char *name)
{
    return str_cstr(a, str_printf(a, "%s/%s", dir, name));
}

static void make_file(const char *path, const char *text, off_t size)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    if (size >= 0)
        assert_int_equal(truncate(path, size), 0);
}

/* X03: neither hang nor read what is no file. */
static void only_regular_files_are_read(void **state)
{
    char dir[] = "/tmp/mailseal-text-XXXXXX";
    struct arena *a = arena_new();
    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(mkfifo(in_dir(a, dir, "fifo"), 0600), 0);
    make_file(in_dir(a, dir, "empty"), "", -1);
    make_file(in_dir(a, dir, "file"), "a = b\n", -1);
    make_file(in_dir(a, dir, "full"), "#", LIMIT_CONFIG_FILE);
    make_file(in_dir(a, dir, "large"), "#", LIMIT_CONFIG_FILE + 1);
    assert_int_equal(symlink("file", in_dir(a, dir, "link")), 0);
    const struct {
        const char *name, *path, *begin, *error;
        size_t n;
        bool missing;
    } rows[] = {
        { "file", in_dir(a, dir, "file"), "a = b\n", NULL, 6, false },
        { "link", in_dir(a, dir, "link"), "a = b\n", NULL, 6, false },
        { "empty", in_dir(a, dir, "empty"), "", NULL, 0, false },
        { "as large as may be", in_dir(a, dir, "full"), "#", NULL, LIMIT_CONFIG_FILE, false },
        { "too large", in_dir(a, dir, "large"), "", "is larger than 4194304 bytes", 0, false },
        { "FIFO", in_dir(a, dir, "fifo"), "", "is no regular file", 0, false },
        { "directory", dir, "", "is no regular file", 0, false },
        { "device", "/dev/zero", "", "is no regular file", 0, false },
        { "missing", in_dir(a, dir, "none"), "", "No such file or directory", 0, true },
        { "below a file", in_dir(a, dir, "file/x"), "", "Not a directory", 0, false },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct conf_text t;
        struct str text;
        conf_text_init(&t, a, rows[i].path);
        ROW_INT(rows[i].name, conf_text_read(&t, &text), rows[i].error == NULL);
        ROW_INT(rows[i].name, text.n, rows[i].n);
        ROW_STR(rows[i].name, str_first(text, strlen(rows[i].begin)), str_of(rows[i].begin));
        ROW_INT(rows[i].name, t.missing, rows[i].missing);
        if (rows[i].error != NULL)
            ROW_STR(rows[i].name, str_of(t.error), str_printf(a, "%s: %s", rows[i].path, rows[i].error));
        else
            assert_null(t.error);
    }
    static const char *const made[] = { "fifo", "empty", "file", "full", "large", "link" };
    for (size_t i = 0; i < ROWS(made); i++)
        unlink(in_dir(a, dir, made[i]));
    assert_int_equal(rmdir(dir), 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_becomes_plainer),           cmocka_unit_test(odd_text_is_refused_with_its_line),
        cmocka_unit_test(lines_have_a_maximum),           cmocka_unit_test(sections_and_settings_are_noted),
        cmocka_unit_test(sections_have_a_maximum),        cmocka_unit_test(settings_of_a_section_have_a_maximum),
        cmocka_unit_test(errors_are_printable_and_whole), cmocka_unit_test(only_regular_files_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
