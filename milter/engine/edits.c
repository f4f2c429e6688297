/*
 * edits.c - outcome to header edits: forged fields out, our own in.
 *
 * Every Authentication-Results field that bears an id of ours goes (RFC 8601 5), and every label; they are looked at as they
 * arrive, so that no limit on what is kept can save one. Postfix counts instances as they are now and Sendmail as they were:
 * deleting from the highest number down and inserting last is right in both.
 */
#include <string.h>

#include "mailseal/limits.h"
#include "mailseal/log.h"

#include "engine_int.h"

#define DKIM_RESULTS_WRITTEN 12 /* of LIMIT_AUTHRES_RESULTS */
#define FIELDS_INSERTED      5  /* beside signatures: those of a seal, results, label */

const struct str own_field_names[OWN_FIELDS] = {
    [OWN_AUTHRES] = { "Authentication-Results", 22 }, [OWN_LABEL] = { "X-Mailseal-Label", 16 }
};

/* In an arena of its own: what parsing needs must not add up over a message of nothing but such fields. */
static bool is_forged(const struct conf *c, struct str value)
{
    struct arena *a = arena_new();
    size_t n = c->trusted_ids.n;
    struct str *ids = ARENA_ARRAY(a, struct str, n + 1);
    for (size_t i = 0; i < n; i++)
        ids[i] = str_of(c->trusted_ids.v[i]);
    ids[n] = str_of(c->authserv_id);
    bool forged = authres_claims(a, value, ids, n + 1);
    arena_free(a);
    return forged;
}

static void note_forged(struct arena *a, struct forged *f)
{
    if (f->n == f->room) {
        unsigned *old = f->index;
        f->room = f->room == 0 ? 8 : f->room * 2;
        f->index = ARENA_ARRAY(a, unsigned, f->room);
        if (f->n > 0)
            memcpy(f->index, old, f->n * sizeof(*old));
    }
    f->index[f->n++] = f->seen;
}

void edits_note_field(struct msg *m, struct str name, struct str value)
{
    for (size_t i = 0; i < OWN_FIELDS; i++) {
        struct forged *f = &m->forged[i];
        if (!str_ieq(name, own_field_names[i]))
            continue;
        f->seen++;
        if (i == OWN_LABEL || is_forged(m->conf, value))
            note_forged(m->arena, f);
    }
}

static void write_spf(struct authres_writer *w, struct msg *m, const struct spf_result *r)
{
    bool helo = r->identity == SPF_HELO || r->null_sender;
    authres_add(w, "spf", r->code);
    authres_comment(w, str_of(r->reason));
    if (m->relayed)
        authres_comment(w, str_printf(m->arena, "client %.*s of our relay", STR_FMT(ip_text(m->arena, m->client))));
    if (r->domain.n > 0)
        authres_prop(w, "smtp", helo ? "helo" : "mailfrom", r->domain);
}

static void write_dkim(struct authres_writer *w, struct arena *a, const struct dkim_result *r)
{
    authres_add(w, "dkim", r->code);
    if (r->reason != NULL)
        authres_comment(w, str_of(r->reason));
    if (r->bits > 0)
        authres_comment(w, str_printf(a, "%u-bit key", r->bits));
    const struct {
        const char *property;
        struct str value;
    } props[] = { { "d", r->domain }, { "i", r->identity }, { "s", r->selector }, { "a", r->algorithm }, { "b", r->b } };
    for (size_t i = 0; i < sizeof(props) / sizeof(props[0]); i++)
        if (props[i].value.n > 0)
            authres_prop(w, "header", props[i].property, props[i].value);
}

static void write_dmarc(struct authres_writer *w, struct arena *a, const struct outcome *o)
{
    const struct dmarc_result *r = &o->dmarc;
    authres_add(w, "dmarc", r->code);
    if (r->code != AUTH_PASS)
        authres_comment(w, str_of(r->reason));
    if (o->deferral != NULL)
        authres_comment(w, str_of(o->deferral));
    if (r->has_policy) {
        /* RFC 9989 9.1: policy.dmarc is the policy after its options; what was done about it is a comment. */
        authres_comment(w, str_printf(a, "%s=%s dis=%s", r->tag, name_of(dmarc_policy_names, (int)r->policy),
                                      name_of(action_names, (int)o->decision.action)));
        authres_prop(w, "policy", "dmarc", str_of(name_of(dmarc_policy_names, (int)r->applied)));
    }
    if (r->from_domain.n > 0)
        authres_prop(w, "header", "from", r->from_domain);
}

/* RFC 8617 6, 10.2 */
static void write_arc(struct authres_writer *w, struct arena *a, const struct arc_result *r)
{
    authres_add(w, "arc", r->code);
    if (r->reason != NULL)
        authres_comment(w, str_of(r->reason));
    if (r->n_sealers > 0)
        authres_comment(w, str_printf(a, "i=%u sealed by %.*s", r->instance, STR_FMT(r->sealers[0].domain)));
    if (r->remote_ip.n > 0)
        authres_prop(w, "smtp", "remote-ip", r->remote_ip);
    if (r->has_oldest_pass)
        authres_prop(w, "header", "oldest-pass", str_printf(a, "%u", r->oldest_pass));
}

/* The verdict stands first: should a hostile message fill the field, what is dropped are its own signatures. */
static struct str authres_value(struct msg *m)
{
    const struct outcome *o = &m->outcome;
    struct authres_writer w;
    authres_begin(&w, m->arena, str_of(m->conf->authserv_id));
    write_dmarc(&w, m->arena, o);
    write_spf(&w, m, &o->spf);
    if (!o->spf.null_sender)
        write_spf(&w, m, &o->helo);
    write_arc(&w, m->arena, &o->arc);
    if (o->n_dkim == 0)
        authres_add(&w, "dkim", AUTH_NONE);
    for (size_t i = 0; i < o->n_dkim && i < DKIM_RESULTS_WRITTEN; i++)
        write_dkim(&w, m->arena, &o->dkim[i]);
    return authres_end(&w);
}

/* The milter form of a value: begins with a space, lines end in LF. */
static struct str milter_value(struct arena *a, struct str value)
{
    char *p = arena_alloc(a, value.n + 1);
    size_t n = 0;
    if (value.n == 0 || !char_is_wsp(value.p[0]))
        p[n++] = ' ';
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] != '\r')
            p[n++] = value.p[i];
    return (struct str){ p, n };
}

void edits_insert(struct msg *m, struct str name, struct str value)
{
    struct outcome *o = &m->outcome;
    o->edits[o->n_edits++] = (struct edit){ .op = EDIT_INSERT, .name = name, .value = milter_value(m->arena, value) };
}

static bool insert_signatures(struct msg *m)
{
    if (m->must_wait)
        return false;
    for (size_t i = m->n_sign; i-- > 0;) {
        struct str value;
        if (m->sign[i].sign == NULL)
            continue;
        if (!dkim_sign_finish(m->sign[i].sign, &value, &m->outcome.sign_reason)) {
            log_error("cannot sign with key '%s': %s", m->sign[i].how->key_file, m->outcome.sign_reason);
            atomic_fetch_add(&env_sign_watch(m->env)->failed, 1);
            return false;
        }
        edits_insert(m, STR("DKIM-Signature"), value);
        m->outcome.n_signatures++;
    }
    return true;
}

static void delete_forged(struct msg *m)
{
    struct outcome *o = &m->outcome;
    for (size_t k = 0; k < OWN_FIELDS; k++)
        for (size_t i = m->forged[k].n; i-- > 0;)
            o->edits[o->n_edits++] = (struct edit){ .op = EDIT_DELETE, .name = own_field_names[k], .index = m->forged[k].index[i] };
}

static void quote(struct buf *b, const char *text)
{
    buf_char(b, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buf_char(b, '\\');
        buf_char(b, *text);
    }
    buf_char(b, '"');
}

/* What filters behind us can sort by. A name and a reason in a profile are printable ASCII. */
static struct str label_value(struct msg *m)
{
    const struct outcome *o = &m->outcome;
    struct buf b;
    buf_init(&b, m->arena, LIMIT_LABEL_FIELD);
    buf_printf(&b, "%s; dmarc=%s; rule=", o->label, auth_code_name(o->dmarc.code));
    quote(&b, o->decision.rule);
    if (o->decision.reason != NULL && o->decision.reason[0] != '\0') {
        buf_puts(&b, ";\n\treason=");
        quote(&b, o->decision.reason);
    }
    return buf_view(&b);
}

bool edits_make(struct msg *m)
{
    struct outcome *o = &m->outcome;
    size_t most = m->forged[OWN_AUTHRES].n + m->forged[OWN_LABEL].n + m->n_sign + FIELDS_INSERTED;
    o->edits = ARENA_ARRAY(m->arena, struct edit, most);
    delete_forged(m);
    if (o->label != NULL)
        edits_insert(m, own_field_names[OWN_LABEL], label_value(m));
    if (!o->exempt)
        edits_insert(m, own_field_names[OWN_AUTHRES], authres_value(m));
    seal_add(m);
    return insert_signatures(m);
}
