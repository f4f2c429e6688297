/*
 * policy.h - from facts to an action.
 *
 * A profile is a list of rules in the configuration's own syntax; the first whose conditions all hold decides, the last one must
 * match everything that comes in. Code knows no profile by name. Deciding is pure, but for tables that a rule asks: same facts,
 * same decision. Any thread may decide.
 */
#ifndef MAILSEAL_POLICY_H
#define MAILSEAL_POLICY_H

#include "mailseal/address.h"
#include "mailseal/arc.h"
#include "mailseal/authres.h"
#include "mailseal/dmarc.h"
#include "mailseal/ip.h"

/* Mildest first: where recipients of one message disagree, the smaller number is done. */
enum action { ACTION_ACCEPT, ACTION_LABEL, ACTION_QUARANTINE, ACTION_TEMPFAIL, ACTION_REJECT, ACTION_DISCARD };
extern const struct name_code action_names[];

/* Where the message comes from. A relay is a host of ours in front of us (trusted-relays). */
enum client_class { CLIENT_OUTSIDE, CLIENT_INTERNAL, CLIENT_LOCAL, CLIENT_RELAY };
extern const struct name_code client_class_names[], author_status_names[];
/* Outbound is what our own clients send: it is signed and not judged. */
enum direction { DIRECTION_INBOUND, DIRECTION_OUTBOUND };

/* All a rule can ask about. Each member is one fact name of the rule language (mailseal-policy(5)). */
struct policy_facts {
    enum auth_code spf;       /* "spf": MAIL FROM identity */
    enum auth_code helo;      /* "helo" */
    enum auth_code dkim;      /* "dkim": the best result of all signatures */
    enum auth_code dmarc;     /* "dmarc" */
    enum dmarc_policy policy; /* "policy": disposition the record asks for this message, after t=y; none unless dmarc=fail */
    enum author_status from;  /* "from": one, none, several, repeated, malformed */
    bool list;                /* "list": List-Id with an SPF or DKIM pass of the list's own domain */
    enum auth_code arc;       /* "arc": none, pass, fail */
    bool sealer;              /* "sealer": trusted, when sealer_evidence() says so, else other */
    bool forwarder;           /* "forwarder": the client is in trusted-forwarders */
    bool tempfail_wanted;     /* "temperror-option": the site's option dmarc-temperror: accept or tempfail */

    enum auth_code dkim_aligned; /* "dkim-aligned": the best result of the signatures aligned with the author's domain */
    bool aligned;                /* "aligned": SPF or DKIM passed for a domain aligned with the author's, record or not */
    enum direction direction;    /* "direction": inbound, outbound */
    enum client_class client;    /* "client": outside, internal, local, relay */
    bool authenticated;          /* "authenticated" */
    bool exempt;                 /* "exempt": of the site's lists exempt-clients and exempt-dkim-domains */
    bool treat_as_reject;        /* "treat-as-reject": the author's domain is in the site's list of this name */
    bool never_reject;           /* "never-reject": the same */
    bool require_dkim;           /* "require-dkim": the same */
    struct str from_domain;      /* "from-domain": of the author, normal form; or empty */
    struct str sender_domain;    /* "sender-domain": of MAIL FROM, normal form; or empty */
    struct str recipient_domain; /* "recipient-domain": of the recipient decided for, normal form; or empty */
    struct str daemon;           /* "daemon": {daemon_name} of the mail server; or empty */

    int64_t now;           /* seconds since 1970, for rules that expire */
    bool no_tempfail;      /* bounded deferral is used up, or the brake is on: rules that tempfail do not match */
    struct str spf_domain; /* for replies only, like what follows */
    struct str client_ip, queue_id;
    struct str spf_explanation; /* of an SPF failure, printable ASCII, third-party text; or empty */
};

struct policy_decision {
    enum action action;
    const char *rule;  /* its name, owned by the policy */
    int code;          /* 550, 451, ...; 0 unless the action is tempfail or reject */
    const char *xcode; /* "5.7.1"; owned by the policy */
    struct str text; /* reply text, safe printable ASCII, in the arena: one line of at most LIMIT_REPLY bytes, or POLICY_REPLY_LINES
                           such lines with LF between them */
    const char *reason; /* what the rule gives as its reason, or ""; owned by the policy */
    const char *list;   /* NULL, or the list that could not be looked at on the way here: its conditions did not hold */
};

#define POLICY_REPLY_LINES 3 /* RFC 7208 8.4: ours, whose explanation follows, and the explanation */

/* One rule as it was tried, for explanations. */
struct policy_step {
    const char *rule, *reason, *owner; /* "" where the file says nothing */
    enum action action;
    bool matched, expired;
    struct str condition; /* of a rule that did not match: a condition that does not hold, as written; empty when it has expired;
                             "action=tempfail" when there is no_tempfail */
    struct str value;     /* ... and what the fact is, "<>" for an empty one, or that a table gives no answer */
};

struct policy;
/* Reads a profile, and the tables it names; everything is in the arena. NULL with "file:line: what is wrong"; a rule that can never
 * match is wrong. */
struct policy *policy_read(struct arena *a, const char *path, const char **error);
const char *policy_name(const struct policy *p); /* "standard" for .../standard.policy */
size_t policy_count(const struct policy *p);     /* rules */
/* Outbound mail that no rule matches is accepted, by the rule "exempt". */
void policy_decide(const struct policy *p, const struct policy_facts *f, struct arena *a, struct policy_decision *out);
/* The same, rule by rule; the last one called for is the one that matches, if any does. */
void policy_trace(const struct policy *p, const struct policy_facts *f, struct arena *a,
                  void (*fn)(void *ctx, const struct policy_step *step), void *ctx);
bool policy_asks_recipient(const struct policy *p); /* a rule asks for "recipient-domain" */
bool policy_asks_outbound(const struct policy *p);  /* a rule may match outbound mail */
/* The rules that have expired at `now`, with their names, reasons and owners; returns how many. */
size_t policy_expired(const struct policy *p, struct arena *a, int64_t now, struct policy_step **rules);

/* All facts as one line of printable ASCII, "... from-domain=example.org sender-domain=<> spf=pass", and back. What is written has
 * LIMIT_POLICY_FACTS bytes at most. False when the text is none, and then `out` is as it was. Facts that the text does not have
 * keep what `out` had; ones that we do not know are passed over: the text may be older or newer than we are. `now` and all below
 * it in the struct are no facts of a message, and not in the text. */
struct str policy_facts_write(struct arena *a, const struct policy_facts *f);
bool policy_facts_read(struct arena *a, struct str text, struct policy_facts *out) __attribute__((warn_unused_result));

/* Positive evidence that the message came through a mailing list: a List-Id (RFC 2919) whose identifier lies in `domain` of one of
 * the passing identifiers (SPF or DKIM). */
bool list_evidence(struct arena *a, const struct headers *h, const struct dmarc_identifier *passing, size_t n);

/* Reads a scanned text with libconfuse: by a table of options, the sections all of one name. NULL with t->error, or what the caller
 * gives to cfg_free(). For the landlords of <confuse.h>, this room and config; by one thread at a time. */
struct cfg_t;
struct cfg_opt_t;
struct conf_text;
struct cfg_t *confuse_read(struct cfg_opt_t *table, const char *section, struct conf_text *t);

/* The results that a sealer saw, as its set has them, report dmarc=pass for author_domain. */
bool sealer_reports_pass(struct arena *a, struct str authres, struct str author_domain);

/* Positive evidence that the message passed DMARC when it reached a sealer we believe (RFC 8617 7.2): the chain passes, all seals
 * from the newest down to one are of trusted domains (d=, compared without regard to case), and the results under that one report
 * dmarc=pass for author_domain. */
bool sealer_evidence(struct arena *a, const struct arc_result *arc, const struct str *trusted, size_t n, struct str author_domain);

#endif
