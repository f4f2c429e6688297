/* case_dkim.c - the kinds `dkim-verify` and `dkim-sign`, judged as RFC 8301 wants where a case says so. */
#include <stdlib.h>

#include "mailseal/address.h"
#include "mailseal/base64.h"
#include "mailseal/clock.h"
#include "mailseal/dkim.h"
#include "mailseal/limits.h"
#include "mailseal/taglist.h"

#include "conformance.h"

/* The suites ask what RFC 6376 says of a signature with l=; refusing one by policy (8.2) is a choice of the site. */
static const struct dkim_params *params(void)
{
    static struct dkim_params p;
    p = dkim_params_default;
    p.accept_unsigned_tail = true;
    return &p;
}

static size_t verify(struct test_case *c, struct dns *dns, struct str message, struct dkim_result **results)
{
    struct headers h;
    struct str body;
    struct author author;
    headers_init(&h, c->arena);
    headers_read(&h, message, &body);
    author_read(c->arena, &h, &author);
    struct dkim_body *b = dkim_body_new(c->arena);
    struct dkim_verify *v =
        dkim_verify_start(c->arena, &h, b, params(), dns, clock_wall(), clock_ms() + LIMIT_DNS_MESSAGE_MS, author.domain);
    dkim_body_update(b, body.p, body.n);
    dkim_body_finish(b);
    return dkim_verify_finish(v, results);
}

/* RFC 8301 speaks where the case has its column. */
static bool same_result(struct test_case *c, const struct json *want, const struct dkim_result *got)
{
    const struct json *result = js_member(want, "result_rfc8301"), *others = js_member(want, "alternatives_rfc8301");
    const char *code = auth_code_name(got->code);
    if (js_kind(result) != JS_TEXT) {
        result = js_member(want, "result");
        others = js_member(want, "alternatives");
    }
    if (js_kind(result) == JS_TEXT && !case_accepts(result, others, code)) {
        buf_printf(&c->text, " want %.*s, got %s (%s)", STR_FMT(js_text(result)), code, got->reason != NULL ? got->reason : "");
        return false;
    }
    return true;
}

static bool same_overall(struct test_case *c, const struct dkim_result *r, size_t n)
{
    struct str want = js_text(js_member(c->expect, "overall"));
    bool passed = false;
    for (size_t i = 0; i < n; i++)
        passed |= r[i].code == AUTH_PASS;
    if (want.n == 0 || (str_eq(want, STR("none")) && n == 0) || (str_eq(want, STR("pass")) && passed) ||
        (str_eq(want, STR("notpass")) && !passed))
        return true;
    buf_printf(&c->text, " overall: want %.*s, got %s", STR_FMT(want), passed ? "pass" : "no pass");
    return false;
}

enum verdict case_dkim_verify(struct test_case *c)
{
    struct str message;
    struct dkim_result *r;
    const struct json *want = js_member(c->expect, "signatures");
    struct dns *dns = case_dns(c, js_member(c->inputs, "dns"));
    if (dns == NULL || !case_file(c, "message", &message))
        return CASE_FAILED;
    size_t n = verify(c, dns, message, &r);
    dns_free(dns);
    if (n != js_count(want)) {
        buf_printf(&c->text, "want %zu signatures, got %zu", js_count(want), n);
        return CASE_FAILED;
    }
    bool ok = same_overall(c, r, n);
    for (size_t i = 0; i < n; i++)
        ok &= same_result(c, js_item(want, i), &r[i]);
    return ok ? CASE_PASSED : CASE_FAILED;
}

/* ---- signing ---- */

static bool sign_params(struct test_case *c, struct privkey *key, struct dkim_sign_params *p)
{
    const struct json *s = js_member(c->inputs, "sign"), *names = js_member(s, "h");
    struct str header, body;
    if (!str_cut(js_text(js_member(s, "c")), '/', &header, &body))
        body = STR("simple");
    struct str *fields = ARENA_ARRAY(c->arena, struct str, js_count(names));
    for (size_t i = 0; i < js_count(names); i++)
        fields[i] = js_text(js_item(names, i));
    *p = (struct dkim_sign_params){ .domain = js_text(js_member(s, "d")),
                                    .selector = js_text(js_member(s, "s")),
                                    .identity = js_text(js_member(s, "i")),
                                    .key = key,
                                    .header_canon = (enum dkim_canon)code_of(dkim_canon_names, header),
                                    .body_canon = (enum dkim_canon)code_of(dkim_canon_names, body),
                                    .fields = fields,
                                    .n_fields = js_count(names),
                                    .timestamp = js_integer(js_member(s, "t")),
                                    .expires = js_integer(js_member(s, "x")),
                                    .length = js_truth(js_member(s, "l")) };
    return true;
}

static bool canonical_headers_same(struct test_case *c, const struct dkim_sign_params *p, const struct headers *h)
{
    static const char *const names[] = { "subject", "from", "to", "date" };
    const struct json *want = js_member(c->expect, "canonical_header");
    bool ok = true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct str text = js_text(js_member(want, names[i]));
        const struct header *field = headers_get(h, str_of(names[i]), 0);
        struct buf b;
        if (text.n == 0)
            continue;
        buf_init(&b, c->arena, LIMIT_HEADER_FIELD);
        if (field != NULL)
            dkim_canon_header(p->header_canon, field->raw, true, &b);
        if (!str_eq(buf_view(&b), text)) {
            buf_printf(&c->text, " canonical %s: want '%.*s', got '%.*s'", names[i], STR_FMT(text), STR_FMT(buf_view(&b)));
            ok = false;
        }
    }
    return ok;
}

static bool tag_is(struct test_case *c, const struct taglist *t, const char *name, struct str want)
{
    struct str got = STR_NONE;
    taglist_get(t, name, &got);
    if (want.n == 0 || str_ieq(want, got))
        return true;
    buf_printf(&c->text, " %s=: want '%.*s', got '%.*s'", name, STR_FMT(want), STR_FMT(got));
    return false;
}

static bool tags_same(struct test_case *c, struct str value)
{
    const struct json *s = js_member(c->inputs, "sign");
    struct taglist t;
    const char *reason = NULL;
    if (!taglist_parse(&t, value, &reason)) {
        buf_printf(&c->text, " our field does not parse: %s", reason);
        return false;
    }
    bool ok = tag_is(c, &t, "d", js_text(js_member(s, "d")));
    ok &= tag_is(c, &t, "s", js_text(js_member(s, "s")));
    ok &= tag_is(c, &t, "a", js_text(js_member(s, "a")));
    ok &= tag_is(c, &t, "i", js_text(js_member(s, "i")));
    ok &= tag_is(c, &t, "bh", js_text(js_member(c->expect, "body_hash")));
    return ok;
}

static bool verifies(struct test_case *c, struct str message, struct str value)
{
    struct dkim_result *r;
    struct dns *dns = case_dns(c, js_member(c->expect, "verify_dns"));
    if (dns == NULL)
        return false;
    struct buf b;
    buf_init(&b, c->arena, message.n + value.n + 64);
    buf_puts(&b, "DKIM-Signature:");
    buf_str(&b, value);
    buf_puts(&b, "\r\n");
    buf_str(&b, message);
    size_t n = verify(c, dns, buf_view(&b), &r);
    dns_free(dns);
    if (n > 0 && r[0].code == AUTH_PASS)
        return true;
    buf_printf(&c->text, " our signature: %s (%s)", n > 0 ? auth_code_name(r[0].code) : "not seen",
               n > 0 && r[0].reason != NULL ? r[0].reason : "");
    return false;
}

static enum verdict sign_and_check(struct test_case *c, struct privkey *key, struct str message)
{
    struct dkim_sign_params p;
    struct headers h;
    struct str body, value;
    const char *reason = NULL;
    bool refuse = js_truth(js_member(c->expect, "refuse"));
    sign_params(c, key, &p);
    headers_init(&h, c->arena);
    headers_read(&h, message, &body);
    struct dkim_body *b = dkim_body_new(c->arena);
    struct dkim_sign *s = dkim_sign_start(c->arena, &h, b, &p, &reason);
    if (s == NULL || refuse) {
        buf_printf(&c->text, "%s", s == NULL ? reason : "signed what must not be signed");
        return (s == NULL) == refuse ? CASE_PASSED : CASE_FAILED;
    }
    dkim_body_update(b, body.p, body.n);
    dkim_body_finish(b);
    if (!dkim_sign_finish(s, &value, &reason)) {
        buf_printf(&c->text, "not signed: %s", reason);
        return CASE_FAILED;
    }
    bool ok = tags_same(c, value);
    ok &= canonical_headers_same(c, &p, &h);
    ok &= verifies(c, message, value);
    return ok ? CASE_PASSED : CASE_FAILED;
}

/* RFC 8301 3.1: signers must not use rsa-sha1. The program itself is asked, because only there an algorithm has a name. */
static enum verdict refuses_algorithm(struct test_case *c, struct str algorithm)
{
    const char *program = getenv("MAILSEAL");
    const char *command = str_cstr(
        c->arena,
        str_printf(c->arena, "%s sign --domain example.com --selector s --key '%s' --algorithm %.*s < '%s' 2>&1 >/dev/null",
                   program != NULL ? program : "./mailseal", case_path(c, "key"), STR_FMT(algorithm), case_path(c, "message")));
    char said[512] = "";
    FILE *f = popen(command, "r");
    if (f == NULL)
        return CASE_FAILED;
    size_t n = fread(said, 1, sizeof(said) - 1, f);
    said[n] = '\0';
    int status = pclose(f);
    bool refused = WIFEXITED(status) && WEXITSTATUS(status) == 1 && str_istarts(str_of(said), STR("mailseal sign: "));
    buf_printf(&c->text, "asked to sign with %.*s: '%s'", STR_FMT(algorithm), said);
    return refused ? CASE_PASSED : CASE_FAILED;
}

/* True when the case's key is one that RFC 8301 3.2 forbids to sign with. */
static bool weak_key(struct test_case *c, const char *reason)
{
    (void)c;
    return reason != NULL && str_istarts(str_of(reason), STR("RSA key"));
}

enum verdict case_dkim_sign(struct test_case *c)
{
    struct str message, pem, algorithm = js_text(js_member(js_member(c->inputs, "sign"), "a"));
    const char *reason = NULL;
    if (!case_file(c, "message", &message) || !case_file(c, "key", &pem))
        return CASE_FAILED;
    if (str_eq(algorithm, STR("rsa-sha1")))
        return refuses_algorithm(c, algorithm);
    struct privkey *key = privkey_parse(pem, &reason);
    if (key == NULL) {
        buf_printf(&c->text, "key refused: %s", reason);
        return weak_key(c, reason) ? CASE_PASSED : CASE_FAILED;
    }
    enum verdict v = sign_and_check(c, key, message);
    privkey_free(key);
    return v;
}
