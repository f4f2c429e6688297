/*
 * arc_merge.c - the Authentication-Results fields of one site made into one payload for ARC-Authentication-Results (RFC 8617 4.1.1,
 * RFC 8601 2.2).
 *
 * Taken are the fields under our id that follow the grammar, and of them the registered methods, results and property types.
 * Whether fields under that id can be trusted is left to the caller.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/domain.h"

#include "arc_int.h"

/* RFC 8601 6.6 and later registrations. */
static const char *const methods[] = { "arc",        "auth",  "dkim", "dkim-adsp", "dkim-atps", "dmarc", "dnswl",
                                       "domainkeys", "iprev", "rrvs", "sender-id", "smime",     "spf",   "vbr" };
/* RFC 8601 2.3, RFC 8904 */
static const char *const ptypes[] = { "smtp", "header", "body", "policy", "dns" };

#define PROPERTY_WIDTH 64   /* longest name of a property carried; the registered ones stay below 20 */
#define ARRIVAL_ROOM   1024 /* kept free for arc= */

struct merge {
    struct dkim_folder out;
    struct str seen[LIMIT_ARC_MERGED]; /* methods written */
    size_t n;
    bool has_arc;
};

static bool is_among(struct str word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_ieq(word, str_of(list[i])))
            return true;
    return false;
}

/* RFC 2045 5.1 token, and the addresses and names a pvalue may be without quotes. */
static bool is_bare(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!char_is_alnum(s.p[i]) && (s.p[i] == '\0' || strchr("@.-_+", s.p[i]) == NULL))
            return false;
    return s.n > 0;
}

static struct str quoted(struct arena *a, struct str s)
{
    struct buf b;
    if (is_bare(s))
        return s;
    buf_init(&b, a, 2 * s.n + 2);
    buf_char(&b, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_char(&b, '\\');
        if (!char_is_space(s.p[i]) || char_is_wsp(s.p[i]))
            buf_char(&b, (unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f ? ' ' : s.p[i]);
    }
    buf_char(&b, '"');
    return buf_view(&b);
}

static void add_word(struct merge *m, struct str word)
{
    dkim_fold_word(&m->out, word.n);
    dkim_fold_add(&m->out, word);
}

static void add_prop(struct merge *m, struct str ptype, struct str property, struct str value)
{
    struct arena *a = m->out.buf.arena;
    struct str v = quoted(a, value);
    if (property.n <= PROPERTY_WIDTH && v.n <= LIMIT_AUTHRES_VALUE)
        add_word(m, str_printf(a, "%.*s.%.*s=%.*s", STR_FMT(ptype), STR_FMT(property), STR_FMT(v)));
}

static void add_result(struct merge *m, const struct authres_result *r)
{
    struct arena *a = m->out.buf.arena;
    dkim_fold_add(&m->out, STR(";"));
    add_word(m, str_printf(a, "%.*s=%.*s", STR_FMT(r->method), STR_FMT(r->result)));
    struct str reason = quoted(a, r->reason);
    if (r->reason.n > 0 && reason.n <= LIMIT_AUTHRES_VALUE)
        add_word(m, str_printf(a, "reason=%.*s", STR_FMT(reason)));
    for (size_t i = 0; i < r->n_props; i++)
        add_prop(m, r->props[i].ptype, r->props[i].property, r->props[i].value);
}

/* RFC 8617 4.1.1: every result of the site. A message has many signatures but one of everything else. */
static bool is_wanted(const struct merge *m, const struct authres_result *r)
{
    bool version_1 = r->version.n == 0 || str_eq(r->version, STR("1"));
    if (m->n == LIMIT_ARC_MERGED || !version_1 || !is_among(r->method, methods, sizeof(methods) / sizeof(methods[0])) ||
        code_of(auth_code_names, r->result) < 0)
        return false;
    for (size_t i = 0; i < m->n; i++)
        if (str_ieq(m->seen[i], r->method))
            return str_ieq(r->method, STR("dkim"));
    return true;
}

/* RFC 8601 2.3: what an unknown property type says of a result cannot be told, so the field counts as malformed. */
static bool has_known_ptypes(const struct authres *r)
{
    for (size_t i = 0; i < r->n_results; i++)
        for (size_t k = 0; k < r->results[i].n_props; k++)
            if (!is_among(r->results[i].props[k].ptype, ptypes, sizeof(ptypes) / sizeof(ptypes[0])))
                return false;
    return true;
}

static void add_field(struct merge *m, struct str value, struct str id)
{
    struct arena *a = m->out.buf.arena;
    struct authres r;
    struct str theirs;
    if (!authres_parse(a, value, &r) || !(r.version.n == 0 || str_eq(r.version, STR("1"))) || !has_known_ptypes(&r))
        return;
    /* RFC 8601 2.5 */
    if (!domain_normalise(a, r.authserv_id, &theirs))
        theirs = r.authserv_id;
    if (!str_ieq(theirs, id))
        return;
    for (size_t i = 0; i < r.n_results; i++) {
        if (!is_wanted(m, &r.results[i]))
            continue;
        struct dkim_folder before = m->out;
        add_result(m, &r.results[i]);
        if (m->out.buf.n > LIMIT_AUTHRES - ARRIVAL_ROOM) {
            buf_cut(&m->out.buf, before.buf.n);
            m->out.column = before.column;
            continue;
        }
        m->seen[m->n++] = r.results[i].method;
        m->has_arc |= str_ieq(r.results[i].method, STR("arc"));
    }
}

/* RFC 8617 6, 10.2 */
static void add_arrival(struct merge *m, const struct arc_result *arrival, struct str remote_ip)
{
    struct arena *a = m->out.buf.arena;
    dkim_fold_add(&m->out, STR(";"));
    add_word(m, str_printf(a, "arc=%s", auth_code_name(arrival->code)));
    if (remote_ip.n > 0)
        add_prop(m, STR("smtp"), STR("remote-ip"), remote_ip);
    if (arrival->has_oldest_pass)
        add_prop(m, STR("header"), STR("oldest-pass"), str_printf(a, "%u", arrival->oldest_pass));
}

struct str arc_authres_merge(struct arena *a, const struct headers *h, struct str authserv_id, const struct arc_result *arrival,
                             struct str remote_ip)
{
    struct merge m = { .n = 0 };
    struct str id;
    if (!domain_normalise(a, authserv_id, &id))
        id = authserv_id;
    /* One result of 64 properties may be written before it is found to be too long. */
    dkim_fold_init(&m.out, a, ARC_AAR_NAME, LIMIT_HEADER_FIELD);
    size_t start = m.out.buf.n;
    dkim_fold_add(&m.out, quoted(a, id));
    for (size_t i = 0; i < h->n; i++)
        if (str_ieq(h->v[i].name, STR("Authentication-Results")))
            add_field(&m, h->v[i].value, id);
    if (!m.has_arc)
        add_arrival(&m, arrival, remote_ip);
    return str_skip(buf_view(&m.out.buf), start);
}
