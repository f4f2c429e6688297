/* case_dmarc.c - the kind `dmarc`: SPF and DKIM are given as evaluated, the rest is ours. */
#include "mailseal/address.h"
#include "mailseal/clock.h"
#include "mailseal/dmarc.h"
#include "mailseal/domain.h"
#include "mailseal/limits.h"

#include "conformance.h"

static bool identifier(struct test_case *c, const struct json *j, const char *member, struct dmarc_identifier *out)
{
    int code = code_of(auth_code_names, js_text(js_member(j, "result")));
    out->code = code >= 0 ? (enum auth_code)code : AUTH_NONE;
    return domain_normalise(c->arena, js_text(js_member(j, member)), &out->domain);
}

static bool same(struct test_case *c, const struct author *author, const struct dmarc_result *r)
{
    const char *code = auth_code_name(r->code);
    bool ok = case_accepts(js_member(c->expect, "result"), js_member(c->expect, "result_alternatives"), code);
    if (!ok)
        buf_printf(&c->text, " result: want %.*s, got %s (%s)", STR_FMT(js_text(js_member(c->expect, "result"))), code, r->reason);
    ok &= case_same_text(c, "policy", r->has_policy ? str_of(name_of(dmarc_policy_names, (int)r->policy)) : STR_NONE);
    ok &= case_same_text(c, "disposition", str_of(name_of(dmarc_policy_names, (int)r->disposition)));
    ok &= case_same_text(c, "org_domain", r->org_domain);
    ok &= case_same_text(c, "record_domain", r->record_domain);
    ok &= case_same_text(c, "author_domain", author->domain);
    ok &= case_same_bool(c, "spf_aligned", r->spf_aligned);
    ok &= case_same_bool(c, "dkim_aligned", r->dkim_aligned);
    return ok;
}

enum verdict case_dmarc(struct test_case *c)
{
    struct author author;
    struct dmarc_identifier spf, *dkim;
    struct dmarc_result r;
    const struct json *list = js_member(c->inputs, "dkim");
    size_t n = 0;
    struct dns *dns = case_dns(c, js_member(c->inputs, "dns"));
    if (dns == NULL)
        return CASE_FAILED;
    author_parse(c->arena, js_text(js_member(c->inputs, "header_from")), &author);
    dkim = ARENA_ARRAY(c->arena, struct dmarc_identifier, js_count(list));
    for (size_t i = 0; i < js_count(list); i++)
        n += identifier(c, js_item(list, i), "d", &dkim[n]);
    bool has_spf = identifier(c, js_member(c->inputs, "spf"), "domain", &spf);
    struct dmarc *d = NULL;
    if (author.status == AUTHOR_ONE)
        d = dmarc_start(c->arena, dns, author.domain, clock_ms() + LIMIT_DNS_MESSAGE_MS);
    dmarc_eval(d, &author, has_spf ? &spf : NULL, dkim, n, c->arena, &r);
    bool ok = same(c, &author, &r);
    dns_free(dns);
    return ok ? CASE_PASSED : CASE_FAILED;
}
