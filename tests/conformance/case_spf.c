/* case_spf.c - the kind `spf`: check_host() over the case's zone. */
#include "mailseal/address.h"
#include "mailseal/clock.h"
#include "mailseal/limits.h"
#include "mailseal/spf.h"

#include "conformance.h"

static bool same_explanation(struct test_case *c, const struct spf_result *r)
{
    struct str want = js_text(js_member(c->expect, "explanation"));
    if (want.n == 0 || str_eq(want, r->explanation) || (str_eq(want, STR("DEFAULT")) && r->explanation.n == 0))
        return true;
    buf_printf(&c->text, "explanation: want '%.*s', got '%.*s'", STR_FMT(want), STR_FMT(r->explanation));
    return false;
}

enum verdict case_spf(struct test_case *c)
{
    struct spf_input in = { .helo = js_text(js_member(c->inputs, "helo")),
                            .receiver = js_text(js_member(c->inputs, "receiver")),
                            .now = clock_wall() };
    struct spf_result r;
    if (!ip_parse(js_text(js_member(c->inputs, "client_ip")), &in.client)) {
        buf_puts(&c->text, "client_ip does not parse");
        return CASE_FAILED;
    }
    /* In angle brackets, as SMTP writes a path: a suite may have a space in a local part. */
    struct str path = str_printf(c->arena, "<%.*s>", STR_FMT(js_text(js_member(c->inputs, "mail_from"))));
    if (!path_parse(c->arena, path, &in.local, &in.domain))
        in.domain = STR_NONE;
    struct dns *dns = case_dns(c, js_member(c->inputs, "dns"));
    if (dns == NULL)
        return CASE_FAILED;
    spf_check(dns, &in, clock_ms() + LIMIT_DNS_MESSAGE_MS, c->arena, &r);
    dns_free(dns);
    const char *got = auth_code_name(r.code);
    if (!case_accepts(js_member(c->expect, "spf"), js_member(c->expect, "spf_alternatives"), got)) {
        buf_printf(&c->text, "want %.*s, got %s (%s)", STR_FMT(js_text(js_member(c->expect, "spf"))), got, r.reason);
        return CASE_FAILED;
    }
    return same_explanation(c, &r) ? CASE_PASSED : CASE_FAILED;
}
