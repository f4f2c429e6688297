/* case_authres.c - the kind `authres`, first form: one field to parse. The second form belongs to an ARC sealer. */
#include "conformance.h"

static bool same_text(struct test_case *c, const struct json *want, const char *what, struct str got)
{
    if (js_kind(want) == JS_ABSENT || js_kind(want) == JS_NULL || str_ieq(js_text(want), got))
        return true;
    buf_printf(&c->text, " %s: want '%.*s', got '%.*s'", what, STR_FMT(js_text(want)), STR_FMT(got));
    return false;
}

static bool has_prop(struct test_case *c, const struct json *want, const struct authres_result *r)
{
    for (size_t i = 0; i < r->n_props; i++)
        if (str_ieq(js_text(js_member(want, "ptype")), r->props[i].ptype) &&
            str_ieq(js_text(js_member(want, "property")), r->props[i].property))
            return same_text(c, js_member(want, "value"), "value", r->props[i].value);
    buf_printf(&c->text, " no property %.*s", STR_FMT(js_text(js_member(want, "property"))));
    return false;
}

static bool same_result(struct test_case *c, const struct json *want, const struct authres_result *r)
{
    const struct json *props = js_member(want, "props");
    bool ok = same_text(c, js_member(want, "method"), "method", r->method);
    ok &= same_text(c, js_member(want, "result"), "result", r->result);
    ok &= same_text(c, js_member(want, "reason"), "reason", r->reason);
    for (size_t i = 0; i < js_count(props); i++)
        ok &= has_prop(c, js_item(props, i), r);
    return ok;
}

static bool same_results(struct test_case *c, const struct authres *r)
{
    const struct json *want = js_member(c->expect, "results");
    bool ok = true;
    if (js_kind(want) == JS_ARRAY && js_count(want) != r->n_results) {
        buf_printf(&c->text, " want %zu results, got %zu", js_count(want), r->n_results);
        return false;
    }
    for (size_t i = 0; i < js_count(want); i++)
        ok &= same_result(c, js_item(want, i), &r->results[i]);
    return ok;
}

enum verdict case_authres(struct test_case *c)
{
    struct str name, value;
    struct authres r;
    if (js_kind(js_member(c->inputs, "header")) == JS_ABSENT)
        return case_authres_merge(c);
    str_cut(js_text(js_member(c->inputs, "header")), ':', &name, &value);
    if (value.n >= 2 && value.p[value.n - 1] == '\n')
        value.n -= 2;
    bool valid = authres_parse(c->arena, value, &r);
    if (!case_same_bool(c, "valid", valid))
        return CASE_FAILED;
    if (!valid)
        return CASE_PASSED;
    bool ok = case_same_text(c, "authserv_id", r.authserv_id);
    ok &= same_results(c, &r);
    return ok ? CASE_PASSED : CASE_FAILED;
}
