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

    struct headers headers;
    struct forged forged[OWN_FIELDS];

    struct dns *names_dns; /* the meter of the client's names; NULL: not asked for, as ... */
    struct future *names;
    const struct client_names *client_names; /* from the end of the message on */
    const char *unanswered;                  /* who gave no answer that might have spared the message, or NULL */
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
    struct dns *own_dns;            /* our own public keys, for ... */
    struct dkim_verify *own_verify; /* ... signatures the message says are ours; NULL: there are none */

    struct dns_notes *notes; /* the DNS answers, for the journal; NULL: there is none */

    struct outcome outcome;
};

struct pool *env_pool(struct env *e);
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

/* facts.c: results to facts, all but the recipient's domain. */
void facts_of(struct msg *m);

/* decide.c: facts to decision. */
void outcome_decide(struct msg *m);

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
