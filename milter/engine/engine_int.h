/* engine_int.h - what the files of the engine share. */
#ifndef MAILSEAL_ENGINE_INT_H
#define MAILSEAL_ENGINE_INT_H

#include "mailseal/engine.h"
#include "mailseal/future.h"
#include "mailseal/limits.h"

struct conn {
    struct env *env;
    struct ip ip;
    size_t helo_n;
    char helo[LIMIT_ADDRESS]; /* a client may say HELO as often as it likes: no arena */
};

/* Whether a message may be deferred for want of an answer: asked once per message. */
enum defer { DEFER_UNKNOWN, DEFER_YES, DEFER_NO };

enum msg_stage { MSG_ENVELOPE, MSG_HEADER, MSG_BODY, MSG_DONE };

/* A signature to be put on the message. */
struct signature {
    const struct sign_key *how;
    const struct key_secret *secret;
    struct dkim_sign *sign;      /* NULL: left out */
    struct dns_query *published; /* for its key record; NULL: not asked, or answered */
};

/* A forged Authentication-Results field, by its instance number (1-based). */
struct forged {
    unsigned *index;
    size_t n, room;
};

struct msg {
    enum msg_stage stage;
    struct arena *arena;
    struct env *env;
    struct conf *conf; /* one reference: a reload does not touch this message */
    struct ip client;
    struct str helo;
    int64_t now, started;     /* wall clock; monotonic */
    struct str local, domain; /* MAIL FROM */
    size_t recipients;
    struct str auth_user; /* may be empty */
    bool authenticated;
    const char *exempt_reason; /* NULL: judge it */

    struct headers headers;
    unsigned authres_seen; /* Authentication-Results fields of the message */
    struct forged forged;

    struct dns *spf_dns; /* the meter of SPF */
    struct dns *dns;     /* the meter of keys and DMARC, from end of header on */
    struct future *spf, *helo_spf;
    struct dkim_body *body;
    struct dkim_verify *verify;
    struct arc_verify *arc;
    struct arc_seal *seal; /* NULL: do not seal */
    struct dmarc *dmarc;
    struct signature sign[LIMIT_SIGN_KEYS];
    size_t n_sign;
    struct dns *own_dns;            /* our own public keys, for ... */
    struct dkim_verify *own_verify; /* ... signatures the message says are ours; NULL: there are none */

    bool resolver_down; /* the brake was on when the message was complete */
    enum defer defer;

    struct outcome outcome;
};

struct deferral;
struct brake;
struct pool *env_pool(struct env *e);
struct deferral *env_deferral(struct env *e);
struct brake *env_brake(struct env *e);
/* Names the expired rules in the log with the first message of a day (UTC). */
void env_note_day(struct env *e, const struct conf *conf, int64_t now);

/* checks.c: start all, join all. */
void checks_start_spf(struct msg *m);
void checks_start(struct msg *m);
void checks_join(struct msg *m);
void checks_drop(struct msg *m);

/* signing.c: who signs the message, and with keys that are as published. */
void signing_start(struct msg *m);
void signing_join(struct msg *m);
void signing_drop(struct msg *m);

/* facts.c: results to facts. */
void facts_of(struct msg *m);

/* decide.c: facts to decision. */
void outcome_decide(struct msg *m);

/* outage.c: answers that did not come. Count the questions of a message before it is decided. Then every decision of the policy,
 * with the facts it was made of, goes through outage_decide(), which may change it; a message may have several. */
void outage_count(struct msg *m);
void outage_decide(struct msg *m, const struct policy_facts *f, struct policy_decision *d);
/* May this message be deferred because something that should be looked up could not be? The first call for a message takes from the
 * budget of its sender. False: decide without the answer, and refuse nobody for the want of it. Says so in the outcome. */
bool outage_may_defer(struct msg *m);

/* deferral.c: a pair is the client's network (an IPv4 /24, an IPv6 /64) and a domain, in any case. A pair has a budget of so many
 * times and so many minutes since the first; deferrals within LIMIT_DEFERRAL_ROUND seconds count once. The budget is new after
 * LIMIT_DEFERRAL_FORGET seconds without a deferral; when it was not used up, after LIMIT_DEFERRAL_QUIET seconds, if mail of the
 * pair got its answers meanwhile. Beyond LIMIT_DEFERRALS pairs the one deferred longest ago is forgotten (among eight). Any
 * thread. */
struct deferral_limits {
    int64_t times, minutes;
};
struct deferral_count {
    unsigned count;  /* times the pair was deferred, this one included */
    int64_t minutes; /* since the first of them */
    bool news;       /* the budget is used up, and this is the first message to meet that */
};
struct deferral *deferral_new(void);
void deferral_free(struct deferral *d);
unsigned deferral_network_bits(struct ip client);
/* now: seconds since 1970. */
bool deferral_allows(struct deferral *d, struct ip client, struct str domain, const struct deferral_limits *l, int64_t now,
                     struct deferral_count *out);
void deferral_answered(struct deferral *d, struct ip client, struct str domain);

/* brake.c: on while more than share per cent of at least LIMIT_BRAKE_QUESTIONS questions of the last minute failed. Adds those of a
 * message, of which at most LIMIT_BRAKE_MESSAGE count. News come at most once a minute, and once when it ends. Any thread. */
enum brake_news { BRAKE_NO_NEWS, BRAKE_IS_ON, BRAKE_ENDED };
struct brake_state {
    bool on;
    enum brake_news news;
    struct dns_tally tally; /* of the last minute, this message included */
};
struct brake *brake_new(void);
void brake_free(struct brake *b);
/* now: monotonic seconds. */
struct brake_state brake_count(struct brake *b, struct dns_tally t, int64_t share, int64_t now);

/* seal.c: an ARC set for mail that was judged. start at end of header; add after all other edits. */
void seal_start(struct msg *m);
void seal_add(struct msg *m);

/* edits.c: outcome to header edits. */
void edits_insert(struct msg *m, struct str name, struct str value);
void edits_note_authres(struct msg *m, struct str value);
/* False, with a reason in the outcome, when a signature could not be made. */
bool edits_make(struct msg *m) __attribute__((warn_unused_result));

#endif
