/*
 * policy.h - from facts to an action.
 *
 * A profile is a list of rules in the configuration's own syntax; the first whose conditions all hold decides, the last one must
 * match everything. Code knows no profile by name. Deciding is pure: same facts, same decision.
 */
#ifndef MAILSEAL_POLICY_H
#define MAILSEAL_POLICY_H

#include "mailseal/address.h"
#include "mailseal/arc.h"
#include "mailseal/authres.h"
#include "mailseal/dmarc.h"
#include "mailseal/ip.h"

enum action { ACTION_ACCEPT, ACTION_QUARANTINE, ACTION_REJECT, ACTION_TEMPFAIL };
extern const struct name_code action_names[];

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
    struct str from_domain;   /* for replies only */
    struct str spf_domain;    /* for replies only */
};

struct policy_decision {
    enum action action;
    const char *rule;  /* its name, owned by the policy */
    int code;          /* 550, 451, ...; 0 for accept and quarantine */
    const char *xcode; /* "5.7.1"; owned by the policy */
    struct str text;   /* reply text, safe printable ASCII, at most LIMIT_REPLY bytes, in the arena */
};

struct policy;
/* Reads a profile; everything is in the arena. NULL with "file:line: what is wrong". */
struct policy *policy_read(struct arena *a, const char *path, const char **error);
const char *policy_name(const struct policy *p); /* "standard" for .../standard.policy */
size_t policy_count(const struct policy *p);     /* rules */
void policy_decide(const struct policy *p, const struct policy_facts *f, struct arena *a, struct policy_decision *out);

/* Positive evidence that the message came through a mailing list: a List-Id (RFC 2919) whose identifier lies in `domain` of one of
 * the passing identifiers (SPF or DKIM). */
bool list_evidence(struct arena *a, const struct headers *h, const struct dmarc_identifier *passing, size_t n);

/* Reads a scanned text with libconfuse: by a table of options, the sections all of one name. NULL with t->error, or what the caller
 * gives to cfg_free(). For the landlords of <confuse.h>, this room and config; by one thread at a time. */
struct cfg_t;
struct cfg_opt_t;
struct conf_text;
struct cfg_t *confuse_read(struct cfg_opt_t *table, const char *section, struct conf_text *t);

/* Positive evidence that the message passed DMARC when it reached a sealer we believe (RFC 8617 7.2): the chain passes, all seals
 * from the newest down to one are of trusted domains (d=, compared without regard to case), and the results under that one report
 * dmarc=pass for author_domain. */
bool sealer_evidence(struct arena *a, const struct arc_result *arc, const struct str *trusted, size_t n, struct str author_domain);

#endif
