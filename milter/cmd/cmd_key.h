/* cmd_key.h - what the commands that use a private key share. */
#ifndef MAILSEAL_CMD_KEY_H
#define MAILSEAL_CMD_KEY_H

#include "mailseal/json.h"
#include "mailseal/keydir.h"
#include "mailseal/limits.h"
#include "mailseal/cmd.h"

/* A private key from a file; what is doubtful about the file is said on stderr. NULL after printing why. */
struct privkey *cmd_read_key(const char *name, struct arena *a, const char *path);

/* ---- the verbs of `mailseal key` ---- */
#define KEY_COMMAND "key"
int cmd_key_new(int argc, char **argv);
int cmd_key_check(int argc, char **argv);
int cmd_key_rotate(int argc, char **argv);
int cmd_key_status(int argc, char **argv);

/* ---- key_options.c: what stands behind a verb ---- */
enum key_option_kind {
    KEY_OPTION_TEXT,      /* const char * */
    KEY_OPTION_FLAG,      /* bool; takes no value */
    KEY_OPTION_NUMBER,    /* uint64_t, at most max */
    KEY_OPTION_ALGORITHM, /* struct key_spec */
    KEY_OPTION_SERVER,    /* struct key_where, to which it is added */
    KEY_OPTION_NOW        /* fixes the clock */
};
struct key_option {
    const char *name; /* "config" is -c, too */
    enum key_option_kind kind;
    void *to;
    uint64_t max;
};
/* Takes the options, a table that ends with a row without name, and the words between them, of which there may be max. -1, or the
 * exit code after printing what is wrong. */
int key_options(int argc, char **argv, const struct key_option *options, const char **words, size_t max, size_t *n);

/* ---- key_make.c: new keys and their records ---- */
struct key_spec {
    enum key_type type;
    unsigned bits;
    bool given; /* by an option */
};
/* rsa2048, rsa4096, ed25519. False after printing why. */
bool key_spec_parse(const char *word, struct key_spec *out);
/* A selector that says when the key was made and of which type it is, and that was never used in this directory (which may be
 * NULL). */
struct str key_dated_selector(struct arena *a, enum key_type type, const struct keydir *k);
/* A new key in the directory, pending. NULL after printing why. */
struct privkey *key_make(struct arena *a, struct keydir *k, struct str selector, struct key_spec spec);
/* SELECTOR._domainkey.DOMAIN, without final dot. */
struct str key_record_name(struct arena *a, struct str domain, struct str selector);
/* The record to publish, for people and as members of a JSON object. */
void key_print_record(struct arena *a, struct str domain, struct str selector, const struct privkey *k);
void key_add_record(struct json *j, struct arena *a, struct str domain, struct str selector, const struct privkey *k);
/* Flushes stdout; the exit code. */
int key_finish(bool good);
/* 2026-11-22T10:00:00Z */
struct str key_time(struct arena *a, int64_t wall);

/* ---- key_ask.c: whom to ask, and what they say of a key ---- */
#define KEY_SERVERS_MAX 24

/* What the options say about the DNS. */
struct key_where {
    const char *snapshot, *conf;
    const char *servers[LIMIT_DNS_NAMESERVERS]; /* --server */
    size_t n_servers;
};
struct key_server {
    const char *label;
    struct dns *dns;
    bool authoritative; /* found by us: one that gives no answer is passed over */
};
struct key_servers {
    struct key_server v[KEY_SERVERS_MAX];
    size_t n;
    bool discover; /* the name servers of each record are asked, too */
};
/* Adds a --server. False after printing why. */
bool key_where_add(struct key_where *w, const char *server);
/* Those the options name; without any those of /etc/resolv.conf. Those of a record are found where neither --server nor a snapshot
 * was given. conf may be NULL. False after printing why. */
bool key_servers_open(struct key_servers *s, struct arena *a, const struct key_where *w, const struct conf *conf);
void key_servers_close(struct key_servers *s);
/* Seconds resolvers may remember that a name of this domain did not exist. */
int64_t key_servers_negative_ttl(const struct key_servers *s, struct arena *a, struct str domain);

enum key_sight {
    KEY_GOOD,    /* published, and it fits */
    KEY_MISSING, /* not published */
    KEY_REVOKED, /* published with an empty p= */
    KEY_WRONG,   /* published, and it does not fit or cannot be used */
    KEY_UNKNOWN  /* no answer */
};
extern const struct name_code key_sight_names[];

struct key_finding {
    const char *server;
    bool authoritative; /* one of the record's own zone */
    enum key_sight sight;
    const char *reason; /* NULL for KEY_GOOD */
    const char *remark; /* what is worth knowing of a key that fits, or NULL */
    size_t records;     /* TXT records at the name */
    struct dkim_key published;
};
struct key_findings {
    struct key_finding v[KEY_SERVERS_MAX];
    size_t n;
    bool everywhere; /* KEY_GOOD at every one, and there is one */
    bool nowhere;    /* KEY_MISSING or KEY_REVOKED at every one, and there is one */
};
/* Asks all at once, any thread. Authoritative servers without an answer count for neither. */
void key_ask(struct arena *a, const struct key_servers *s, struct str name, const struct privkey *k, struct key_findings *out);

/* ---- key_list.c: an object on stdout whose member "keys" is a list ---- */
struct key_list {
    bool any;
};
void key_list_begin(struct key_list *l);
void key_list_add(struct key_list *l, struct arena *a, const struct json *key);
/* Adds the members of `more`, unless it is NULL. */
void key_list_end(struct arena *a, const struct json *more);

/* ---- key_check.c: many keys, some of them at a time ---- */
struct key_subject {
    struct str domain, selector;
    enum keydir_word word;
    int64_t retire_after;      /* of a retired key: until then its record is needed */
    const struct privkey *key; /* valid until key_checks_end(); or NULL: it is read from the file */
    const char *file;          /* or NULL */
    const char *reason;        /* why it must not sign, whatever is published; else NULL */
};
struct key_count {
    uint64_t good, bad, left_out;
};
struct key_checks;
/* Checks `max` keys at most. What is found goes to `out`, or where that is NULL to stdout as text. */
struct key_checks *key_checks_new(struct arena *a, const struct key_servers *servers, uint64_t max, struct key_list *out);
/* Begins with one more; waits when there are many under way. */
void key_checks_begin(struct key_checks *k, const struct key_subject *s);
/* Waits for all. */
struct key_count key_checks_end(struct key_checks *k);

#endif
