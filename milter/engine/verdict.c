/*
 * verdict.c - the line in the log that says what was decided about a message, and why: key=value words, or one JSON object.
 *
 * Other programs read it: keys keep their order and their meaning, and what mail supplies is escaped and bounded. A hostile message
 * must not be able to push the decision off the line, so words that do not fit are left out whole, those without which the line is
 * of no use last of all.
 */
#include <string.h>

#include "mailseal/buf.h"
#include "mailseal/json.h"
#include "mailseal/limits.h"

#include "engine_int.h"

#define LINE_MAX_BYTES (LIMIT_LOG_LINE - 64) /* the log puts something in front, and ends it */
#define NAME_BYTES     96                    /* of one name, escaped */
#define SHORT_BYTES    60                    /* of a name that is one of several */
#define SIGNATURES     4
#define WORDS          32

enum word_kind { WORD_PLAIN, WORD_QUOTED, WORD_NUMBER, WORD_MS };

struct word {
    const char *key;
    enum word_kind kind;
    bool vital;
    struct str text; /* printable ASCII */
    int64_t number;
};

struct line {
    struct arena *a;
    struct word v[WORDS];
    size_t n;
};

static struct word *put(struct line *l, const char *key, enum word_kind kind)
{
    struct word *w = &l->v[l->n++];
    *w = (struct word){ .key = key, .kind = kind };
    return w;
}

/* Mail may put anything in a name. A quote or a backslash of its own would end what it stands in, "x,pass/y" or "action=reject"
 * would look like words of ours. */
static void escape(struct buf *b, struct str s, size_t max)
{
    size_t end = b->n + max;
    if (s.n == 0)
        buf_char(b, '-');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (b->n + 4 > end) {
            buf_puts(b, "...");
            return;
        }
        if (c <= 0x20 || c > 0x7e || strchr("\"\\=,/", c) != NULL)
            buf_printf(b, "\\x%02x", c);
        else
            buf_char(b, (char)c);
    }
}

static struct str escaped(struct line *l, struct str s)
{
    struct buf b;
    buf_init(&b, l->a, NAME_BYTES + 4);
    escape(&b, s, NAME_BYTES);
    return buf_view(&b);
}

/* Text of ours or of the site, spaces and all. */
static struct str safe(struct line *l, struct str s)
{
    struct str shown = str_first(s, NAME_BYTES);
    char *p = arena_copy(l->a, shown.p, shown.n);
    for (size_t i = 0; i < shown.n; i++)
        if (p[i] < 0x20 || p[i] > 0x7e || p[i] == '"' || p[i] == '\\')
            p[i] = '?';
    return (struct str){ p, shown.n };
}

static void put_plain(struct line *l, const char *key, struct str text)
{
    put(l, key, WORD_PLAIN)->text = text;
}

static void put_quoted(struct line *l, const char *key, const char *text)
{
    put(l, key, WORD_QUOTED)->text = safe(l, str_of(text));
}

static void put_number(struct line *l, const char *key, int64_t n)
{
    put(l, key, WORD_NUMBER)->number = n;
}

static void put_vital(struct line *l, const char *key, enum word_kind kind, struct str text)
{
    struct word *w = put(l, key, kind);
    w->text = text;
    w->vital = true;
}

/* ---- the words ---- */

static struct str signatures(struct line *l, const struct outcome *o)
{
    struct buf b;
    size_t shown = o->n_dkim < SIGNATURES ? o->n_dkim : SIGNATURES;
    buf_init(&b, l->a, SIGNATURES * (SHORT_BYTES + 32) + 32);
    for (size_t i = 0; i < shown; i++) {
        buf_puts(&b, i == 0 ? "" : ",");
        buf_puts(&b, auth_code_name(o->dkim[i].code));
        buf_char(&b, '/');
        escape(&b, o->dkim[i].domain, SHORT_BYTES);
    }
    if (o->n_dkim == 0)
        buf_puts(&b, "none");
    if (o->n_dkim > shown)
        buf_printf(&b, ",+%zu", o->n_dkim - shown);
    return buf_view(&b);
}

static struct str with_domain(struct line *l, enum auth_code code, struct str domain)
{
    struct buf b;
    buf_init(&b, l->a, NAME_BYTES + 32);
    buf_puts(&b, auth_code_name(code));
    buf_char(&b, '/');
    escape(&b, domain, NAME_BYTES);
    return buf_view(&b);
}

static void put_results(struct line *l, const struct outcome *o)
{
    put_plain(l, "spf", with_domain(l, o->spf.code, o->spf.domain));
    put_plain(l, "helo", str_of(auth_code_name(o->helo.code)));
    put_plain(l, "dkim", signatures(l, o));
    if (o->arc.n_sealers > 0)
        put_plain(l, "arc", with_domain(l, o->arc.code, o->arc.sealers[0].domain));
    else
        put_plain(l, "arc", str_of(auth_code_name(o->arc.code)));
    put_vital(l, "dmarc", WORD_PLAIN, str_of(auth_code_name(o->dmarc.code)));
    if (o->dmarc.has_policy)
        put_plain(l, "policy", str_of(name_of(dmarc_policy_names, (int)o->dmarc.applied)));
}

static void put_exempt(struct line *l, const struct outcome *o)
{
    put_quoted(l, "client", o->exempt_reason);
    put_number(l, "signatures", (int64_t)o->n_signatures);
    if (o->n_signatures == 0 && o->sign_reason != NULL)
        put_quoted(l, "unsigned", o->sign_reason);
    if (o->left_out.n > 0)
        put_plain(l, "left-out", o->left_out);
}

static void put_origin(struct line *l, const struct outcome *o)
{
    put_plain(l, "ip", ip_text(l->a, o->client));
    put_plain(l, "class", o->relayed ? STR("relayed") : str_of(name_of(client_class_names, (int)o->class)));
    if (o->facts.daemon.n > 0)
        put_plain(l, "daemon", escaped(l, o->facts.daemon));
}

static void put_all(struct line *l, const struct outcome *o)
{
    put_vital(l, "from", WORD_PLAIN, escaped(l, o->author.domain));
    if (o->exempt)
        put_exempt(l, o);
    else
        put_results(l, o);
    if (o->n_unpublished > 0)
        put_plain(l, "keys", STR("unpublished"));
    put_vital(l, "action", WORD_PLAIN, str_of(name_of(action_names, (int)o->decision.action)));
    put_vital(l, "rule", WORD_QUOTED, safe(l, str_of(o->decision.rule)));
    if (!o->exempt && o->dmarc.code != AUTH_PASS)
        put_quoted(l, "reason", o->dmarc.reason);
    if (o->deferral != NULL)
        put_quoted(l, "deferral", o->deferral);
    if (o->disagreement.n > 0)
        put(l, "conflict", WORD_QUOTED)->text = safe(l, o->disagreement);
    put_origin(l, o);
    put_number(l, "rcpts", (int64_t)o->recipients);
    put_number(l, "dns", o->dns_queries);
    put_vital(l, "t", WORD_MS, STR_NONE);
    l->v[l->n - 1].number = o->ms;
}

/* ---- what fits ---- */

/* At most: a separator, quotes, and in JSON each backslash doubled. */
static size_t cost(const struct word *w, bool json)
{
    size_t n = strlen(w->key) + w->text.n + 26;
    for (size_t i = 0; i < w->text.n; i++)
        n += json && w->text.p[i] == '\\';
    return n;
}

static void keep_what_fits(struct line *l, size_t room, bool json)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++)
        room -= l->v[i].vital ? cost(&l->v[i], json) : 0;
    for (size_t i = 0; i < l->n; i++) {
        struct word w = l->v[i];
        if (!w.vital && cost(&w, json) > room)
            continue;
        room -= w.vital ? 0 : cost(&w, json);
        l->v[kept++] = w;
    }
    l->n = kept;
}

static const char *as_text(const struct line *l, struct str id)
{
    struct buf b;
    buf_init(&b, l->a, LINE_MAX_BYTES);
    buf_str(&b, id);
    buf_puts(&b, id.n > 0 ? ":" : "");
    for (size_t i = 0; i < l->n; i++) {
        const struct word *w = &l->v[i];
        const char *quote = w->kind == WORD_QUOTED ? "\"" : "";
        buf_puts(&b, b.n > 0 ? " " : "");
        buf_puts(&b, w->key);
        buf_char(&b, '=');
        if (w->kind == WORD_NUMBER || w->kind == WORD_MS) {
            buf_printf(&b, "%lld%s", (long long)w->number, w->kind == WORD_MS ? "ms" : "");
            continue;
        }
        buf_puts(&b, quote);
        buf_str(&b, w->text);
        buf_puts(&b, quote);
    }
    return str_cstr(l->a, buf_view(&b));
}

static const char *as_json(const struct line *l, struct str id)
{
    struct json *o = js_object(l->a);
    struct str line;
    if (id.n > 0)
        js_add_text(o, "id", id);
    for (size_t i = 0; i < l->n; i++) {
        const struct word *w = &l->v[i];
        if (w->kind == WORD_NUMBER || w->kind == WORD_MS)
            js_add_integer(o, w->key, w->number);
        else
            js_add_text(o, w->key, w->text);
    }
    return js_line(l->a, o, LINE_MAX_BYTES, &line) ? str_cstr(l->a, line) : "{}";
}

const char *msg_log_line(struct msg *m, struct str queue_id)
{
    struct line *l = ARENA_NEW(m->arena, struct line);
    bool json = m->conf->log_json;
    l->a = m->arena;
    struct str id = queue_id.n > 0 ? escaped(l, queue_id) : queue_id;
    put_all(l, &m->outcome);
    /* Braces and the id, doubled as above. */
    keep_what_fits(l, LINE_MAX_BYTES - 2 * id.n - 16, json);
    return json ? as_json(l, id) : as_text(l, id);
}
