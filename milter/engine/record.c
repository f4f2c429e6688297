/*
 * record.c - what was decided about a message, and what that took, as an entry of the journal.
 *
 * Domains are kept, local parts are not. What another policy would do is told from the facts, so what this policy said about them
 * stands beside them, not what the options of the site made of it.
 */
#include "mailseal/buf.h"
#include "mailseal/journal.h"
#include "mailseal/json.h"
#include "mailseal/domain.h"

#include "engine_int.h"

#define DETAIL_MAX (LIMIT_JOURNAL_ENTRY / 2)

static void unref_notes(void *notes)
{
    dns_notes_unref(notes);
}

void record_begin(struct msg *m)
{
    if (!env_has_journal(m->env))
        return;
    m->notes = dns_notes_new(LIMIT_JOURNAL_DNS);
    arena_defer(m->arena, unref_notes, m->notes);
}

struct dns *record_meter(struct msg *m, struct dns *meter)
{
    if (m->notes != NULL)
        dns_meter_note(meter, m->notes);
    return meter;
}

/* i= of a signature with its domain only. */
static struct dkim_result *without_local_parts(struct msg *m)
{
    const struct outcome *o = &m->outcome;
    struct dkim_result *v = ARENA_ARRAY(m->arena, struct dkim_result, o->n_dkim);
    for (size_t i = 0; i < o->n_dkim; i++) {
        struct str local, domain;
        v[i] = o->dkim[i];
        if (str_rcut(v[i].identity, '@', &local, &domain))
            v[i].identity = str_skip(v[i].identity, local.n);
    }
    return v;
}

/* With the domains of all recipients: which of them decides is another policy's to say. */
static struct str facts_text(struct msg *m)
{
    struct str facts = policy_facts_write(m->arena, &m->outcome.facts);
    struct buf b;
    if (m->n_rcpt_domains == 0)
        return facts;
    buf_init(&b, m->arena, LIMIT_POLICY_FACTS + LIMIT_RCPT_DOMAINS * (LIMIT_DOMAIN + 1));
    buf_str(&b, facts);
    for (size_t i = 0; i < m->n_rcpt_domains; i++) {
        buf_puts(&b, i == 0 ? " recipients=" : ",");
        if (domain_is_valid(m->rcpt_domain[i]))
            buf_str(&b, m->rcpt_domain[i]);
    }
    return buf_view(&b);
}

/* The fields we write are not kept: they say the same once more. */
static bool explanation(struct msg *m, struct redaction *r, bool with_dns, struct str *text)
{
    struct outcome told = m->outcome;
    bool whole = false;
    told.n_edits = 0;
    told.dkim = without_local_parts(m);
    /* RFC 7208 6.2, 7.2: macros may have put the local part into them. */
    told.spf.explanation = told.helo.explanation = STR_NONE;
    struct json *doc = outcome_json(m->arena, &told, m->conf);
    if (with_dns)
        js_add_shared(doc, "dns", dns_notes_json(m->notes, m->arena, r != NULL ? redact_hides : NULL, r, &whole));
    js_add_bool(doc, "dns_whole", whole);
    return js_line(m->arena, doc, DETAIL_MAX, text);
}

/* Too long a one is told without its DNS answers. */
static struct str detail_of(struct msg *m, struct redaction *r)
{
    struct str text;
    if (!explanation(m, r, true, &text) && !explanation(m, r, false, &text))
        return STR_NONE;
    return r != NULL ? redact_text(r, m->arena, text) : text;
}

void msg_journal(struct msg *m)
{
    const struct outcome *o = &m->outcome;
    struct redaction r;
    if (m->notes == NULL)
        return;
    if (m->conf->journal_redact)
        redaction_of(&r, m->arena, o->client, m->local);
    const struct journal_entry e = { .time = m->now,
                                     .queue_id = m->queue_id,
                                     .domain = o->author.status == AUTHOR_ONE ? o->author.domain : STR_NONE,
                                     .action = str_of(name_of(action_names, (int)o->said.action)),
                                     .rule = str_of(o->said.rule),
                                     .policy = str_of(o->policy_name),
                                     .facts = facts_text(m),
                                     .detail = detail_of(m, m->conf->journal_redact ? &r : NULL) };
    env_add_to_journal(m->env, &e);
}
