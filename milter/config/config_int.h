/*
 * config_int.h - what the files of the config room share.
 *
 * An option is one row of a table. Everything that is said about options (the libconfuse table, defaults, checks, `config
 * show`, the manual) is derived from the rows.
 */
#ifndef MAILSEAL_CONFIG_INT_H
#define MAILSEAL_CONFIG_INT_H

#include "mailseal/buf.h"
#include "mailseal/conf_text.h"
#include "mailseal/conf.h"
#include "mailseal/limits.h"
#include "mailseal/table.h"
#include "mailseal/table_file.h"

#define CONF_LIST_MAX 4096 /* values of one list */

enum option_type {
    OPTION_STRING,   /* const char * */
    OPTION_PATH,     /* const char *: made absolute from the directory of the configuration file; "" stays */
    OPTION_PROFILE,  /* const char *: a name, or with a slash a path as above */
    OPTION_TABLE,    /* const char *: file:PATH, refile:PATH or PATH, the path made absolute as above */
    OPTION_LOOKUP,   /* const char *: a spec of table.h, a relative path in it made absolute as above; "": none */
    OPTION_DOMAIN,   /* const char *: labels in normal form (a selector is one or more labels, RFC 6376 3.1) */
    OPTION_BOOL,     /* bool, by one of `words` */
    OPTION_CHOICE,   /* int, by one of `words` */
    OPTION_UINT,     /* unsigned, min to max */
    OPTION_INT,      /* int64_t, min to max */
    OPTION_MODE,     /* int64_t in octal digits, min to max */
    OPTION_CANON,    /* header_canon and body_canon of a struct sign_key, by the offset of the first */
    OPTION_STRINGS,  /* struct strings, max values at most */
    OPTION_NETWORKS, /* struct networks, max values at most */
};

struct option_limits {
    int64_t min, max;
    const struct name_code *words;
    const char *(*check)(struct str value); /* of each string: NULL, or what it should be ("is no ...") */
};

struct conf_option {
    const char *name;
    enum option_type type;
    const char *value; /* the default as text; values of a list are separated by a blank */
    size_t offset;     /* of the field in struct conf or struct sign_key */
    struct option_limits limits;
    const char *doc; /* one sentence */
};

/* Both end with a row without a name. */
extern const struct conf_option conf_options[]; /* into struct conf */
extern const struct conf_option sign_options[]; /* into struct sign_key */

/* RFC 8601 2.2, the token form. */
bool authserv_id_is_valid(struct str id);

bool option_is_list(const struct conf_option *o);

/* Sets the field in base (a struct conf or struct sign_key) from text; dir is the directory of the configuration file. False
 * with a reason in the arena, "'VALUE' is no ...". */
bool option_set(const struct conf_option *o, void *base, struct arena *a, const char *dir, struct strings text, const char **reason)
    __attribute__((warn_unused_result));
/* Sets every field of a table to its default. */
void options_default(const struct conf_option *table, void *base, struct arena *a);
/* Adds the field's value as the file would have it: 300, "relaxed/simple", { "a", "b" }. */
void option_write(const struct conf_option *o, const void *base, struct buf *out);

/* Fills c (defaults, options, sign sections, one key of the keyring for each) from a scanned text, touching no file. c->arena is
 * set; dir as above. False with t->error. */
bool conf_parse(struct conf *c, struct conf_text *t, const char *dir) __attribute__((warn_unused_result));

/* sign_fields.c: fills key->fields from key->headers. False with a reason (a literal). */
bool sign_key_expand(struct sign_key *key, struct arena *a, const char **reason) __attribute__((warn_unused_result));

/* A keyring for at most max sections. Adding one with its domain and selector: false with a reason (a literal). */
struct keyring *keyring_new(struct arena *a, size_t max);
bool keyring_add(struct keyring *k, struct sign_key *key, const char **reason) __attribute__((warn_unused_result));
void keyring_set_key(struct keyring *k, size_t i, const struct key_secret *secret);
/* What stands beside the sections; NULL: none. */
struct key_lookup;
struct sign_table;
struct sign_server;
void keyring_set_sources(struct keyring *k, struct key_lookup *dir, struct sign_table *table, struct sign_server *server);

#define KEY_RETRY_S 60 /* until a file that could not be used is looked at again */

/* The keys for one author, by the tables one after the other. Begins as all zeros. */
struct sign_found {
    const struct sign_key *v[LIMIT_SIGN_KEYS];
    size_t n;
    bool more;    /* others are for the author, too, but beyond the limit */
    bool unknown; /* what had to be asked did not answer: there may be others. Logged */
};

/* ---- key_store.c: keys read from files, a bounded number of them ---- */
struct key_store;
/* One read now, for the life of the arena. NULL with a reason in it. */
const struct key_secret *key_secret_read(struct arena *a, const char *path, const char **reason);
struct key_store *key_store_new(struct arena *a);
const struct key_secret *key_store_take(struct key_store *s, struct arena *a, const char *path);

/* ---- key_lookup.c: DIRECTORY/DOMAIN/SELECTOR.pem, looked at when a domain is first asked for ---- */
struct key_lookup *key_lookup_new(struct arena *a, const char *path, const struct sign_key *how);
/* Adds those for an author in exactly this domain, or below it; unknown: not all of it can be read. */
void key_lookup_find(struct key_lookup *d, struct str domain, bool below, struct sign_found *out);
/* Calls fn for each key of each domain that signs. */
void key_lookup_each(struct key_lookup *d, void (*fn)(void *ctx, const struct sign_key *key), void *ctx);

/* ---- sign_table.c: OpenDKIM's KeyTable and SigningTable ---- */
#define SIGN_AUTHOR STR("%") /* stands for the author's domain */

struct table_key {
    struct str domain, selector, path; /* domain may be SIGN_AUTHOR; in the path it stands for the domain */
};

/* Which of several lines comes first; those of a "refile:" table are all of the first rank. */
enum sign_rank { RANK_ADDRESS, RANK_DOMAIN, RANK_PARENT, RANK_USER, RANK_ANY };

struct sign_entry {
    struct str pattern, identity;
    const struct table_key *key; /* NULL: the key whose name is the author's domain */
    unsigned rank, order;        /* the lowest rank comes first, then the lowest order */
    struct sign_entry *next;
};

struct sign_table {
    struct arena *arena;
    const struct sign_key *how;
    struct map *keys;         /* by name, to struct table_key */
    struct map *filed;        /* by literal text, to struct sign_entry */
    struct sign_entry *other; /* patterns without such a text */
    bool all;
};

/* NULL with an error in scratch. */
struct sign_table *sign_table_read(struct arena *a, struct arena *scratch, const struct conf *c, const char **error);
/* ---- sign_find.c ---- */
void sign_table_find(const struct sign_table *t, struct arena *a, struct str local, struct str domain, struct sign_found *out);
/* Calls fn for each key; for each domain that the signing table names, where a key is of the author's domain. */
void sign_table_each(const struct sign_table *t, void (*fn)(void *ctx, const struct sign_key *key), void *ctx);

/* ---- sign_server.c: the same asked of servers, both of them ---- */
/* NULL with an error in the arena. */
struct sign_server *sign_server_new(struct arena *a, const struct conf *c, const char **error);
void sign_server_find(struct sign_server *s, struct arena *a, struct str local, struct str domain, struct sign_found *out);

/* ---- sign_make.c: keys as tables tell them ---- */
struct sign_recipe {
    struct str domain, selector, path, identity; /* domain may be SIGN_AUTHOR; the path may hold it for the domain, the
                                                   identity for the author's */
};
/* A key that signs as `how`, in the arena. */
const struct sign_key *sign_key_make(struct arena *a, const struct sign_key *how, const struct sign_recipe *r, struct str author);
/* Adds it to those found, unless one of this domain and selector is there. */
void sign_key_add(const struct sign_key *k, struct sign_found *f);

/* ---- sign_algorithms.c ---- */
extern const struct name_code sign_algorithm_names[]; /* to enum key_type */
/* Of values that option_set() took. */
struct sign_algorithms *sign_algorithms_new(struct arena *a, const struct strings *values);

/* ---- login_map.c ---- */
/* A file or a server. NULL with an error in scratch, or in the arena. */
struct login_map *login_map_read(struct arena *a, struct arena *scratch, struct table_servers *servers, const char *spec,
                                 const char **error);

#endif
