/*
 * seal.c - an ARC set for mail that was judged here and goes on to others (RFC 8617 5.1).
 *
 * The seal covers the message as it leaves us: without the forged fields, with ours. What the chain was when it came, and what the
 * checks said, is the set's content. Mail of our own clients is signed, not sealed.
 */
#include "mailseal/log.h"

#include "engine_int.h"

void seal_start(struct msg *m)
{
    const struct conf *c = m->conf;
    const char *reason = NULL;
    if (c->seal_key == NULL)
        return;
    struct arc_seal_params *p = ARENA_NEW(m->arena, struct arc_seal_params);
    *p = (struct arc_seal_params){ .domain = str_of(c->seal_domain),
                                   .selector = str_of(c->seal_selector),
                                   .key = c->seal_key,
                                   .header_canon = DKIM_CANON_RELAXED,
                                   .body_canon = DKIM_CANON_RELAXED,
                                   .timestamp = m->now };
    struct str *names = ARENA_ARRAY(m->arena, struct str, FRAGILE_FIELDS);
    p->n_left_out = fragile_fields(m, p->header_canon, names);
    p->left_out = names;
    m->seal = arc_seal_start(m->arena, m->body, p, &reason);
    if (m->seal == NULL)
        log_error("not sealed: %s", reason);
}

static bool is_deleted(const struct msg *m, const struct header *field, unsigned instance[OWN_FIELDS])
{
    for (size_t k = 0; k < OWN_FIELDS; k++) {
        if (!str_ieq(field->name, own_field_names[k]))
            continue;
        instance[k]++;
        for (size_t i = 0; i < m->forged[k].n; i++)
            if (m->forged[k].index[i] == instance[k])
                return true;
    }
    return false;
}

/* The header as the mail server will have it. */
static void edited(const struct msg *m, struct headers *out)
{
    const struct outcome *o = &m->outcome;
    unsigned instance[OWN_FIELDS] = { 0 };
    headers_init(out, m->arena);
    out->overflow = m->headers.overflow;
    for (size_t i = o->n_edits; i-- > 0;)
        if (o->edits[i].op == EDIT_INSERT)
            (void)headers_add(out, o->edits[i].name, o->edits[i].value);
    for (size_t i = 0; i < m->headers.n; i++) {
        const struct header *field = &m->headers.v[i];
        if (!is_deleted(m, field, instance))
            (void)headers_add(out, str_first(field->raw, field->raw.n - field->value.n - 1), field->value);
    }
}

void seal_add(struct msg *m)
{
    const struct outcome *o = &m->outcome;
    struct headers h;
    struct arc_fields f;
    const char *reason = NULL;
    if (m->seal == NULL || o->decision.action >= ACTION_TEMPFAIL)
        return;
    edited(m, &h);
    struct str results = arc_authres_merge(m->arena, &h, str_of(m->conf->authserv_id), &o->arc, ip_text(m->arena, m->client));
    if (!arc_seal_finish(m->seal, &h, &o->arc, results, &f, &reason)) {
        log_debug("not sealed: %s", reason);
        return;
    }
    edits_insert(m, STR("ARC-Authentication-Results"), f.authres);
    edits_insert(m, STR("ARC-Message-Signature"), f.signature);
    edits_insert(m, STR("ARC-Seal"), f.seal);
}
