/*
 * dmarc_int.h - what the files of this room share: the questions of one message, its walks, and the policy found.
 */
#ifndef MAILSEAL_DMARC_INT_H
#define MAILSEAL_DMARC_INT_H

#include "mailseal/dmarc.h"
#include "mailseal/limits.h"
#include "mailseal/map.h"

/* What is known about one name: asked once per message, however many walks pass it. */
struct lookup {
    struct str name;         /* without _dmarc. */
    struct dns_query *query; /* NULL once answered */
    struct dmarc_step step;
    struct lookup *next;
};

/* A walk that can stand still: policy discovery may need its first step only. */
struct walk {
    struct dmarc_walk result;
    size_t levels; /* names it may visit */
    bool ended;
};

/* One message. */
struct dmarc {
    struct arena *arena; /* of the questions; answers go to the arena of dmarc_eval() */
    struct dns *dns;
    int64_t deadline;
    struct map *by_name; /* struct lookup */
    struct lookup *lookups;
    struct walk *walks[LIMIT_DMARC_WALKS];
    size_t n_walks;
};

/* The walk that begins at a name, made when there is none yet; its questions are put on their way. NULL when LIMIT_DMARC_WALKS are
 * in use. */
struct walk *dmarc_walk_at(struct dmarc *d, struct arena *a, struct str start);

/* Goes on to the end and chooses the organizational domain; result.failed says that it is not known. */
void dmarc_walk_finish(struct dmarc *d, struct arena *a, struct walk *w);

/* RFC 9989 4.10.1 for an Author Domain: fills walk, record, policy and from_domain of out. True when a record applies. Otherwise
 * code (none or temperror) and reason say why not. */
bool dmarc_find_policy(struct dmarc *d, struct arena *a, struct walk *w, bool *existence_known, struct dmarc_result *out);

#endif
