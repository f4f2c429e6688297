/* case_arc.c - the kinds `arc-verify` and `arc-seal`, and the second form of `authres`: what a sealer carries on. */
#include "mailseal/arc.h"
#include "mailseal/clock.h"
#include "mailseal/limits.h"
#include "mailseal/taglist.h"

#include "conformance.h"

struct arrival {
    struct headers headers;
    struct str body;
    struct arc_result result;
    struct arc_seal *seal; /* when params were given */
};

/* Reads, validates and, with params, begins to seal the message. False with text when it cannot be sealed. */
static bool receive(struct test_case *c, struct dns *dns, struct str message, const struct arc_seal_params *params,
                    struct arrival *out)
{
    const char *reason;
    struct dkim_params p = dkim_params_default;
    /* Whether l= may leave a tail unsigned is for the site to say; the suites ask what the RFC says. */
    p.accept_unsigned_tail = true;
    out->seal = NULL;
    headers_init(&out->headers, c->arena);
    headers_read(&out->headers, message, &out->body);
    struct dkim_body *b = dkim_body_new(c->arena);
    struct arc_verify *v = arc_verify_start(c->arena, &out->headers, b, &p, dns, clock_wall(), clock_ms() + LIMIT_DNS_MESSAGE_MS);
    if (params != NULL && (out->seal = arc_seal_start(c->arena, b, params, &reason)) == NULL)
        buf_printf(&c->text, " not sealed: %s", reason);
    dkim_body_update(b, out->body.p, out->body.n);
    dkim_body_finish(b);
    arc_verify_finish(v, &out->result);
    return params == NULL || out->seal != NULL;
}

static bool same_status(struct test_case *c, const char *member, const char *alternatives, const struct arc_result *r)
{
    const struct json *want = js_member(c->expect, member);
    const char *got = auth_code_name(r->code);
    if (case_accepts(want, alternatives != NULL ? js_member(c->expect, alternatives) : NULL, got))
        return true;
    buf_printf(&c->text, " %s: want %.*s, got %s (%s)", member, STR_FMT(js_text(want)), got, r->reason != NULL ? r->reason : "");
    return false;
}

enum verdict case_arc_verify(struct test_case *c)
{
    struct str message;
    struct arrival got;
    struct dns *dns = case_dns(c, js_member(c->inputs, "dns"));
    if (dns == NULL || !case_file(c, "message", &message))
        return CASE_FAILED;
    receive(c, dns, message, NULL, &got);
    dns_free(dns);
    return same_status(c, "cv", "cv_alternatives", &got.result) ? CASE_PASSED : CASE_FAILED;
}

/* ---- sealing ---- */

static void seal_params(struct test_case *c, const struct privkey *key, struct arc_seal_params *p)
{
    const struct json *s = js_member(c->inputs, "seal"), *names = js_member(s, "h");
    struct str header, body, *fields = ARENA_ARRAY(c->arena, struct str, js_count(names));
    for (size_t i = 0; i < js_count(names); i++)
        fields[i] = js_text(js_item(names, i));
    if (!str_cut(js_text(js_member(s, "c")), '/', &header, &body))
        body = STR("simple");
    *p = (struct arc_seal_params){ .domain = js_text(js_member(s, "d")),
                                   .selector = js_text(js_member(s, "s")),
                                   .key = key,
                                   .header_canon = (enum dkim_canon)code_of(dkim_canon_names, header),
                                   .body_canon = (enum dkim_canon)code_of(dkim_canon_names, body),
                                   .fields = js_count(names) > 0 ? fields : NULL,
                                   .n_fields = js_count(names),
                                   .timestamp = js_integer(js_member(s, "t")) };
}

static bool tag_is(struct test_case *c, struct str value, const char *name, struct str want)
{
    struct taglist t;
    struct str got = STR_NONE;
    const char *reason;
    if (taglist_parse(&t, value, &reason))
        taglist_get(&t, name, &got);
    if (want.n == 0 || str_eq(want, got))
        return true;
    buf_printf(&c->text, " %s=: want '%.*s', got '%.*s'", name, STR_FMT(want), STR_FMT(got));
    return false;
}

/* `member` of expect: the tags of a field we made. */
struct field_tags {
    struct test_case *c;
    struct str value;
    bool same;
};

static void check_tag(void *ctx, struct str key, const struct json *value)
{
    struct field_tags *f = ctx;
    f->same &= tag_is(f->c, f->value, str_cstr(f->c->arena, key), js_text(value));
}

static bool same_tags(struct test_case *c, const char *member, struct str value)
{
    struct field_tags f = { c, value, true };
    if (js_kind(js_member(c->expect, member)) == JS_OBJECT)
        js_each(js_member(c->expect, member), check_tag, &f);
    return f.same;
}

static bool same_fields(struct test_case *c, const struct arc_fields *f)
{
    const struct json *s = js_member(c->inputs, "seal");
    static const char *const tags[] = { "d", "s", "a" };
    bool ok = same_tags(c, "arc_seal", f->seal);
    ok &= same_tags(c, "arc_message_signature", f->signature);
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        ok &= tag_is(c, f->seal, tags[i], js_text(js_member(s, tags[i])));
        ok &= tag_is(c, f->signature, tags[i], js_text(js_member(s, tags[i])));
    }
    ok &= tag_is(c, f->signature, "c", js_text(js_member(s, "c")));
    ok &= tag_is(c, f->seal, "cv", js_text(js_member(c->expect, "cv")));
    return ok;
}

static struct str with_set(struct test_case *c, struct str message, const struct arc_fields *f)
{
    struct buf b;
    buf_init(&b, c->arena, message.n + 65536);
    buf_printf(&b, "ARC-Seal:%.*s\r\n", STR_FMT(f->seal));
    buf_printf(&b, "ARC-Message-Signature:%.*s\r\n", STR_FMT(f->signature));
    buf_printf(&b, "ARC-Authentication-Results:%.*s\r\n", STR_FMT(f->authres));
    buf_str(&b, message);
    return buf_view(&b);
}

static enum verdict seal_and_check(struct test_case *c, struct dns *dns, struct str message, const struct arc_seal_params *p)
{
    struct arrival got, again;
    struct arc_fields f;
    const char *reason = NULL;
    bool refuse = js_truth(js_member(c->expect, "nothing_added"));
    if (!receive(c, dns, message, p, &got))
        return CASE_FAILED;
    struct str id = js_text(js_member(js_member(c->inputs, "seal"), "authserv_id"));
    struct str authres = arc_authres_merge(c->arena, &got.headers, id, &got.result, STR_NONE);
    bool sealed = arc_seal_finish(got.seal, &got.headers, &got.result, authres, &f, &reason);
    if (!sealed || refuse) {
        buf_printf(&c->text, " %s", sealed ? "sealed what must not be sealed" : reason);
        return sealed != refuse ? CASE_PASSED : CASE_FAILED;
    }
    bool ok = same_fields(c, &f);
    receive(c, dns, with_set(c, message, &f), NULL, &again);
    ok &= same_status(c, "verify_cv", NULL, &again.result);
    return ok ? CASE_PASSED : CASE_FAILED;
}

enum verdict case_arc_seal(struct test_case *c)
{
    struct str message, pem;
    struct arc_seal_params p;
    const char *reason = NULL;
    if (!case_file(c, "message", &message) || !case_file(c, "key", &pem))
        return CASE_FAILED;
    struct dns *dns = case_dns(c, js_member(c->inputs, "dns"));
    struct privkey *key = privkey_parse(pem, &reason);
    enum verdict v = CASE_FAILED;
    if (key == NULL)
        buf_printf(&c->text, "key refused: %s", reason);
    if (dns != NULL && key != NULL) {
        seal_params(c, key, &p);
        v = seal_and_check(c, dns, message, &p);
    }
    dns_free(dns);
    privkey_free(key);
    return v;
}

/* ---- what is carried into ARC-Authentication-Results ---- */

static bool same_props(const struct authres_result *a, const struct authres_result *b)
{
    for (size_t i = 0; i < a->n_props; i++) {
        if (!str_ieq(a->props[i].ptype, b->props[i].ptype) || !str_ieq(a->props[i].property, b->props[i].property) ||
            !str_eq(a->props[i].value, b->props[i].value))
            return false;
    }
    return true;
}

static bool has_result(const struct authres *list, const struct authres_result *r)
{
    for (size_t i = 0; i < list->n_results; i++) {
        const struct authres_result *x = &list->results[i];
        if (str_ieq(x->method, r->method) && str_ieq(x->result, r->result) && str_eq(x->reason, r->reason) &&
            x->n_props == r->n_props && same_props(x, r))
            return true;
    }
    return false;
}

static bool same_results(const struct authres *a, const struct authres *b)
{
    bool same = a->n_results == b->n_results && str_ieq(a->authserv_id, b->authserv_id);
    for (size_t i = 0; i < a->n_results && same; i++)
        same = has_result(b, &a->results[i]);
    return same;
}

enum verdict case_authres_merge(struct test_case *c)
{
    const struct json *fields = js_member(c->inputs, "headers");
    struct str want = js_text(js_member(c->expect, "arc_authentication_results")), position, payload;
    struct arc_result arrival = { .code = AUTH_NONE };
    struct authres wanted, got;
    struct headers h;
    headers_init(&h, c->arena);
    for (size_t i = 0; i < js_count(fields); i++) {
        struct str body;
        headers_read(&h, js_text(js_item(fields, i)), &body);
    }
    struct str merged = arc_authres_merge(c->arena, &h, js_text(js_member(c->inputs, "authserv_id")), &arrival, STR("127.0.0.1"));
    str_cut(want, ';', &position, &payload);
    if (authres_parse(c->arena, payload, &wanted) && authres_parse(c->arena, merged, &got) && same_results(&wanted, &got) &&
        same_results(&got, &wanted))
        return CASE_PASSED;
    buf_printf(&c->text, " want '%.*s', got '%.*s'", STR_FMT(payload), STR_FMT(merged));
    return CASE_FAILED;
}
