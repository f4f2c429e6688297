/* fragile_test.c - what is left out of a signature, and what is said about the rest, because mail servers change it. */
#include "sign_support.h"

#include "mailseal/clock.h"

#define ANN "From: ann@good.example"

static struct sent send_by(const struct place *p, struct env *e, bool rewrites, const char *const *fields, struct str body)
{
    const struct msg_info info = {
        .mail_from = STR("<ann@good.example>"), .authenticated = true, .auth_user = STR("ann"), .rewrites = rewrites
    };
    return send_message(p, e, &info, fields, body);
}

/* The names in h=, without the white space of folds. */
static struct str names_of(const struct place *p, struct str value)
{
    struct str rest = dkim_squeeze(p->arena, value), before, names;
    const char *h = memmem(rest.p, rest.n, ";h=", 3);
    assert_non_null(h);
    (void)str_cut(str_skip(rest, (size_t)(h - rest.p) + 3), ';', &names, &before);
    return names;
}

static const struct {
    const char *section;
    bool rewrites;
    const char *to, *cc, *from;
    const char *names, *left_out;
} rows[] = {
    { "", true, "To: a@b.example, c@d.example", NULL, ANN, "From:From:Reply-To:Subject:To:To:Cc", "" },
    { "", true, "To: a@b.example,c@d.example", NULL, ANN, "From:From:Reply-To:Subject:Cc", "To" },
    { "", false, "To: a@b.example,c@d.example", NULL, ANN, "From:From:Reply-To:Subject:To:To:Cc", "" },
    { "", true, "To: a@b.example,c@d.example", "Reply-To: x", ANN, "From:From:Subject:Cc", "Reply-To,To" },
    { "", true, "Reply-To: x", "Reply-To: a@b.example", ANN, "From:From:Subject:To:Cc", "Reply-To" },
    { "", true, "Resent-To: x", "cC: x", ANN, "From:From:Reply-To:Subject:To", "Cc,Resent-To" },
    { "", true, "Sender: x", "Resent-From: a@b.example", ANN, "From:From:Reply-To:Subject:To:Cc:Resent-From", "Sender" },
    { "", true, "References: a,b", NULL, ANN, "From:From:Reply-To:Subject:To:Cc:References:References", "" },
    { "", true, "To: a@b.example", NULL, "From: A. N. <ann@good.example>", "From:From:Reply-To:Subject:To:To:Cc", "" },
    /* what "simple" cannot bear is more */
    { "canonicalization = \"simple/relaxed\"", true, "To: a@b.example, c@d.example", NULL, ANN, "From:From:Reply-To:Subject:Cc",
      "To" },
    { "canonicalization = \"simple/relaxed\"", true, "To: a@b.example", NULL, ANN, "From:From:Reply-To:Subject:To:To:Cc", "" },
    { "oversign = no", true, "To: a,b", NULL, ANN, "From", "To" },
    { "oversign-headers = { from, to }", true, "To: a,b", NULL, ANN, "From:From", "To" },
    /* the site's own list is the site's own business */
    { "headers = { from, to }", true, "To: a,b", NULL, ANN, "from:from:to:to", "" },
    { "headers = { \"*\" }", true, "To: a,b", NULL, ANN, "From:From:Reply-To:Subject:To:To:Cc", "" },
};

static void fields_that_are_rewritten_are_left_out(void **state)
{
    const struct place *p = *state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *conf =
            str_cstr(p->arena, str_printf(p->arena, "sign \"good.example\" { selector = s key-file = \"%s/k.pem\" %s }\n", p->dir,
                                          rows[i].section));
        const char *name = str_cstr(p->arena, str_printf(p->arena, "row %zu", i));
        struct env *e = env_with(p, conf, good_record(p));
        struct sent s = send_by(p, e, rows[i].rewrites, FIELDS(rows[i].from, rows[i].to, rows[i].cc), STR("x\r\n"));
        ROW_STR(name, names_of(p, s.value), str_of(rows[i].names));
        ROW_STR(name, s.left_out, str_of(rows[i].left_out));
        ROW_INT(name, str_has(s.line, " left-out="), rows[i].left_out[0] != '\0');
        env_free(e);
    }
}

/* The h= of the seal's signature of a message from outside. */
static struct str sealed_names(const struct place *p, bool rewrites)
{
    struct env *e = env_with(p,
                             conf_text_of(p, "internal-networks = {}\nseal-domain = \"good.example\"\nseal-selector = s\n"
                                             "seal-key-file = \"%s/k.pem\"\n"),
                             good_record(p));
    struct conn *c = test_conn(e, "192.0.2.1");
    const struct msg_info info = { .mail_from = STR("<x@news.example>"), .rewrites = rewrites };
    struct msg *m = msg_new(c, &info);
    struct str names = STR_NONE;
    msg_header(m, STR("From"), STR(" x@news.example"));
    msg_header(m, STR("To"), STR(" a@b.example,c@d.example"));
    msg_header(m, STR("Cc"), STR(" a@b.example, c@d.example"));
    msg_eoh(m);
    const struct outcome *o = msg_eom(m);
    for (size_t i = 0; i < o->n_edits; i++)
        if (str_eq(o->edits[i].name, STR("ARC-Message-Signature")))
            names = str_dup(p->arena, names_of(p, o->edits[i].value));
    msg_free(m);
    conn_free(c);
    env_free(e);
    return names;
}

static void seals_leave_them_out_too(void **state)
{
    ROW_STR("Postfix", sealed_names(*state, false), STR("From:To:Cc:From"));
    ROW_STR("Sendmail", sealed_names(*state, true), STR("From:Cc:From"));
}

#define BODY_8BIT "8-bit text in the body, not declared (BODY=8BITMIME): mail servers may recode it"
#define ADDRESS   "address field in a form that Sendmail may rewrite"

static struct str line_of(const struct place *p, size_t n)
{
    char *line = arena_alloc(p->arena, n + 2);
    memset(line, 'x', n);
    memcpy(line + n, "\r\n", 2);
    return (struct str){ line, n + 2 };
}

static void what_may_break_is_said(void **state)
{
    const struct place *p = *state;
    const struct str eight = STR("Gr\xc3\xbc\xc3\x9f"
                                 "e\r\n"),
                     plain = STR("x\r\n"), nul = STR("a\0b\r\n");
    const char *utf8 = "Subject: \xc3\xbc", *own = "headers = { from, to }";
    const char *long_field = str_cstr(p->arena, str_printf(p->arena, "X: %.*s", 997, line_of(p, 997).p));
    const struct {
        const char *section, *field;
        struct str body;
        bool body_8bit, smtputf8, rewrites;
        const char *want;
    } said[] = {
        { "", "Subject: x", plain, false, false, true, "" },
        { "", "Subject: x", line_of(p, 998), false, false, true, "" },
        { "", "Subject: x", line_of(p, 1203), false, false, true, "line of 1203 bytes in the body: mail servers may break it" },
        { "", long_field, plain, false, false, true, "line of 1000 bytes in the header: mail servers may break it" },
        { "", "Subject: x", eight, false, false, false, BODY_8BIT },
        { "", "Subject: x", eight, true, false, false, "" },
        { "", utf8, plain, true, false, false, "8-bit text in the header without SMTPUTF8: mail servers may recode it" },
        { "", utf8, plain, true, true, false, "" },
        { "", "Subject: x", nul, true, true, false, "NUL byte: mail servers may take it out" },
        { "", "To: a,b", plain, false, false, true, "" },
        { own, "To: a,b", plain, false, false, true, ADDRESS },
        { own, "To: a,b", plain, false, false, false, "" },
        { own, "Cc: a,b", plain, false, false, true, "" },
        { own, "Cc: a@b.example", plain, false, false, true, "" },
        { own, "To: a,b", eight, false, false, true, BODY_8BIT "; " ADDRESS },
    };
    for (size_t i = 0; i < ROWS(said); i++) {
        const char *conf =
            str_cstr(p->arena, str_printf(p->arena, "sign \"good.example\" { selector = s key-file = \"%s/k.pem\" %s }\n", p->dir,
                                          said[i].section));
        const char *name = str_cstr(p->arena, str_printf(p->arena, "row %zu", i));
        const struct msg_info info = { .mail_from = STR("<ann@good.example>"),
                                       .authenticated = true,
                                       .rewrites = said[i].rewrites,
                                       .body_8bit = said[i].body_8bit,
                                       .utf8 = said[i].smtputf8 };
        struct env *e = env_with(p, conf, good_record(p));
        ROW_STR(name, send_message(p, e, &info, FIELDS(ANN, said[i].field), said[i].body).fragile, str_of(said[i].want));
        env_free(e);
    }
}

static void an_untidy_author_is_signed_and_said(void **state)
{
    const struct place *p = *state;
    struct env *e = env_with(p, conf_text_of(p, SECTION("")), good_record(p));
    struct sent s = send_by(p, e, true, FIELDS("From: A. N. <ann@good.example>"), STR("x\r\n"));
    assert_int_equal(s.signatures, 1);
    ROW_STR("From", s.fragile, STR(ADDRESS));
    env_free(e);
}

/* Each kind for itself, once a minute; mail that is not signed says nothing. */
static void it_is_said_once_a_minute(void **state)
{
    const struct place *p = *state;
    struct env *e = env_with(p, conf_text_of(p, SECTION("")), good_record(p));
    static const struct {
        int64_t at;
        const char *from;
        bool eight_bit, nul;
        size_t want; /* of the two */
    } steps[] = {
        { 1000, "From: x@other.example", true, true, 0 },
        { 1000, ANN, true, false, 1 },
        { 1001, ANN, true, false, 0 },
        { 1001, ANN, true, true, 1 },
        { 1059, ANN, true, true, 0 },
        { 1060, ANN, true, true, 1 },
        { 1061, ANN, true, true, 1 },
        { 1200, ANN, true, true, 2 },
    };
    for (size_t i = 0; i < ROWS(steps); i++) {
        clock_fix(steps[i].at);
        struct str body = steps[i].nul ? STR("\xc3\xbc\0\r\n") : STR("\xc3\xbc\r\n");
        struct str text = send_by(p, e, false, FIELDS(steps[i].from), body).fragile;
        const char *name = str_cstr(p->arena, str_printf(p->arena, "step %zu", i));
        ROW_INT(name, str_has(text, "8-bit") + str_has(text, "NUL"), steps[i].want);
    }
    clock_fix(0);
    env_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(seals_leave_them_out_too, setup, teardown),
        cmocka_unit_test_setup_teardown(fields_that_are_rewritten_are_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(what_may_break_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(an_untidy_author_is_signed_and_said, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_said_once_a_minute, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
