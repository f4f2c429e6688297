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

/* A login map speaks of one address, so it cannot allow several authors. */
static const char *login_fault(const struct msg *m, const struct signer *author, const struct signer *signer)
{
    const struct login_map *map = m->conf->logins;
    if (map == NULL || !m->authenticated)
        return NULL;
    if (m->outcome.author.mailboxes != 1 || !login_map_allows(map, m->auth_user, author->local, author->domain))
        return "the login may not use the author's address";
    if (!same(author, signer) && !login_map_allows(map, m->auth_user, signer->local, signer->domain))
        return "the login may not use the sender's address";
    return NULL;
}

const char *signer_find(const struct msg *m, struct signer *out)
{
    const struct author *a = &m->outcome.author;
    struct signer author = { .domain = a->domain };
    struct str domain;
    if (a->status != AUTHOR_ONE)
        return a->reason;
    (void)str_rcut(a->address, '@', &author.local, &domain);
    choose(m, &author, out);
    return login_fault(m, &author, out);
}
