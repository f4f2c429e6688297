/* cmd_config_test.c - `mailseal config`: what it prints and how it ends. */
#include "config_support.h"

#include "mailseal/clock.h"
#include "mailseal/cmd.h"

#include "tests/support/command.h"

static struct result run(struct arena *a, int argc, const char *const *argv)
{
    return run_command(a, cmd_config, argc, argv);
}

static const struct {
    const char *name, *argv[6], *conf, *out, *err; /* out and err: how they begin; "" is nothing at all. C stands for the file */
    int code;
} rows[] = {
    { "good", { "config", "check", "-c", "C" }, "policy = strict\n", "C: ok, 0 sign sections, policy strict (15 rules)\n", "", 0 },
    { "option before the word",
      { "config", "--config", "C", "check" },
      "",
      "C: ok, 0 sign sections, policy standard (17 rules)\n",
      "",
      0 },
    { "lists",
      { "config", "check", "-c", "C" },
      "exempt-clients = \"/dev/null\"\n",
      "",
      "C:1: exempt-clients: /dev/null: is no regular file\n",
      1 },
    { "faulty", { "config", "check", "-c", "C" }, "user = a\nusr = b\n", "", "C:2: no such option 'usr'\n", 1 },
    { "missing", { "config", "check", "-c", "/nowhere/x" }, "", "", "/nowhere/x: No such file or directory\n", 1 },
    { "show", { "config", "show", "-c", "C" }, "socket = \"inet:1@h\"\n", "# Where the mail server", "", 0 },
    { "show faulty", { "config", "show", "-c", "C" }, "x = y", "", "C:1: no such option 'x'\n", 1 },
    { "manual", { "config", "manual" }, "", ".Bl -tag -width Ds\n.It Cm socket\n", "", 0 },
    { "help", { "config", "--help" }, "", "usage: mailseal config check", "", 0 },
    { "no word", { "config" }, "", "", "mailseal config: one of check, show is needed\n", 2 },
    { "two words", { "config", "check", "show" }, "", "", "mailseal config: one of check, show is needed\n", 2 },
    { "other word", { "config", "test" }, "", "", "mailseal config: one of check, show is needed\n", 2 },
    { "unknown option", { "config", "check", "-x" }, "", "", "mailseal config: option '-x' is unknown", 2 },
    { "option without value", { "config", "check", "-c" }, "", "", "mailseal config: option '-c' is unknown or lacks", 2 },
};

static void begins(const char *name, struct arena *a, struct str got, const char *want, const char *path)
{
    if (want[0] == 'C')
        want = str_cstr(a, str_printf(a, "%s%s", path, want + 1));
    ROW_STR(name, want[0] == '\0' ? got : str_first(got, strlen(want)), str_of(want));
}

static void every_call_ends_as_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        const char *dir = make_directory(a), *argv[6];
        setenv("MAILSEAL_POLICYDIR", test_path(a, "policies"), 1);
        const char *path = write_file(a, dir, "m.conf", str_of(rows[i].conf), 0644);
        int argc = 0;
        for (; argc < 6 && rows[i].argv[argc] != NULL; argc++)
            argv[argc] = strcmp(rows[i].argv[argc], "C") == 0 ? path : rows[i].argv[argc];
        struct result r = run(a, argc, argv);
        ROW_INT(rows[i].name, r.code, rows[i].code);
        begins(rows[i].name, a, r.out, rows[i].out, path);
        begins(rows[i].name, a, r.err, rows[i].err, path);
        remove_directory(a, dir);
        arena_free(a);
    }
}

static void tables_are_told_of(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *dir = make_directory(a);
    const char *path = write_file(a, dir, "m.conf",
                                  STR("exempt-clients = \"c\"\nrequire-dkim = \"file:r\"\nnever-reject = \"socketmap:unix:/x:n\"\n"
                                      "sender-login-map = \"socketmap:inet:[::1]:9:l\"\n"),
                                  0644);
    write_file(a, dir, "c", STR("192.0.2.1\n198.51.100.0/24\n"), 0644);
    write_file(a, dir, "r", STR("a.example\n"), 0644);
    struct result r = run(a, 4, (const char *const[]){ "config", "check", "-c", path });
    assert_int_equal(r.code, 0);
    ROW_STR("check", r.out,
            str_printf(a,
                       "%s: ok, 0 sign sections, policy standard (17 rules)\n"
                       "%s: exempt-clients: 2 entries\n"
                       "%s: never-reject: socketmap:unix:/x:n is a server, asked at run time and not now\n"
                       "%s: require-dkim: 1 entry\n"
                       "%s: sender-login-map: socketmap:inet:[::1]:9:l is a server, asked at run time and not now\n",
                       path, path, path, path, path));
    remove_directory(a, dir);
    arena_free(a);
}

static void one_rule_is_one_rule(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *dir = make_directory(a);
    const char *path = write_file(a, dir, "m.conf", STR("policy = \"./one.policy\"\n"), 0644);
    write_file(a, dir, "one.policy", STR("rule all { action = accept }\n"), 0644);
    struct result r = run(a, 4, (const char *const[]){ "config", "check", "-c", path });
    ROW_STR("check", r.out, str_printf(a, "%s: ok, 0 sign sections, policy one (1 rule)\n", path));
    remove_directory(a, dir);
    arena_free(a);
}

static void expired_rules_are_named(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *dir = make_directory(a);
    const char *path = write_file(a, dir, "m.conf", STR("policy = \"./old.policy\"\n"), 0644);
    write_file(a, dir, "old.policy",
               STR("rule a { when = {\"dmarc=fail\"} action = label expires = \"2026-11-01\" owner = \"ops\" }\n"
                   "rule b { when = {\"dmarc=fail\"} action = label expires = \"2026-11-02\" }\n"
                   "rule all { action = accept }\n"),
               0644);
    clock_fix(1793577600); /* 2026-11-02 */
    struct result r = run(a, 4, (const char *const[]){ "config", "check", "-c", path });
    clock_fix(0);
    ROW_STR("check", r.out,
            str_printf(a, "%s: ok, 0 sign sections, policy old (3 rules)\n%s: rule 'a' of policy old has expired, owner ops\n",
                       path, path));
    remove_directory(a, dir);
    arena_free(a);
}

/* The file names of keys may be known, the keys may not. */
static void keys_are_counted_and_not_shown(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *dir = make_directory(a);
    struct privkey *key = privkey_generate(KEY_ED25519, 0);
    setenv("MAILSEAL_POLICYDIR", test_path(a, "policies"), 1);
    const char *path = write_file(a, dir, "m.conf", STR("sign x { selector = s key-file = \"k.pem\" }\n"), 0644);
    struct str pem = privkey_pem(a, key), head, body;
    write_file(a, dir, "k.pem", pem, 0600);
    struct result checked = run(a, 4, (const char *const[]){ "config", "check", "-c", path });
    ROW_STR("check", checked.out, str_printf(a, "%s: ok, 1 sign section, policy standard (17 rules)\n", path));
    struct result seen = run(a, 4, (const char *const[]){ "config", "show", "-c", path });
    assert_true(str_cut(pem, '\n', &head, &body) && body.n > 40);
    assert_non_null(memmem(seen.out.p, seen.out.n, "k.pem", 5));
    assert_null(memmem(seen.out.p, seen.out.n, body.p, 40));
    privkey_free(key);
    remove_directory(a, dir);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_ends_as_documented),  cmocka_unit_test(tables_are_told_of),
        cmocka_unit_test(one_rule_is_one_rule),           cmocka_unit_test(expired_rules_are_named),
        cmocka_unit_test(keys_are_counted_and_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
