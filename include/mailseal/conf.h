/*
 * conf.h - the configuration: one immutable struct, read whole or not at all.
 *
 * A struct conf is complete and checked before anyone sees it. It is reference counted: a reload makes a new one and swaps the
 * pointer, running messages keep theirs.
 */
#ifndef MAILSEAL_CONF_H
#define MAILSEAL_CONF_H

#include <stdatomic.h>
#include <stdio.h>

#include "mailseal/arena.h"
#include "mailseal/dkim.h"
#include "mailseal/ip.h"
#include "mailseal/policy.h"

struct strings {
    const char **v;
    size_t n;
};
struct networks {
    struct network *v;
    size_t n;
};

/* One `sign` section: a key, and how to sign with it. */
struct sign_key {
    const char *domain, *selector, *key_file; /* domain in normal form */
    struct privkey *key;
    enum dkim_canon header_canon, body_canon;
    struct strings headers; /* names to sign instead of the default list; n of 0: default */
    bool oversign;
    int64_t expire_after; /* seconds; x= is t= plus this; 0: none */
};

struct keyring;

/* Which keys sign for this From: domain (normal form): those of its own `sign` sections, in the file's order. Exact match only;
 * O(1). Fills out, which has room for LIMIT_SIGN_KEYS, and returns how many. */
size_t keyring_find(const struct keyring *k, struct str domain, const struct sign_key **out);
size_t keyring_count(const struct keyring *k);
const struct sign_key *keyring_get(const struct keyring *k, size_t i);

struct conf {
    const char *path;           /* the file read, or "" for defaults alone */
    const char *socket;         /* libmilter form: inet:port@host, unix:path, local:path */
    const char *authserv_id;    /* default: the host name */
    struct strings nameservers; /* "addr" or "addr:port"; empty: /etc/resolv.conf */
    bool trust_ad;
    const char *dns_snapshot;   /* "" : none */
    const char *policy_name;    /* a shipped profile's name (in MAILSEAL_POLICYDIR; the environment may name another), or a path */
    struct networks internal;   /* internal-networks */
    struct networks forwarders; /* trusted-forwarders */
    const char *seal_domain, *seal_selector, *seal_key_file; /* seal-*: all set, or all "": do not seal */
    struct privkey *seal_key;                                /* NULL: do not seal */
    struct strings trusted_sealers;                          /* trusted-sealers: d= of ARC seals, in A-labels, any case */
    struct strings trusted_ids; /* trusted-authserv-ids: other ids of ours, removed from incoming mail too */
    const char *user, *group;   /* "" : stay who we are */
    int64_t socket_mode;        /* e.g. 0660 */
    bool log_syslog;            /* log = "syslog" | "stderr" */
    int log_level;              /* log-level */
    bool quarantine_hold;       /* quarantine = "hold" | "label" */
    bool temperror_tempfail;    /* dmarc-temperror = "accept" | "tempfail" */
    struct dkim_params dkim;    /* dkim-min-rsa-bits, dkim-accept-unsigned-tail, dkim-clock-slack */
    int64_t max_messages;       /* messages worked on at once; above: 451 */
    int64_t workers;            /* threads of the pool */

    struct policy *policy; /* the profile, read */
    struct keyring *keyring;
    struct arena *arena;
    atomic_int refs;
};

/* Reads and checks a file, its policy and its keys. path NULL reads the installed mailseal.conf; a missing installed file is
 * then no error for a command (CONF_DEFAULTS_OK), but it is for the daemon. NULL with *error = "file:line: what is wrong",
 * heap-allocated, for the caller to free(); without a line when it is about the file itself. The result has one reference. By
 * one thread at a time: libconfuse is not re-entrant. Relative paths in the file are taken from its directory. */
#define CONF_DEFAULTS_OK 1
struct conf *conf_read(const char *path, int flags, char **error);
struct conf *conf_ref(struct conf *c);
void conf_unref(struct conf *c);

/* Every option with its value, in the file's own syntax, one comment line each (config show). Key contents are never shown. */
void conf_show(FILE *f, const struct conf *c);

/* The option list as an mdoc section (for the manual; a hidden subcommand of the build prints it). */
void conf_manual(FILE *f);

#endif
