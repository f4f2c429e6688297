/* dkim_sign_test.c - signatures we make: which fields, which tags, which layout, and for which messages none. */
#include "tests/dkim/dkim_support.h"

#include "mailseal/base64.h"
#include "mailseal/domain.h"
#include "mailseal/taglist.h"

#define MESSAGE "From: Joe <joe@example.com>\r\nTo: a@example.net\r\nSubject: hello\r\nDate: today\r\n\r\nHello.\r\n"

static struct dkim_sign_params params(void)
{
    return (struct dkim_sign_params){ .domain = STR("example.com"),
                                      .selector = STR("sel"),
                                      .identity = STR(""),
                                      .key = keys[KEY_ED25519],
                                      .header_canon = DKIM_CANON_RELAXED,
                                      .body_canon = DKIM_CANON_RELAXED,
                                      .oversign = true };
}

/* The field's value without folding. */
static struct str field_of(struct arena *a, struct str message, const struct dkim_sign_params *p)
{
    struct str out = sign_message(a, message, p);
    out = str_skip(str_first(out, out.n - message.n - 2), strlen("DKIM-Signature:"));
    struct buf b;
    buf_init(&b, a, out.n);
    for (size_t i = 0; i < out.n; i++)
        if (out.p[i] != '\r' && out.p[i] != '\n')
            buf_char(&b, out.p[i]);
    return buf_view(&b);
}

static struct str tag_of(struct arena *a, struct str field, const char *tag)
{
    struct taglist t;
    struct str value;
    const char *reason;
    assert_true(taglist_parse(&t, field, &reason));
    if (!taglist_get(&t, tag, &value))
        return STR("(absent)");
    struct buf b;
    buf_init(&b, a, value.n);
    for (size_t i = 0; i < value.n; i++)
        if (!char_is_space(value.p[i]))
            buf_char(&b, value.p[i]);
    return buf_view(&b);
}

/* DK-82, DK-83, DK-84 */
static void the_default_fields(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str message;
        const char *want;
    } rows[] = {
        { "least", STR("From: a@example.com\r\n\r\n"), "From:From:Reply-To:Subject:To:Cc" },
        { "usual",
          STR("From: a@b\r\nTo: c\r\nSubject: d\r\nDate: e\r\nMessage-ID: f\r\nMIME-Version: 1.0\r\nContent-Type: "
              "text/plain\r\n\r\n"),
          "From:From:Reply-To:Subject:Subject:Date:Date:Message-ID:Message-ID:To:To:Cc:MIME-Version:MIME-Version:Content-Type:"
          "Content-Type" },
        /* Sendmail adds them after us */
        { "no Date and no Message-ID", STR("From: a@b\r\nSubject: d\r\n\r\n"), "From:From:Reply-To:Subject:Subject:To:Cc" },
        { "several instances", STR("To: a\r\nFrom: a@b\r\nTo: b\r\nTO: c\r\n\r\n"), "From:From:Reply-To:Subject:To:To:To:To:Cc" },
        { "lists and resending are not oversigned",
          STR("From: a@b\r\nList-Id: x\r\nList-Post: y\r\nResent-From: z\r\nResent-From: z\r\n\r\n"),
          "From:From:Reply-To:Subject:To:Cc:Resent-From:Resent-From:List-Id:List-Post" },
        { "what changes on the way is not signed",
          STR("Return-Path: <>\r\nReceived: x\r\nAuthentication-Results: x\r\nDKIM-Signature: x\r\nARC-Seal: x\r\nBcc: x\r\n"
              "Content-Length: 1\r\nComments: x\r\nKeywords: x\r\nX-Spam: x\r\nFrom: a@b\r\n\r\n"),
          "From:From:Reply-To:Subject:To:Cc" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct dkim_sign_params p = params();
        ROW_STR(rows[i].name, tag_of(a, field_of(a, rows[i].message, &p), "h"), str_of(rows[i].want));
        arena_free(a);
    }
}

static void fields_that_are_left_out(void **state)
{
    (void)state;
    static const struct str names[] = { STR("to"), STR("Reply-To"), STR("Date") };
    struct arena *a = arena_new();
    struct dkim_sign_params p = params();
    p.left_out = names;
    p.n_left_out = ROWS(names);
    ROW_STR("not signed, not oversigned", tag_of(a, field_of(a, STR(MESSAGE), &p), "h"), STR("From:From:Subject:Subject:Cc"));
    p.oversigned = names;
    p.n_oversigned = 1;
    ROW_STR("named to be oversigned", tag_of(a, field_of(a, STR(MESSAGE), &p), "h"), STR("From:Subject"));
    arena_free(a);
}

static void chosen_fields(void **state)
{
    (void)state;
    static const struct {
        const char *name, *list;
        bool oversign;
        const char *want;
    } rows[] = {
        { "exactly these", "from:Subject:X-Absent", false, "from:Subject:X-Absent" },
        { "exactly these, repeated", "From:From:Date:From", false, "From:From:Date:From" },
        { "with oversigning", "from:Subject:Date", true, "from:from:Subject:Subject:Date:Date" },
        { "names given twice count once", "From:Subject:from", true, "From:From:Subject:Subject" },
        { "absent ones", "From:Cc:Message-ID:X-Absent", true, "From:From:Cc" },
        { "never more than there are", "From:Received:List-Id", true, "From:From:Received:Received" },
        { "present and unknown", "From:X-Own", true, "From:From:X-Own:X-Own" },
    };
    static const struct str message = STR("Received: 2\r\nReceived: 1\r\n"
                                          "X-Own: 1\r\n" MESSAGE);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct dkim_sign_params p = params();
        struct str names[8], rest = str_of(rows[i].list);
        for (bool more = true; more;)
            more = str_cut(rest, ':', &names[p.n_fields++], &rest);
        p.fields = names;
        p.oversign = rows[i].oversign;
        ROW_STR(rows[i].name, tag_of(a, field_of(a, message, &p), "h"), str_of(rows[i].want));
        arena_free(a);
    }
}

static void without_oversigning_the_default_names_what_is_there(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dkim_sign_params p = params();
    p.oversign = false;
    ROW_STR("default list", tag_of(a, field_of(a, STR(MESSAGE), &p), "h"), STR("From:Subject:Date:To"));
    arena_free(a);
}

/* DK-83: the site's own list replaces the rule for every name. */
static void named_fields_are_oversigned(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct str names[] = { STR("From"), STR("Subject"), STR("To") }, once_more[] = { STR("from"), STR("X-Absent") };
    struct dkim_sign_params p = params();
    p.oversigned = once_more;
    p.n_oversigned = ROWS(once_more);
    ROW_STR("default list", tag_of(a, field_of(a, STR(MESSAGE), &p), "h"), STR("From:From:Subject:Date:To:X-Absent"));
    p.fields = names;
    p.n_fields = ROWS(names);
    p.oversign = true;
    ROW_STR("own list", tag_of(a, field_of(a, STR(MESSAGE), &p), "h"), STR("From:From:Subject:To:X-Absent"));
    assert_string_equal(dkim_sign_default_field(0), "From");
    assert_null(dkim_sign_default_field(1000));
    arena_free(a);
}

/* A signature that does not fit the public half is not given out. */
static void what_was_signed_is_verified(void **state)
{
    (void)state;
    for (int type = 0; type < 2; type++) {
        struct arena *a = arena_new();
        struct str body, value, der[2];
        struct headers h;
        const char *reason = NULL;
        struct pubkey *public[2];
        unsigned bits;
        for (int i = 0; i < 2; i++) {
            assert_true(base64_decode(a, privkey_public(a, keys[i]), &der[i]));
            public[i] = pubkey_parse(a, (enum key_type)i, der[i], &bits, &reason);
            assert_non_null(public[i]);
        }
        for (int good = 0; good < 2; good++) {
            struct dkim_sign_params p = params();
            p.key = keys[type];
            p.check = public[good ? type : 1 - type];
            headers_init(&h, a);
            assert_true(headers_read(&h, STR(MESSAGE), &body));
            struct dkim_body *b = dkim_body_new(a);
            struct dkim_sign *s = dkim_sign_start(a, &h, b, &p, &reason);
            assert_non_null(s);
            dkim_body_finish(b);
            assert_int_equal(dkim_sign_finish(s, &value, &reason), good);
            ROW_STR("reason", str_of(reason), good ? STR_NONE : STR("the signature made does not verify"));
        }
        arena_free(a);
    }
}

/* DK-80, DK-86 */
static void tags_are_those_asked_for(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dkim_sign_params p = params();
    struct str f = field_of(a, STR(MESSAGE), &p);
    ROW_STR("begins with a space", str_first(f, 5), STR(" v=1;"));
    ROW_STR("a", tag_of(a, f, "a"), STR("ed25519-sha256"));
    ROW_STR("c", tag_of(a, f, "c"), STR("relaxed/relaxed"));
    ROW_STR("d", tag_of(a, f, "d"), STR("example.com"));
    ROW_STR("s", tag_of(a, f, "s"), STR("sel"));
    ROW_STR("bh", tag_of(a, f, "bh"), STR("yZQq1c8wjBl0fZ4Wc/oraMCAG1mZJv5v/hlvyFy+t6A="));
    for (const char *const *tag = (const char *const[]){ "i", "t", "x", "l", "q", "z", NULL }; *tag != NULL; tag++)
        ROW_STR(*tag, tag_of(a, f, *tag), STR("(absent)"));

    p.key = keys[KEY_RSA];
    p.header_canon = DKIM_CANON_SIMPLE;
    p.identity = STR("joe@sub.example.com");
    p.timestamp = 1700000000;
    p.expires = 1700000001;
    p.length = true;
    f = field_of(a, STR(MESSAGE), &p);
    ROW_STR("a", tag_of(a, f, "a"), STR("rsa-sha256"));
    ROW_STR("c", tag_of(a, f, "c"), STR("simple/relaxed"));
    ROW_STR("i", tag_of(a, f, "i"), STR("joe@sub.example.com"));
    ROW_STR("t", tag_of(a, f, "t"), STR("1700000000"));
    ROW_STR("x", tag_of(a, f, "x"), STR("1700000001"));
    ROW_STR("l", tag_of(a, f, "l"), STR("8"));
    arena_free(a);
}

/* DK-92 */
static void lines_are_short(void **state)
{
    (void)state;
    static const char *const domains[] = { "a.b", "example.com", "a-rather-long-name-of-a-host.within.another.one.example.com" };
    static const struct str message = STR("From: a@b\r\nTo: c\r\nSubject: d\r\nDate: e\r\nMessage-ID: f\r\nMIME-Version: 1.0\r\n"
                                          "List-Unsubscribe-Post: x\r\nContent-Transfer-Encoding: 7bit\r\nReferences: x\r\n\r\n");
    for (size_t i = 0; i < ROWS(domains) * 4; i++) {
        struct arena *a = arena_new();
        struct dkim_sign_params p = params();
        p.domain = str_of(domains[i / 4]);
        p.key = keys[i % 2];
        p.timestamp = i % 4 < 2 ? NOW : 0;
        struct str out = sign_message(a, message, &p), field = str_first(out, out.n - message.n), line;
        size_t lines = 0;
        while (field.n > 0) {
            assert_true(str_cut(field, '\n', &line, &field));
            assert_true(line.n <= 79 && line.p[line.n - 1] == '\r');
            assert_true(lines == 0 || (line.p[0] == ' ' && line.n > 2));
            lines++;
        }
        assert_true(lines > 3);
        arena_free(a);
    }
}

static void long_names_do_not_break_the_field(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct buf name;
    buf_init(&name, a, LIMIT_DOMAIN);
    for (int i = 0; i < 4; i++)
        buf_printf(&name, "%s%0*d", i > 0 ? "." : "", i < 3 ? 63 : 61, 1);
    struct dkim_sign_params p = params();
    p.domain = buf_view(&name);
    struct str f = field_of(a, STR(MESSAGE), &p);
    ROW_STR("d", tag_of(a, f, "d"), buf_view(&name));
    arena_free(a);
}

struct refusal_row {
    const char *name;
    struct str message;
    const char *want;
};

static const char *refusal(struct arena *a, struct str message, const struct dkim_sign_params *p, bool overflow)
{
    struct headers h;
    struct str body;
    const char *reason = NULL;
    headers_init(&h, a);
    (void)!headers_read(&h, message, &body);
    h.overflow = overflow;
    struct dkim_sign *s = dkim_sign_start(a, &h, dkim_body_new(a), p, &reason);
    assert_true((s == NULL) == (reason != NULL));
    return reason != NULL ? reason : "signed";
}

/* DK-90 */
static void messages_that_are_not_signed(void **state)
{
    (void)state;
    static const struct refusal_row rows[] = {
        { "good", STR(MESSAGE), "signed" },
        { "no From", STR("To: x\r\n\r\n"), "the message has no From field" },
        { "no fields", STR("\r\n"), "the message has no From field" },
        { "two From", STR("From: a@example.com\r\nTo: x\r\nfrom : b@example.com\r\n\r\n"), "the message has several From fields" },
    };
    struct arena *a = arena_new();
    struct dkim_sign_params p = params();
    for (size_t i = 0; i < ROWS(rows); i++)
        ROW_STR(rows[i].name, str_of(refusal(a, rows[i].message, &p, false)), str_of(rows[i].want));
    ROW_STR("overflow", str_of(refusal(a, STR(MESSAGE), &p, true)), STR("header beyond the limits"));
    arena_free(a);
}

static void parameters_that_are_refused(void **state)
{
    (void)state;
    static const struct str only_to[] = { STR("To") }, bad_name[] = { STR("From"), STR("a;b=c") },
                            empty_name[] = { STR("From"), STR("") };
    struct arena *a = arena_new();
    struct str *many = ARENA_ARRAY(a, struct str, LIMIT_DKIM_H + 1);
    for (size_t i = 0; i <= LIMIT_DKIM_H; i++)
        many[i] = STR("From");
    const struct {
        const char *name;
        struct dkim_sign_params p;
        const char *want;
    } rows[] = {
        { "no key", { .domain = STR("a.b"), .selector = STR("s"), .identity = STR("") }, "there is no key" },
        { "U-label", { .domain = STR("b\xc3\xbc.example") }, "the domain to sign for is no domain name" },
        { "empty domain", { .domain = STR("") }, "the domain to sign for is no domain name" },
        { "selector", { .domain = STR("a.b"), .selector = STR("s s") }, "the selector is not valid" },
        /* DK-87 */
        { "identity elsewhere",
          { .domain = STR("a.b"), .selector = STR("s"), .identity = STR("x@b") },
          "the identity is not within the domain" },
        { "identity with a tag",
          { .domain = STR("a.b"), .selector = STR("s"), .identity = STR("x;y@a.b") },
          "the identity is not within the domain" },
        { "expired",
          { .domain = STR("a.b"), .selector = STR("s"), .identity = STR(""), .timestamp = 5, .expires = 5 },
          "the signature would expire before it is made" },
        { "no From",
          { .domain = STR("a.b"), .selector = STR("s"), .identity = STR(""), .fields = only_to, .n_fields = 1 },
          "From is not among the fields to sign" },
        { "no fields",
          { .domain = STR("a.b"), .selector = STR("s"), .identity = STR(""), .fields = only_to },
          "From is not among the fields to sign" },
        { "bad name",
          { .domain = STR("a.b"), .selector = STR("s"), .identity = STR(""), .fields = bad_name, .n_fields = 2 },
          "a field to sign is no field name" },
        { "empty name",
          { .domain = STR("a.b"), .selector = STR("s"), .identity = STR(""), .fields = empty_name, .n_fields = 2 },
          "a field to sign is no field name" },
        { "many",
          { .domain = STR("a.b"), .selector = STR("s"), .identity = STR(""), .fields = many, .n_fields = LIMIT_DKIM_H },
          "signed" },
        { "too many",
          { .domain = STR("a.b"), .selector = STR("s"), .identity = STR(""), .fields = many, .n_fields = LIMIT_DKIM_H + 1 },
          "too many fields to sign" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct dkim_sign_params p = rows[i].p;
        p.key = i == 0 ? NULL : keys[KEY_ED25519];
        ROW_STR(rows[i].name, str_of(refusal(a, STR(MESSAGE), &p, false)), str_of(rows[i].want));
    }
    arena_free(a);
}

static void too_many_instances_are_refused(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dkim_sign_params p = params();
    struct buf b;
    buf_init(&b, a, 10000);
    for (int i = 0; i < 300; i++)
        buf_puts(&b, "Resent-To: x\r\n");
    buf_puts(&b, MESSAGE);
    ROW_STR("300 fields", str_of(refusal(a, buf_view(&b), &p, false)), STR("too many fields to sign"));
    arena_free(a);
}

static void a_field_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dkim_sign_params p = params();
    char *name = arena_alloc(a, LIMIT_DKIM_FIELD);
    memset(name, 'x', LIMIT_DKIM_FIELD);
    struct str names[] = { STR("From"), { name, LIMIT_DKIM_FIELD } }, body, value;
    struct headers h;
    const char *reason;
    headers_init(&h, a);
    assert_true(headers_read(&h, STR(MESSAGE), &body));
    p.oversign = false;
    p.fields = names;
    p.n_fields = 2;
    struct dkim_body *b = dkim_body_new(a);
    struct dkim_sign *s = dkim_sign_start(a, &h, b, &p, &reason);
    assert_non_null(s);
    dkim_body_finish(b);
    assert_false(dkim_sign_finish(s, &value, &reason));
    ROW_STR("reason", str_of(reason), STR("the signature field is too long"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_fields),
        cmocka_unit_test(fields_that_are_left_out),
        cmocka_unit_test(chosen_fields),
        cmocka_unit_test(without_oversigning_the_default_names_what_is_there),
        cmocka_unit_test(named_fields_are_oversigned),
        cmocka_unit_test(what_was_signed_is_verified),
        cmocka_unit_test(tags_are_those_asked_for),
        cmocka_unit_test(lines_are_short),
        cmocka_unit_test(long_names_do_not_break_the_field),
        cmocka_unit_test(messages_that_are_not_signed),
        cmocka_unit_test(parameters_that_are_refused),
        cmocka_unit_test(too_many_instances_are_refused),
        cmocka_unit_test(a_field_beyond_the_limit_is_refused),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
