/*
 * table_int.h - what the files of the table room share.
 *
 * A table is the entries of a file or a socketmap server. Of a server, socketmap_wire.c knows the bytes, socketmap_conn.c the
 * sockets, socketmap_cache.c the answers of the last minute, socketmap_health.c whether it answers at all, and socketmap.c when to
 * use which.
 */
#ifndef MAILSEAL_TABLE_INT_H
#define MAILSEAL_TABLE_INT_H

#include <sys/socket.h>

#include "mailseal/arena.h"
#include "mailseal/ip.h"
#include "mailseal/table.h"

#define SOCKETMAP_NAME_MAX    64   /* bytes of the name of a table at its server */
#define SOCKETMAP_KEY_MAX     1024 /* bytes of a key; nobody is asked for a longer one */
#define SOCKETMAP_REPLY_MAX   8192 /* bytes of a reply; the protocol would allow 100,000 */
#define SOCKETMAP_WIRE_MAX    (SOCKETMAP_REPLY_MAX + 8)
#define SOCKETMAP_IDLE_MAX    4         /* connections kept open for each table; more are closed after their answer */
#define SOCKETMAP_PARENTS_MAX 16        /* right-most labels of a domain whose names are asked for as ".NAME" */
#define SOCKETMAP_KEPT_BYTES  (4 << 20) /* of the answers of one table, in each of two halves */

/* ---- table_entries.c: what a file holds ---- */
struct table_entries;
/* NULL with an error in the arena. */
struct table_entries *table_entries_read(struct arena *a, const char *path, enum table_kind kind, const char **error);
size_t table_entries_count(const struct table_entries *e);
bool table_entries_has_names(const struct table_entries *e);
bool table_entries_has_domain(const struct table_entries *e, struct str domain);
bool table_entries_has_ip(const struct table_entries *e, struct ip ip);
bool table_entries_get(const struct table_entries *e, struct arena *a, struct str key, struct str *value);

/* ---- socketmap_wire.c: requests and replies as bytes ---- */
enum socketmap_parsed { SOCKETMAP_MORE, SOCKETMAP_DONE, SOCKETMAP_BAD };
struct socketmap_reply {
    enum table_answer answer; /* TABLE_UNKNOWN: the server could not tell, for the reason in text */
    struct str text;          /* the value, or a reason; a span of the bytes */
};
struct str socketmap_request(struct arena *a, struct str name, struct str key);
/* Of all bytes that came for one request: more are needed, it is complete, or it is none (bytes behind it make it none too). */
enum socketmap_parsed socketmap_reply_parse(struct str bytes, struct socketmap_reply *out);

/* ---- socketmap_conn.c: connections. Deadlines are times of clock_ms(), reasons are literals or of strerror() in the arena ---- */
struct socketmap_address {
    struct sockaddr_storage sa;
    socklen_t n;
    struct str name; /* of the table at the server; a span of the spec */
};
/* unix:/PATH:NAME or inet:ADDRESS:PORT:NAME. */
bool socketmap_address_parse(struct str spec, struct socketmap_address *out) __attribute__((warn_unused_result));
/* A socket, or -1 with a reason. */
int socketmap_connect(struct arena *a, const struct socketmap_address *to, int64_t deadline, const char **reason);
/* Nothing came since the last reply, not even the end. */
bool socketmap_is_quiet(int fd);
/* Sends a request and reads its reply into the arena. After false the connection is of no more use. */
bool socketmap_exchange(struct arena *a, int fd, struct str request, int64_t deadline, struct socketmap_reply *out,
                        const char **reason) __attribute__((warn_unused_result));

/* ---- socketmap_cache.c: answers, for a while; not locked ---- */
struct socketmap_cache;
/* It lives in the arena, its answers do not. max: answers kept at most. */
struct socketmap_cache *socketmap_cache_new(struct arena *a, size_t max);
void socketmap_cache_free(struct socketmap_cache *c);
/* True with the answer, and its value in the arena. */
bool socketmap_cache_get(const struct socketmap_cache *c, struct arena *a, struct str key, int64_t now, enum table_answer *answer,
                         struct str *value);
void socketmap_cache_put(struct socketmap_cache *c, struct str key, enum table_answer answer, struct str value, int64_t until);

struct socketmap_limits {
    int64_t lookup_ms;  /* one lookup with all it asks */
    int64_t keep_ms;    /* an answer is kept */
    int64_t failure_ms; /* a failure is */
    int64_t warn_ms;    /* between two warnings about one server */
    size_t answers;     /* kept at most */
};

/* ---- socketmap_health.c: whether a server answers, for all its tables; in any thread ---- */
struct socketmap_health;
/* That of the server at the address, which the name of a table is no part of. While tables are read only. */
struct socketmap_health *socketmap_health_of(struct table_servers *all, const struct socketmap_address *address);
/* False: it is left alone for now. After a failure one is told true, and others only when lookup_ms have passed without a note. A
 * server that has answered within lookup_ms is not down for a failure. */
bool socketmap_health_may_ask(struct socketmap_health *h, int64_t now, int64_t lookup_ms);
void socketmap_health_note(struct socketmap_health *h, bool answered, int64_t now, const struct socketmap_limits *limits);

/* ---- socketmap.c: a table of a server ---- */
extern const struct socketmap_limits socketmap_limits;
struct socketmap;
/* spec is what follows "socketmap:", of the right form; it and the limits are borrowed. */
struct socketmap *socketmap_new(struct arena *a, struct table_servers *servers, const char *spec,
                                const struct socketmap_limits *limits);
enum table_answer socketmap_get(struct socketmap *s, struct arena *a, struct str key, struct str *value);
enum table_answer socketmap_has_domain(struct socketmap *s, struct str domain);

#endif
