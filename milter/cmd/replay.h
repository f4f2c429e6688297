/* replay.h - what another policy would do with the messages of a journal, counted by groups; for cmd_replay.c. */
#ifndef MAILSEAL_REPLAY_H
#define MAILSEAL_REPLAY_H

#include "mailseal/journal.h"
#include "mailseal/policy.h"

#define REPLAY_EXAMPLES_MAX 20
#define REPLAY_GROUPS_MAX   10000 /* kept apart; what does not fit is counted with the domain "" */

struct replay_example {
    int64_t time;
    char queue_id[64];
};

/* Messages of one domain that one rule instead of another treats otherwise. */
struct replay_group {
    enum action was, is;
    struct str domain, was_rule; /* domain: of the author, or empty */
    const char *rule, *reason;   /* of the other policy; reason may be "" */
    uint64_t count;
    struct replay_example *examples; /* the newest: that of message i at i modulo max_examples */
};

struct replay {
    struct arena *arena;
    const struct policy *policy;
    size_t max_examples; /* at most REPLAY_EXAMPLES_MAX */
    uint64_t messages, different, unreadable;
    int64_t first, last; /* times of messages */
    struct map *groups;
};

void replay_init(struct replay *r, struct arena *a, const struct policy *policy, size_t max_examples);
/* For journal_each(): ctx is a struct replay. */
bool replay_entry(void *ctx, const struct journal_entry *e);
/* The groups, by the change and the most frequent first. */
struct replay_group **replay_groups(const struct replay *r, size_t *n);

#endif
