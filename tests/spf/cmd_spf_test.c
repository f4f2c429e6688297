/* cmd_spf_test.c - `mailseal spf`: what it prints, its exit codes, and second opinions that go wrong in every way. */
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/support.h"

#include "mailseal/clock.h"
#include "mailseal/cmd.h"
#include "mailseal/json.h"

/* A directory of files for one run of the tests; main() makes and removes it. */
static char dir[] = "/tmp/mailseal-spf-XXXXXX";

static const char *in_dir(struct arena *a, const char *name)
{
    return str_cstr(a, str_printf(a, "%s/%s", dir, name));
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* Sends a stream to a file; gives what is needed to undo it. */
static int redirect(FILE *f, const char *path)
{
    fflush(f);
    int kept = dup(fileno(f));
    FILE *to = fopen(path, "w");
    assert_non_null(to);
    assert_true(dup2(fileno(to), fileno(f)) >= 0);
    fclose(to);
    return kept;
}

static void restore(FILE *f, int kept)
{
    fflush(f);
    assert_true(dup2(kept, fileno(f)) >= 0);
    close(kept);
}

static struct str read_file(struct arena *a, const char *path)
{
    FILE *f = fopen(path, "r");
    char *p = arena_alloc(a, 65536);
    assert_non_null(f);
    size_t n = fread(p, 1, 65536, f);
    fclose(f);
    return (struct str){ p, n };
}

/* Runs the command with its arguments after the name; a NULL ends them. */
static int run(struct arena *a, const char *const *args, struct str *out, struct str *err)
{
    char *argv[32] = { arena_copy(a, "spf", 4) };
    int argc = 1;
    for (; args[argc - 1] != NULL; argc++)
        argv[argc] = arena_copy(a, args[argc - 1], strlen(args[argc - 1]) + 1);
    int kept_out = redirect(stdout, in_dir(a, "out")), kept_err = redirect(stderr, in_dir(a, "err"));
    optind = 0;
    int code = cmd_spf(argc, argv);
    restore(stdout, kept_out);
    restore(stderr, kept_err);
    clock_fix(0);
    *out = read_file(a, in_dir(a, "out"));
    *err = read_file(a, in_dir(a, "err"));
    return code;
}

static bool contains(struct str s, const char *part)
{
    return s.n > 0 && memmem(s.p, s.n, part, strlen(part)) != NULL;
}

#define ZONE "ZONE" /* stands for the zone file */

static const struct {
    const char *name, *args[16];
    int code;
    const char *out, *err; /* parts; NULL: nothing at all */
} rows[] = {
    { "help", { "--help" }, 0, "usage: mailseal spf", NULL },
    { "no arguments", { NULL }, 2, NULL, "--client-ip is needed" },
    { "no identity", { "--client-ip", "192.0.2.1" }, 2, NULL, "--helo or --mail-from" },
    { "no address", { "--client-ip", "x", "--helo", "h.example" }, 2, NULL, "'x' is no IP address" },
    { "unknown option", { "--foo" }, 2, NULL, "'--foo'" },
    { "option without value", { "--helo" }, 2, NULL, "'--helo'" },
    { "an argument too many", { "--client-ip", "192.0.2.1", "--helo", "h.example", "extra" }, 2, NULL, "'extra'" },
    { "unknown engine", { "--client-ip", "192.0.2.1", "--helo", "h.example", "--engine", "x" }, 2, NULL, "engine 'x'" },
    { "bad time", { "--now", "noon" }, 2, NULL, "noon" },
    { "no zone file", { "--client-ip", "192.0.2.1", "--helo", "h.example", "--dns", "/nonexistent" }, 1, NULL, "/nonexistent" },

    { "pass", { "--client-ip", "192.0.2.1", "--mail-from", "a@t.example", "--dns", ZONE }, 0, "result:       pass", NULL },
    { "term", { "--client-ip", "192.0.2.1", "--mail-from", "a@t.example", "--dns", ZONE }, 0, "mechanism:    ip4:192.0.2.1", NULL },
    { "explanation",
      { "--client-ip", "192.0.2.2", "--mail-from", "a@t.example", "--dns", ZONE, "--now", "77", "--receiver", "mx.here.example" },
      0,
      "explanation:  \"a@t.example at 77 to mx.here.example\"",
      NULL },
    { "limits", { "--client-ip", "192.0.2.2", "--mail-from", "<a@t.example>", "--dns", ZONE }, 0, "0 of 10 terms", NULL },
    { "local part with a space",
      { "--client-ip", "192.0.2.2", "--mail-from", "\"a b\"@t.example", "--dns", ZONE },
      0,
      "\"a b\"@t",
      NULL },
    { "null sender",
      { "--client-ip", "192.0.2.1", "--helo", "t.example", "--mail-from", "", "--dns", ZONE },
      0,
      "t.example (MAIL FROM is null: the HELO name)",
      NULL },
    { "null sender in brackets",
      { "--client-ip", "192.0.2.1", "--helo", "t.example", "--mail-from", "<>", "--dns", ZONE },
      0,
      "t.example (MAIL FROM is null: the HELO name)",
      NULL },
    { "HELO", { "--client-ip", "192.0.2.1", "--helo", "t.example", "--dns", ZONE }, 0, "t.example (HELO)", NULL },
    { "no domain",
      { "--client-ip", "192.0.2.1", "--helo", "t.example", "--mail-from", "a@[192.0.2.1]", "--dns", ZONE },
      0,
      "result:       none",
      NULL },
};

static void the_command_explains_the_result(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct str out, err;
        const char *args[16];
        for (size_t k = 0; k < ROWS(args); k++)
            args[k] = rows[i].args[k] != NULL && strcmp(rows[i].args[k], ZONE) == 0 ? in_dir(a, "zone") : rows[i].args[k];
        ROW_INT(rows[i].name, run(a, args, &out, &err), rows[i].code);
        if (rows[i].out == NULL ? out.n > 0 : !contains(out, rows[i].out))
            fail_msg("%s: on stdout '%.*s'", rows[i].name, STR_FMT(out));
        if (rows[i].err == NULL ? err.n > 0 : !contains(err, rows[i].err))
            fail_msg("%s: on stderr '%.*s'", rows[i].name, STR_FMT(err));
        arena_free(a);
    }
}

static void json_has_every_part_of_the_result(void **state)
{
    static const struct {
        const char *key, *want;
    } texts[] = {
        { "result", "fail" },
        { "domain", "t.example" },
        { "identity", "mailfrom" },
        { "mechanism", "-all" },
        { "reason", "a term of the record forbids the client" },
        { "explanation", "\"\"@t.example at 5 to unknown" },
    };
    struct arena *a = arena_new();
    struct str out, err;
    const char *const args[] = { "--client-ip", "192.0.2.2", "--mail-from", "\"\"@t.example", "--dns", in_dir(a, "zone"), "--json",
                                 "--now",       "5",         NULL };
    const char *error = NULL;
    (void)state;
    assert_int_equal(run(a, args, &out, &err), 0);
    const struct json *spf = js_member(js_read(a, out, &error), "spf");
    for (size_t i = 0; i < ROWS(texts); i++)
        ROW_STR(texts[i].key, js_text(js_member(spf, texts[i].key)), str_of(texts[i].want));
    ROW_INT("terms", js_kind(js_member(spf, "terms")), JS_INTEGER);
    ROW_INT("voids", js_kind(js_member(spf, "voids")), JS_INTEGER);
    arena_free(a);
}

/* Programs in the place of libspf2's, as shell scripts; NULL: there is none. */
static const struct {
    const char *name, *script;
    int code;
    const char *out, *err;
} engines[] = {
    { "answers", "echo '{\"result\": \"pass\", \"explanation\": \"hm\"}'", 0, "result:       pass (says libspf2)", NULL },
    { "gets its arguments", "echo \"{\\\"result\\\": \\\"$1 $2 $3 $4 ${5##*/}\\\"}\"", 0,
      "192.0.2.2 h.example a@t.example mx.here.example zone", NULL },
    { "is missing", NULL, 1, NULL, "No such file" },
    { "aborts", "kill -ABRT $$", 1, NULL, "signal 6" },
    { "is killed by its limit", "echo '{\"result\": \"pass\"}'; kill -XCPU $$", 1, NULL, "ended by signal" },
    { "fails", "echo '{\"result\": \"pass\"}'; exit 3", 1, NULL, "exit code 3" },
    { "says nothing", "exit 0", 1, NULL, "no readable answer" },
    { "talks nonsense", "echo nonsense", 1, NULL, "no readable answer" },
    { "says no result", "echo '{}'", 1, NULL, "no readable answer" },
    { "talks without end", "yes", 1, NULL, "too long" },
};

static void a_second_opinion_may_go_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(engines); i++) {
        struct arena *a = arena_new();
        struct str out, err;
        const char *const args[] = { "--client-ip", "192.0.2.2",       "--helo",   "h.example",
                                     "--mail-from", "a@t.example",     "--dns",    in_dir(a, "zone"),
                                     "--receiver",  "mx.here.example", "--engine", "libspf2",
                                     NULL };
        const char *program = in_dir(a, "mailseal-spf-libspf2");
        (void)unlink(program);
        if (engines[i].script != NULL)
            write_file(program, str_cstr(a, str_printf(a, "#!/bin/sh\n%s\n", engines[i].script)), 0700);
        assert_int_equal(setenv("MAILSEAL_LIBEXEC", dir, 1), 0);
        ROW_INT(engines[i].name, run(a, args, &out, &err), engines[i].code);
        if (engines[i].out == NULL ? out.n > 0 : !contains(out, engines[i].out))
            fail_msg("%s: on stdout '%.*s'", engines[i].name, STR_FMT(out));
        if (engines[i].err == NULL ? err.n > 0 : !contains(err, engines[i].err))
            fail_msg("%s: on stderr '%.*s'", engines[i].name, STR_FMT(err));
        (void)unlink(program);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_command_explains_the_result),
        cmocka_unit_test(json_has_every_part_of_the_result),
        cmocka_unit_test(a_second_opinion_may_go_wrong),
    };
    if (mkdtemp(dir) == NULL)
        return 1;
    struct arena *a = arena_new();
    write_file(in_dir(a, "zone"),
               "{\"t.example\": {\"TXT\": [\"v=spf1 ip4:192.0.2.1 -all exp=e.example\"]},"
               " \"e.example\": {\"TXT\": [\"%{s} at %{t} to %{r}\"]}}",
               0600);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(in_dir(a, "zone"));
    (void)unlink(in_dir(a, "out"));
    (void)unlink(in_dir(a, "err"));
    (void)rmdir(dir);
    arena_free(a);
    return failed;
}
