/*
 * engine.h - one message from connect to outcome.
 *
 * The milter and `mailseal check` make the same calls; there is no second path to a verdict. Order: env_new; conn_new, conn_helo;
 * msg_new, msg_rcpt, msg_header..., msg_eoh, msg_body..., msg_eom, msg_free; conn_free. msg_free may come at any point. A msg_*
 * call out of order is a mistake of the caller (BUG): the filter checks the order of what the mail server sends.
 */
#ifndef MAILSEAL_ENGINE_H
#define MAILSEAL_ENGINE_H

#include "mailseal/address.h"
#include "mailseal/arc.h"
#include "mailseal/conf.h"
#include "mailseal/dkim.h"
#include "mailseal/dmarc.h"
#include "mailseal/dns.h"
#include "mailseal/policy.h"
#include "mailseal/spf.h"

/* ---- the process ---- */
struct env;

/* Takes over one reference of conf, and names rules that have expired in the log, like env_set_conf(). dns NULL makes the one the
 * configuration asks for (snapshot, or stub with cache); a given one is owned. workers: threads for SPF; 0 is sequential. NULL with
 * a reason in error (a literal or in conf's arena). */
struct env *env_new(struct conf *conf, struct dns *dns, unsigned workers, const char **error);
/* No conn may be left. */
void env_free(struct env *e);
/* The current configuration, with a reference for the caller. */
struct conf *env_conf(struct env *e);
/* A reload: new connections and messages use it. Takes over the reference. What only a restart can change is named in the log. */
void env_set_conf(struct env *e, struct conf *conf);
struct dns *env_dns(struct env *e);
/* What went wrong with signatures since the last call; each is in the log when it happens. */
struct sign_counts {
    unsigned failed;      /* could not be made, or did not verify: the message was put off */
    unsigned unpublished; /* with keys the DNS does not have so */
};
void env_sign_counts(struct env *e, struct sign_counts *out);
/* Begins the journal of the configuration, if it has one: for the daemon. False with a reason, as journal_start() says. */
bool env_start_journal(struct env *e, const char **error) __attribute__((warn_unused_result));
/* Writes what is queued; messages still in work are no longer added. */
void env_stop_journal(struct env *e);

/* ---- the edits a mail server is asked for ---- */
enum edit_op { EDIT_INSERT, EDIT_DELETE };
struct edit {
    enum edit_op op;
    struct str name;
    unsigned index;   /* DELETE: 1-based instance of the name, highest first; INSERT: 0, top of the message */
    struct str value; /* INSERT: with its leading space, folded with LF (milter form) */
};

/* ---- what became of a message: plain values; log line, fields and JSON are functions of it ---- */
struct outcome {
    enum client_class class;
    struct str helo_name;     /* of the client, as written, bounded; or empty */
    struct str sender_domain; /* of MAIL FROM, normal form; or empty */
    bool null_sender;
    size_t recipients;
    bool exempt;               /* authenticated or internal: not judged, perhaps signed */
    const char *exempt_reason; /* "authenticated", "internal network" or NULL */
    struct ip client;          /* SPF and the policy are about: who connected, or, when relayed, ... */
    bool relayed;              /* ... the first outside host that the Received fields of trusted relays name */
    struct spf_result spf, helo;
    struct dkim_result *dkim;
    size_t n_dkim;
    struct arc_result arc;
    struct author author;
    struct dmarc_result dmarc;
    struct policy_facts facts;
    struct policy_decision said;     /* by the policy about these facts, before anything else was looked at */
    struct policy_decision decision; /* action after the options quarantine and dmarc-temperror were looked at */
    struct str disagreement;         /* of recipients, what the policy wants for each domain, when they differ; or empty */
    const char *policy_name;
    const char *deferral;    /* what the lack of DNS answers did to the decision, "deferred 3 of 12" and the like, or NULL */
    bool held;               /* quarantine = hold and action is quarantine */
    const char *label;       /* what X-Mailseal-Label says the policy asked for, "quarantine" or "label"; NULL: no such field */
    size_t n_signatures;     /* put on the message */
    unsigned n_unpublished;  /* keys that signed, or were not let sign, though the DNS does not have them so */
    const char *sign_reason; /* a literal: why an outbound message was not signed, or NULL */
    struct str left_out;     /* address fields of the usual list that were not signed, "To,Cc": the mail server will rewrite them */
    const char *fragile;     /* for the log: what may break the signatures on the way. NULL: nothing, or it was said a minute ago */
    struct edit *edits;      /* deletions from the highest index down, then insertions */
    size_t n_edits;
    unsigned dns_queries;
    int64_t ms; /* from msg_new to outcome */
};

/* ---- a connection ---- */
struct conn;
struct conn *conn_new(struct env *e, struct ip client);
void conn_helo(struct conn *c, struct str helo);
void conn_free(struct conn *c);

/* ---- a message ---- */
struct msg;
struct msg_info {
    struct str mail_from; /* as the mail server gave it, brackets or not */
    struct str auth_user; /* {auth_authen}, empty when not authenticated */
    struct str daemon;    /* {daemon_name}: the service of the mail server; or empty */
    bool authenticated;   /* {auth_type} or {auth_authen} was there */
    bool local;           /* submitted without a network client (check: never; filter: as it decides) */
    bool rewrites;        /* the mail server rewrites address fields after us: Sendmail (check: never) */
    bool body_8bit, utf8; /* BODY=8BITMIME and SMTPUTF8 were there */
};
/* Starts SPF. The conn must outlive it. */
struct msg *msg_new(struct conn *c, const struct msg_info *info);
void msg_rcpt(struct msg *m, struct str rcpt);
/* One field as the mail server gave it: value with its leading space, LF or CRLF folds. */
void msg_header(struct msg *m, struct str name, struct str value);
/* Fields were lost on the way, beyond limits of the caller: nothing of this message may pass. */
void msg_headers_lost(struct msg *m);
/* End of header: starts key and DMARC lookups, decides whether to sign. */
void msg_eoh(struct msg *m);
/* The mail server's name for the message, when it is known, for replies: any time before msg_eom(). */
void msg_queue_id(struct msg *m, struct str id);
/* False when the rest of the body is not needed. */
bool msg_body(struct msg *m, const void *p, size_t n);
/* Joins everything until the deadline and decides. Valid until msg_free(). */
const struct outcome *msg_eom(struct msg *m);
/* Adds the message to the journal, if there is one: after msg_eom(). Never waits. */
void msg_journal(struct msg *m);
void msg_free(struct msg *m);
const struct conf *msg_conf(const struct msg *m);

/* The outcome as JSON, with all that an explanation needs (mailseal-check(1) says which members). conf is the message's. */
struct json;
struct json *outcome_json(struct arena *a, const struct outcome *o, const struct conf *conf);
/* The record, the walk and the organizational domain as members of an object. */
void dmarc_result_json(struct json *o, const struct dmarc_result *r);

/* Tells an outcome_json() to people: ASCII, wrapped. Members it may have besides: "queue_id" (text; the message is one of the
 * journal, and told of in the past tense), "dns" (an object, see dns_record_json()), "profiles" (a list of {profile, action, rule}
 * or {profile, error}: the same facts under other policies), "taken" (a list of {what, value, from}: what was found in the
 * message). */
void explain_print(FILE *f, struct arena *a, const struct json *doc);

/* The verdict line (mailseal(8) says which words), text or JSON as the option log-format has it: printable ASCII, short enough
 * for the log to take it whole. queue_id may be empty. In the message's arena. */
const char *msg_log_line(struct msg *m, struct str queue_id);

#endif
