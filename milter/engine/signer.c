/*
 * signer.c - for whom a message of our own clients is signed.
 *
 * DK-87, DK-90: for the author, of whom there has to be exactly one domain; a site may want the keys of who sends for the author
 * (RFC 5322 3.6.2) or of the envelope sender instead. A login may use no address that it is not allowed, and both count here: what
 * is signed for, and what a reader sees.
 */
#include "engine_int.h"

static bool same(const struct signer *a, const struct signer *b)
{
    return str_eq(a->local, b->local) && str_eq(a->domain, b->domain);
}

/* Exactly one Sender field with exactly one mailbox; else the author has sent it himself. */
static bool sender_of(const struct msg *m, struct signer *out)
{
    const struct header *field = headers_get(&m->headers, STR("Sender"), 0);
    struct author sender;
    struct str domain;
    if (field == NULL || headers_count(&m->headers, STR("Sender")) > 1)
        return false;
    author_parse(m->arena, field->value, &sender);
    if (sender.status != AUTHOR_ONE || sender.mailboxes != 1)
        return false;
    (void)str_rcut(sender.address, '@', &out->local, &domain);
    out->domain = sender.domain;
    return true;
}

static void choose(const struct msg *m, const struct signer *author, struct signer *out)
{
    *out = *author;
    if (m->conf->sign_for == SIGN_FOR_SENDER && sender_of(m, out))
        return;
    if (m->conf->sign_for == SIGN_FOR_ENVELOPE && m->domain.n > 0)
        *out = (struct signer){ m->local, m->domain };
}

/* NULL: it may. */
static const char *login_fault(struct msg *m, const struct signer *s, const char *fault)
{
    enum table_answer allowed = login_map_ask(m->conf->logins, m->auth_user, s->local, s->domain);
    m->must_wait = allowed == TABLE_UNKNOWN;
    if (m->must_wait)
        return "sender-login-map does not answer";
    return allowed == TABLE_YES ? NULL : fault;
}

/* A login map speaks of one address, so it cannot allow several authors. */
static const char *logins_fault(struct msg *m, const struct signer *author, const struct signer *signer)
{
    static const char not_author[] = "the login may not use the author's address";
    if (m->conf->logins == NULL || !m->authenticated)
        return NULL;
    const char *fault = m->outcome.author.mailboxes != 1 ? not_author : login_fault(m, author, not_author);
    if (fault == NULL && !same(author, signer))
        fault = login_fault(m, signer, "the login may not use the sender's address");
    return fault;
}

const char *signer_find(struct msg *m, struct signer *out)
{
    const struct author *a = &m->outcome.author;
    struct signer author = { .domain = a->domain };
    struct str domain;
    if (a->status != AUTHOR_ONE)
        return a->reason;
    (void)str_rcut(a->address, '@', &author.local, &domain);
    choose(m, &author, out);
    return logins_fault(m, &author, out);
}
