/* verdict.c - the line in the log that says what was decided about a message, and why. */
#include "mailseal/buf.h"
#include "mailseal/limits.h"

#include "engine_int.h"

/* A domain in the line: "-" when there is none. Mail may put anything in it, so it is escaped and bounded. */
static void put_domain(struct buf *b, struct str domain)
{
    if (domain.n == 0)
        buf_char(b, '-');
    for (size_t i = 0; i < domain.n && i < LIMIT_DOMAIN; i++) {
        unsigned char c = (unsigned char)domain.p[i];
        if (c <= 0x20 || c > 0x7e || c == '"' || c == '\\')
            buf_printf(b, "\\x%02x", c);
        else
            buf_char(b, (char)c);
    }
}

static void put_dkim(struct buf *b, const struct outcome *o)
{
    size_t shown = 0;
    for (size_t i = 0; i < o->n_dkim && shown < 4; i++, shown++) {
        buf_puts(b, shown == 0 ? " dkim=" : ",");
        buf_printf(b, "%s/", auth_code_name(o->dkim[i].code));
        put_domain(b, o->dkim[i].domain);
    }
    if (o->n_dkim == 0)
        buf_puts(b, " dkim=none");
    if (o->n_dkim > shown)
        buf_printf(b, ",+%zu", o->n_dkim - shown);
}

static void put_results(struct buf *b, const struct outcome *o)
{
    buf_printf(b, " spf=%s/", auth_code_name(o->spf.code));
    put_domain(b, o->spf.domain);
    buf_printf(b, " helo=%s", auth_code_name(o->helo.code));
    put_dkim(b, o);
    buf_printf(b, " arc=%s", auth_code_name(o->arc.code));
    if (o->arc.n_sealers > 0) {
        buf_char(b, '/');
        put_domain(b, o->arc.sealers[0].domain);
    }
    buf_printf(b, " dmarc=%s", auth_code_name(o->dmarc.code));
    if (o->dmarc.has_policy)
        buf_printf(b, " policy=%s", name_of(dmarc_policy_names, (int)o->dmarc.applied));
}

const char *msg_log_line(struct msg *m)
{
    const struct outcome *o = &m->outcome;
    struct buf b;
    buf_init(&b, m->arena, LIMIT_LOG_LINE);
    buf_puts(&b, "from=");
    put_domain(&b, o->author.domain);
    if (o->exempt)
        buf_printf(&b, " client=\"%s\" signatures=%zu", o->exempt_reason, o->n_signatures);
    else
        put_results(&b, o);
    if (o->exempt && o->n_signatures == 0 && o->sign_reason != NULL)
        buf_printf(&b, " unsigned=\"%s\"", o->sign_reason);
    if (o->left_out.n > 0)
        buf_printf(&b, " left-out=%.*s", STR_FMT(o->left_out));
    if (o->n_unpublished > 0)
        buf_puts(&b, " keys=unpublished");
    buf_printf(&b, " action=%s rule=\"%s\"", name_of(action_names, (int)o->decision.action), o->decision.rule);
    if (!o->exempt && o->dmarc.code != AUTH_PASS)
        buf_printf(&b, " reason=\"%s\"", o->dmarc.reason);
    buf_printf(&b, " rcpts=%zu dns=%u t=%lldms", m->recipients, o->dns_queries, (long long)o->ms);
    return str_cstr(m->arena, buf_view(&b));
}
