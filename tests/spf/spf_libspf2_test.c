/*
 * spf_libspf2_test.c - the program of the second opinion: its answers through our DNS, and that a record which kills libspf2 kills
 * nothing else. It is looked for in the directory of the environment's MAILSEAL_LIBEXEC.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/support.h"

#include "mailseal/json.h"

#define ABORTED (-1) /* in place of an exit code: ended by a signal */

/* Runs the program on a zone; its exit code, and its answer when there is one. */
static int ask(struct arena *a, const char *ip, const char *helo, const char *from, const char *zone, const struct json **answer)
{
    const char *program = getenv("MAILSEAL_LIBEXEC"), *error = NULL;
    char path[] = "/tmp/mailseal-zone-XXXXXX", text[4096];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, zone, strlen(zone)), (ssize_t)strlen(zone));
    close(fd);
    struct str command =
        str_printf(a, "exec %s/mailseal-spf-libspf2 '%s' '%s' '%s' mx.here.example %s 2>/dev/null", program, ip, helo, from, path);
    FILE *f = popen(str_cstr(a, command), "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof(text), f);
    int status = pclose(f);
    unlink(path);
    *answer = js_read(a, str_dup(a, (struct str){ text, n }), &error);
    return WIFEXITED(status) ? WEXITSTATUS(status) : ABORTED;
}

#define ZONE                                                                                                                       \
    "{\"t.example\": {\"TXT\": [\"v=spf1 a mx ip4:192.0.2.1 ip6:2001:db8::/32 include:i.example -all exp=e.example\"],"            \
    " \"A\": [\"192.0.2.3\"], \"MX\": [[1, \"m.example\"]]}, \"m.example\": {\"A\": [\"192.0.2.4\"]},"                             \
    " \"i.example\": {\"TXT\": [\"v=spf1 ptr:p.example ?exists:%{ir}.x.example ~ip4:192.0.2.6\"]}, \"p.example\": {\"A\": "        \
    "[\"192.0.2.5\"]},"                                                                                                            \
    " \"5.2.0.192.in-addr.arpa\": {\"PTR\": [\"p.example\"]}, \"e.example\": {\"TXT\": [\"not_%{c}\"]},"                           \
    " \"slow.example\": \"TIMEOUT\", \"late.example\": {\"TXT\": [\"v=spf1 a:slow.example -all\"]},"                               \
    " \"bad.example\": {\"TXT\": [\"v=spf1 foo:bar\"]}}"

static const struct {
    const char *ip, *helo, *from, *want, *explanation;
} rows[] = {
    { "192.0.2.1", "h.example", "a@t.example", "pass", "" },
    { "::ffff:192.0.2.1", "h.example", "a@t.example", "pass", "" },
    { "192.0.2.3", "h.example", "a@t.example", "pass", "" },
    { "192.0.2.4", "h.example", "a@t.example", "pass", "" },
    { "192.0.2.5", "h.example", "a@t.example", "pass", "" },
    { "192.0.2.6", "h.example", "a@t.example", "fail", "not_192.0.2.6" },
    { "2001:db8::9", "h.example", "a@t.example", "pass", "" },
    { "2001:db9::9", "h.example", "a@t.example", "fail", "not_2001:db9::9" },
    { "192.0.2.1", "t.example", "", "pass", "" },
    { "192.0.2.1", "h.example", "a@gone.invalid", "none", "" },
    { "192.0.2.1", "h.example", "a@late.example", "temperror", "" },
    { "192.0.2.1", "h.example", "a@bad.example", "permerror", "" },
};

static void libspf2_answers_through_our_dns(void **state)
{
    (void)state;
    if (getenv("MAILSEAL_LIBEXEC") == NULL)
        skip();
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        const struct json *answer;
        ROW_INT(rows[i].ip, ask(a, rows[i].ip, rows[i].helo, rows[i].from, ZONE, &answer), 0);
        ROW_STR(rows[i].ip, js_text(js_member(answer, "result")), str_of(rows[i].want));
        ROW_STR(rows[i].ip, js_text(js_member(answer, "explanation")), str_of(rows[i].explanation));
        arena_free(a);
    }
}

/* CVE-2023-42118: a fixed libspf2 answers, one that is not ends by a signal. Either way it is over, and it is not a pass. */
static void a_record_that_overruns_libspf2_ends_only_the_program(void **state)
{
    struct arena *a = arena_new();
    const struct json *answer;
    char exp[127 * 4 + 5] = "", zone[1024];
    (void)state;
    if (getenv("MAILSEAL_LIBEXEC") == NULL)
        skip();
    for (size_t i = 0; i < 127; i++)
        strcat(exp, "%{d}");
    snprintf(zone, sizeof(zone),
             "{\"t.example\": {\"TXT\": [\"v=spf1 -all exp=e.example\"]}, \"e.example\": {\"TXT\": [\"%sxxxx\"]}}", exp);
    int code = ask(a, "192.0.2.1", "h.example", "a@t.example", zone, &answer);
    if (code == 0)
        ROW_STR("fixed", js_text(js_member(answer, "result")), STR("fail"));
    else
        assert_int_equal(code, ABORTED);
    arena_free(a);
}

/* Its counters start anew in each include: what bounds it here are our questions. */
static void a_bomb_ends(void **state)
{
    struct arena *a = arena_new();
    const struct json *answer;
    struct str zone = STR("{\"l0.example\": {\"TXT\": [\"v=spf1 ?all\"]}");
    (void)state;
    if (getenv("MAILSEAL_LIBEXEC") == NULL)
        skip();
    char *text = arena_alloc(a, 16384);
    memcpy(text, zone.p, zone.n);
    for (unsigned level = 1; level <= 8; level++) {
        size_t n = strlen(text);
        n += (size_t)sprintf(text + n, ", \"l%u.example\": {\"TXT\": [\"v=spf1", level);
        for (unsigned i = 0; i < 10; i++)
            n += (size_t)sprintf(text + n, " include:l%u.example", level - 1);
        strcpy(text + n, "\"]}");
    }
    strcat(text, "}");
    assert_int_equal(ask(a, "192.0.2.1", "h.example", "a@l8.example", text, &answer), 0);
    ROW_STR("bomb", js_text(js_member(answer, "result")), STR("temperror"));
    arena_free(a);
}

static void what_it_cannot_read_it_says(void **state)
{
    struct arena *a = arena_new();
    const struct json *answer;
    (void)state;
    if (getenv("MAILSEAL_LIBEXEC") == NULL)
        skip();
    assert_int_equal(ask(a, "192.0.2.1", "h.example", "a@t.example", "{ no json", &answer), 1);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libspf2_answers_through_our_dns),
        cmocka_unit_test(a_record_that_overruns_libspf2_ends_only_the_program),
        cmocka_unit_test(a_bomb_ends),
        cmocka_unit_test(what_it_cannot_read_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
