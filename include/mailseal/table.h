/*
 * table.h - lists and tables of a site: text files, and socketmap servers (Postfix's socketmap_table(5)).
 *
 * A file is read once, whole; looking up costs no look at anything whose number grows with it. A server is asked at the time, with
 * answers kept for a while; one that is dead or slow gives TABLE_UNKNOWN, soon, and never an answer nobody gave.
 */
#ifndef MAILSEAL_TABLE_H
#define MAILSEAL_TABLE_H

#include "mailseal/ip.h"
#include "mailseal/str.h"

struct arena;
struct table;

enum table_answer { TABLE_NO, TABLE_YES, TABLE_UNKNOWN };

/* What the entries are. In files "#" begins a comment, an entry stands on one line, and a list has nothing beside its entries. */
enum table_kind {
    TABLE_DOMAINS, /* one a line: "example.org" is that name, ".example.org" all names below it */
    TABLE_CLIENTS, /* addresses, networks, and domain names as above (of the client's forward-confirmed name) */
    TABLE_TEXT     /* "KEY VALUE", each key once, compared without regard to case */
};

/* The servers of tables that are read together: one that does not answer is left alone by all of them. */
struct table_servers;
struct table_servers *table_servers_new(struct arena *a);

/* spec: PATH, file:PATH, socketmap:unix:/PATH:NAME or socketmap:inet:ADDRESS:PORT:NAME, where ADDRESS is an IP address (IPv6 in
 * brackets) or "localhost". The table lives as long as the arena. NULL with "file:line: what is wrong" (or without a line) in the
 * arena: then nothing was read. A server need not be there yet. servers: in an arena that lives as long; NULL:
 * those of no other table. */
struct table *table_read(struct arena *a, struct table_servers *servers, const char *spec, enum table_kind kind,
                         const char **error);
/* NULL, or a literal: what is wrong with the form of a spec ("is no ..."). No file is touched. */
const char *table_spec_fault(struct str spec);
bool table_spec_is_server(struct str spec);
/* The path of a file's spec. */
struct str table_spec_path(struct str spec);
/* The spec with a relative path taken from a directory. */
const char *table_spec_below(struct arena *a, const char *dir, struct str spec);
const char *table_spec(const struct table *t);
size_t table_count(const struct table *t); /* entries of a file; 0 for a server */

/* Looking up, in any thread. A server is asked within two seconds in all, its answers are kept for a minute, a failure for five
 * seconds: that of a key, or of the server with all its tables when it has answered nobody for two. What it cannot tell is logged,
 * once a minute at most. An empty domain and an unknown address are in no table. */

/* domain in normal form. A server is asked for DOMAIN, then for .PARENT of each parent of 16 labels at most, the nearest first; any
 * value means yes. */
enum table_answer table_has_domain(const struct table *t, struct str domain);
/* Of a TABLE_CLIENTS. A server is asked for the text of the address and nothing else: networks are its own affair. */
enum table_answer table_has_ip(const struct table *t, struct ip ip);
bool table_has_names(const struct table *t); /* there are domain names in it, or there may be: it pays to find out the client's */
/* The value of a key, in a: TABLE_TEXT, and servers of any kind, which are asked for the key in lower case. */
enum table_answer table_get(const struct table *t, struct arena *a, struct str key, struct str *value);

#endif
