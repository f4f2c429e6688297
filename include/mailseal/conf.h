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
#include "mailseal/table.h"

struct strings {
    const char **v;
    size_t n;
};
struct networks {
    struct network *v;
    size_t n;
};

/* A key, and how to sign with it: of a `sign` section, of the key directory or of the tables. */
struct sign_key {
    const char *domain, *selector, *key_file; /* domain in normal form */
    const char *identity;                     /* i=, or "" */
    const struct key_secret *secret;          /* of a section: read with the configuration; else NULL, see keyring_secret() */
    const struct privkey *key;                /* its private half */
    enum dkim_canon header_canon, body_canon;
    struct strings headers; /* names to sign as the file has them, changes to the default list among them */
    struct strings fields;  /* the names of `headers`; n of 0: the default list */
    struct strings oversign_headers;
    bool oversign;
    bool subdomains;      /* signs for authors below its domain too */
    int64_t expire_after; /* seconds; x= is t= plus this; 0: none */
};

struct keyring;

/* Whose keys sign: those for the address in From, in Sender, or of the envelope sender. */
enum sign_for { SIGN_FOR_FROM, SIGN_FOR_SENDER, SIGN_FOR_ENVELOPE };

/* Which signatures are verified before they leave. RSA: those for which that costs little beside making them. */
enum self_check { SELF_CHECK_NEVER, SELF_CHECK_RSA, SELF_CHECK_ALWAYS };

/* Which keys sign for the address local@domain (domain in normal form). The first of these that has any: the sections of the domain
 * and its directory of keys; those of its nearest parent that sign for subdomains; the signing table. No look at anything whose
 * number grows with the tables. Fills out, which has room for LIMIT_SIGN_KEYS, with keys of the keyring or of the arena, and
 * returns how many, or KEYRING_UNKNOWN: a server or a directory that has to be asked did not answer, or not in a form that can be
 * used, which is logged, as are more keys than there is room for. Any thread. */
#define KEYRING_UNKNOWN SIZE_MAX
size_t keyring_find(const struct keyring *k, struct arena *a, struct str local, struct str domain, const struct sign_key **out);

/* The `sign` sections, in the file's order. */
size_t keyring_count(const struct keyring *k);
const struct sign_key *keyring_get(const struct keyring *k, size_t i);

/* Both halves of a key. */
struct key_secret {
    const struct privkey *key;
    const struct pubkey *public;
    struct str p; /* the public half as a key record has it */
};
/* Those of a key of keyring_find(): the file is read when it is first needed, and kept for the life of the configuration or until
 * many others were needed since. Valid until the arena goes. NULL when the file was refused, which is logged, and tried again after
 * a minute. Any thread. */
const struct key_secret *keyring_secret(const struct keyring *k, struct arena *a, const struct sign_key *key);
/* True at most once a minute for each key: it is time for another warning. */
bool key_secret_may_warn(const struct key_secret *s, int64_t now);
/* Calls fn for each key of the key table. One of the author's domain is given for each domain that the signing table
 * names. The key is valid during the call. */
void keyring_each_of_table(const struct keyring *k, void (*fn)(void *ctx, const struct sign_key *key), void *ctx);
/* Reads every key of the directory and of the key table once, logs what is refused, and counts both. */
void keyring_check(const struct keyring *k, size_t *good, size_t *refused);

/* May a key of this domain (d=, normal form) and type sign (sign-algorithms)? Any thread. */
struct conf;
bool sign_algorithm_allowed(const struct conf *c, struct str domain, enum key_type type);

/* May this login use this address (local@domain, any case)? Yes without a map. Postfix: smtpd_sender_login_maps. */
struct login_map;
enum table_answer login_map_ask(const struct login_map *m, struct str login, struct str local, struct str domain);

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
    struct networks relays;     /* trusted-relays */
    bool relay_received;        /* relay-received */
    struct {
        const char *exempt_clients, *exempt_dkim_domains, *treat_as_reject, *never_reject, *require_dkim; /* "" : none */
    } specs;                                                                                              /* of the tables below */
    const char *seal_domain, *seal_selector, *seal_key_file; /* seal-*: all set, or all "": do not seal */
    struct privkey *seal_key;                                /* NULL: do not seal */
    struct strings trusted_sealers;                          /* trusted-sealers: d= of ARC seals, in A-labels, any case */
    struct strings trusted_ids; /* trusted-authserv-ids: other ids of ours, removed from incoming mail too */
    const char *user, *group;   /* "" : stay who we are */
    int64_t socket_mode;        /* e.g. 0660 */
    bool log_syslog;            /* log = "syslog" | "stderr" */
    bool log_json;              /* log-format = "text" | "json": of the verdict line */
    int log_level;              /* log-level */
    bool quarantine_hold;       /* quarantine = "hold" | "label" */
    bool temperror_tempfail;    /* dmarc-temperror = "accept" | "tempfail" */
    struct dkim_params dkim;    /* dkim-min-rsa-bits, dkim-accept-unsigned-tail, dkim-clock-slack */
    int64_t max_messages;       /* messages worked on at once; above: 451 */
    int64_t workers;            /* threads of the pool */

    int64_t defer_times, defer_minutes; /* budget of a network and domain that is deferred for want of answers */
    int64_t resolver_down_share;        /* per cent of DNS questions that fail */
    bool resolver_down_tempfail;        /* resolver-down = "release" | "tempfail" */

    const char *journal;      /* "" : none */
    int64_t journal_max_size; /* MiB */
    int64_t journal_max_age;  /* days */
    bool journal_redact;      /* journal-redact = "none" | "client" */

    const char *key_directory;              /* key-directory; "" : none */
    const char *key_table, *signing_table;  /* "file:/PATH", "refile:/PATH", "/PATH", or servers; "" : none */
    bool sign_all_matches, sign_subdomains; /* of the signing table; of the key directory */
    struct sign_key sign;                   /* how keys of the directory and the tables sign: sign-headers and the like */
    const char *sender_login_map;           /* "" : none */
    enum sign_for sign_for;
    struct strings sign_algorithms; /* as written; see sign_algorithm_allowed() */
    enum self_check sign_self_check;
    int64_t sign_self_check_every; /* of so many messages one is checked */
    bool require_published_key;

    /* Tables of the options of these names, open; NULL: none. The first is of TABLE_CLIENTS, the others of TABLE_DOMAINS, of the
     * author. */
    struct table *exempt_clients, *exempt_dkim_domains, *treat_as_reject, *never_reject, *require_dkim;
    struct table_servers *servers; /* of all tables but those of the profile */
    struct policy *policy;         /* the profile, read */
    struct keyring *keyring;
    struct login_map *logins;           /* or NULL */
    struct sign_algorithms *algorithms; /* sign-algorithms, read */
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

/* Where the shipped profiles are: the environment may name another place. */
const char *conf_policy_dir(void);

/* Every option with its value, in the file's own syntax, one comment line each (config show). Key contents are never shown. */
void conf_show(FILE *f, const struct conf *c);

/* The option list as an mdoc section (for the manual; a hidden subcommand of the build prints it). */
void conf_manual(FILE *f);

#endif
