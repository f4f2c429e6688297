/* engine_int.h - what the files of the engine share. */
#ifndef MAILSEAL_ENGINE_INT_H
#define MAILSEAL_ENGINE_INT_H

#include "mailseal/engine.h"
#include "mailseal/future.h"
#include "mailseal/limits.h"
#include "mailseal/transit.h"

struct conn {
    struct env *env;
    struct ip ip;
    size_t helo_n;
    char helo[LIMIT_ADDRESS]; /* a client may say HELO as often as it likes: no arena */
};

enum msg_stage { MSG_ENVELOPE, MSG_HEADER, MSG_BODY, MSG_DONE };

/* A signature to be put on the message. */
struct signature {
    const struct sign_key *how;
    const struct key_secret *secret;
    struct dkim_sign *sign;      /* NULL: left out */
    struct dns_query *published; /* for its key record; NULL: not asked, or answered */
};

/* The fields of a name that only we may have written, by their instance numbers (1-based). */
enum own_field { OWN_AUTHRES, OWN_LABEL, OWN_FIELDS };
extern const struct str own_field_names[OWN_FIELDS];
struct forged {
    unsigned seen; /* fields of the name in the message */
    unsigned *index;
    size_t n, room;
};

/* Names of the client that have its address, in normal form; `failed`: there may be more. */
struct client_names {
    struct str name[LIMIT_CLIENT_NAMES];
    size_t n;
    bool failed;
};

/* What may break a signature on the way, by what is found. */
enum fragile { FRAGILE_BODY_LINE, FRAGILE_HEADER_LINE, FRAGILE_BODY_8BIT, FRAGILE_HEADER_8BIT, FRAGILE_NUL, FRAGILE_ADDRESS };
#define FRAGILE_KINDS  (FRAGILE_ADDRESS + 1)
#define FRAGILE_FIELDS 8 /* address fields that can be left out */

/* What is remembered about signing from message to message. */
struct sign_watch {
    atomic_uint messages;               /* to be signed, for sign-self-check-every */
    atomic_uint failed, unpublished;    /* struct sign_counts */
    atomic_llong warned[FRAGILE_KINDS]; /* when */
};
struct sign_watch *env_sign_watch(struct env *e);

/* For whom a message is signed. */
struct signer {
    struct str local, domain; /* domain in normal form */
};

struct msg {
    enum msg_stage stage;
    struct arena *arena;
    struct env *env;
    struct conf *conf; /* one reference: a reload does not touch this message */
    enum client_class class;
    struct ip client;         /* who connects, or who did at our relays, from ... */
    bool relayed;             /* ... end of header on */
    struct str helo;          /* what that one said */
    const char *no_spf;       /* a literal: why SPF is not evaluated, or NULL */
    int64_t now, started;     /* wall clock; monotonic */
    struct str local, domain; /* MAIL FROM */
    size_t recipients;
    struct str *rcpt_domain; /* of the recipients, distinct ones, when the policy asks; an empty one is none that we know */
    size_t n_rcpt_domains;
    struct str auth_user; /* may be empty */
    struct str daemon, queue_id;
    bool authenticated;
    const char *exempt_reason; /* NULL: judge it */
    bool rewrites, body_8bit, utf8;

    struct headers headers;
    struct forged forged[OWN_FIELDS];

    struct dns *names_dns; /* the meter of the client's names; NULL: not asked for, as ... */
    struct future *names;
    const struct client_names *client_names; /* from the end of the message on */
    const char *unanswered;                  /* the list that gave no answer that might have spared the message, or NULL */
    bool unnamed;                            /* the same, of the DNS about the client's names */
    struct dns *spf_dns;                     /* the meter of SPF */
    struct dns *dns;                         /* the meter of keys and DMARC, from end of header on */
    struct future *spf, *helo_spf;
    struct dkim_body *body;
    struct dkim_verify *verify;
    struct arc_verify *arc;
    struct arc_seal *seal; /* NULL: do not seal */
    struct dmarc *dmarc;
    struct signature sign[LIMIT_SIGN_KEYS];
    size_t n_sign;
    bool must_wait;                 /* a table did not answer, or a key cannot be used: it must not go unsigned now */
    bool self_check;                /* this message's turn, see sign-self-check-every */
    bool left_out[FRAGILE_FIELDS];  /* from some signature, by fragile.c's number */
    struct text_scan scan;          /* of the body of a message to be signed */
    struct dns *own_dns;            /* our own public keys, for ... */
    struct dkim_verify *own_verify; /* ... signatures the message says are ours; NULL: there are none */

    bool resolver_down;      /* the brake was on when the message was complete */
    bool released;           /* ... so it passes although answers are missing */
    struct dns_notes *notes; /* the DNS answers, for the journal; NULL: there is none */

    struct outcome outcome;
};

struct deferral;
struct brake;
struct pool *env_pool(struct env *e);
struct deferral *env_deferral(struct env *e);
struct brake *env_brake(struct env *e);
/* Names the expired rules in the log with the first message of a day (UTC). */
void env_note_day(struct env *e, const struct conf *conf, int64_t now);
bool env_has_journal(struct env *e);
struct journal_entry;
void env_add_to_journal(struct env *e, const struct journal_entry *entry);

/* client.c: who is connecting, and what follows: a literal why the message is not judged, or NULL. */
enum client_class client_class(const struct conf *conf, struct ip ip, bool local);
const char *client_exemption(enum client_class class, bool authenticated);
/* For a message of a trusted relay, at end of header: the client is now the first outside host that its Received fields name. False
 * with no_spf when there is none. */
bool client_behind_relays(struct msg *m);

/* client_name.c. Start does nothing when no list has names; drop comes after both. */
void client_names_start(struct msg *m);
const struct client_names *client_names_join(struct msg *m, int64_t deadline);
void client_names_drop(struct msg *m);

/* checks.c: start all, join all. The first is for what needs the envelope and the client only. */
void checks_start_client(struct msg *m);
void checks_start(struct msg *m);
void checks_join(struct msg *m);
void checks_drop(struct msg *m);

/* signing.c: who signs the message, and with keys that are as published. */
void signing_start(struct msg *m);
void signing_join(struct msg *m);
void signing_drop(struct msg *m);

/* signer.c: NULL, or a literal: why nobody can be signed for; with m->must_wait, for now. */
const char *signer_find(struct msg *m, struct signer *out);

/* fragile.c: what may break the signatures on the way. */
/* The names of address fields that the mail server will rewrite, each once, for a header canonicalization; From is not among them.
 * out has room for FRAGILE_FIELDS. */
size_t fragile_fields(struct msg *m, enum dkim_canon canon, struct str *out);
/* Says so in the outcome of a signed message. */
void fragile_note(struct msg *m);

/* facts.c: results to facts, all but the recipient's domain. */
void facts_of(struct msg *m);

/* decide.c: facts to decision. */
void outcome_decide(struct msg *m);
/* For good: rejected, or thrown away. */
bool refuses(const struct policy_decision *d);

/* outage.c: answers that did not come. Count the questions of a message before it is decided. */
void outage_count(struct msg *m);
/* With the facts, before the policy is asked; then for each of its decisions, with the facts it was made of. */
void outage_begin(struct msg *m);
void outage_soften(struct msg *m, const struct policy_facts *f, struct policy_decision *d);
/* With the decision. True: it defers the message for want of an answer, and the budget of its sender is used up: the policy is to
 * be asked again, without deferral. */
bool outage_ends_deferral(struct msg *m);

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

/* record.c: the outcome as an entry of the journal. */
void record_begin(struct msg *m);
/* The meter, with its answers noted if there is a journal. */
struct dns *record_meter(struct msg *m, struct dns *meter);

/* redact.c: what tells who the client and the sender are, beyond their network and domain. */
struct redaction {
    int family;
    struct str client, network; /* as texts */
    struct str labels[3];       /* labels of a DNS name that hold the client's address */
    struct str local;           /* the sender's local part, lower case; or empty */
};
void redaction_of(struct redaction *r, struct arena *a, struct ip client, struct str local);
/* The text with the network in place of the client. */
struct str redact_text(const struct redaction *r, struct arena *a, struct str text);
/* For dns_notes_json(): ctx is a struct redaction. */
bool redact_hides(void *ctx, struct str name);

/* seal.c: an ARC set for mail that was judged. start at end of header; add after all other edits. */
void seal_start(struct msg *m);
void seal_add(struct msg *m);

/* edits.c: outcome to header edits. */
void edits_insert(struct msg *m, struct str name, struct str value);
/* Each field of the message, in order: notes those that must go. */
void edits_note_field(struct msg *m, struct str name, struct str value);
/* False, with a reason in the outcome, when a signature could not be made. */
bool edits_make(struct msg *m) __attribute__((warn_unused_result));

#endif
