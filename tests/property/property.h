/*
 * property.h - what the properties share: random numbers, mutations, a small DNS, and the independent readings ("references") that
 * say what may pass. The references are written byte by byte from the pages and share no code with the rooms under test.
 */
#ifndef TESTS_PROPERTY_PROPERTY_H
#define TESTS_PROPERTY_PROPERTY_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/buf.h"
#include "mailseal/ip.h"
#include "mailseal/str.h"
#include "mailseal/crypto.h"
#include "mailseal/dkim.h"
#include "mailseal/dns.h"

#define NOW  1700000000
#define ROOM 65536 /* bytes of any text made here */

/* ---- random.c: xorshift, choices, mutations ---- */
struct random {
    uint64_t s;
};
uint64_t random_seed(uint64_t a, uint64_t b);   /* mixes; never 0 */
unsigned random_to(struct random *r, size_t n); /* 0 .. n-1 */
bool random_one_in(struct random *r, unsigned n);
const char *random_of(struct random *r, const char *const *v, size_t n);
#define RANDOM_OF(r, ...)                                                                                                          \
    random_of((r), (const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))
/* A byte of the text in [from, to) changed, deleted, or one inserted before it. */
struct str random_mutation(struct random *r, struct arena *a, struct str text, size_t from, size_t to);

/* ---- wrong_pass.c: one case of a property ---- */
#define PROPERTY_RELAY "198.18.0.1"
struct case_keys {
    struct privkey *key[2]; /* by enum key_type */
    struct conf *conf[3];   /* the last with PROPERTY_RELAY as a relay */
};
struct trial {
    struct arena *arena;
    struct random random;
    const struct case_keys *keys;
    const char *name, *save; /* for the report: the property, and the directory for its input */
    unsigned long seed, number;
    unsigned long mutations, passes; /* added to the property's; passes show that the property is not about nothing */
};
/* Notes a violation: what is wrong, the input, and the DNS (or NULL). Always false. */
struct zone;
bool trial_violated(struct trial *t, struct str input, const struct zone *zone, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

bool property_dkim(struct trial *t);
bool property_key(struct trial *t);
bool property_spf(struct trial *t);
bool property_dmarc(struct trial *t);
bool property_from(struct trial *t);
bool property_authres(struct trial *t);
bool property_engine(struct trial *t);
bool property_facts(struct trial *t);

/* ---- zone.c: a DNS that both sides read ---- */
enum { ZONE_ROWS = 96, LOOK_MAX = 16 };
struct zone_row {
    struct str name; /* lower case */
    enum dns_type type;
    struct str data; /* A and AAAA as text */
    bool fails;      /* SERVFAIL in place of all records of the type */
};
struct zone {
    struct arena *arena;
    struct zone_row row[ZONE_ROWS];
    size_t n;
    struct str any_key; /* the key record of every name that has none of its own; or empty */
};
void zone_init(struct zone *z, struct arena *a);
struct zone_row *zone_add(struct zone *z, struct str name, enum dns_type type, struct str data);
void zone_fail(struct zone *z, struct str name, enum dns_type type);
/* For the rooms; ends with dns_free(). */
struct dns *zone_dns(const struct zone *z);
/* The same as a snapshot file. */
struct json;
const struct json *zone_json(const struct zone *z);
/* For the references. */
struct look {
    enum dns_status status;
    size_t n;
    struct str v[LOOK_MAX];
};
void zone_look(const struct zone *z, struct str name, enum dns_type type, struct look *out);
struct str zone_name(struct arena *a, const char *prefix, struct str name); /* prefix + name */

/* ---- ref_dkim.c ---- */
struct ref_field {
    struct str raw, name; /* raw with CRLF folds; name without white space at its end */
};
struct ref_mail {
    struct ref_field *v;
    size_t n;
    struct str body;
};
void ref_mail_split(struct arena *a, struct str message, struct ref_mail *out);
bool ref_name_is(struct str name, const char *lower);
struct str ref_canon_field(struct arena *a, bool relaxed, struct str raw);
struct str ref_canon_body(struct arena *a, bool relaxed, struct str body);

enum { REF_TAGS = 40 };
struct ref_tags {
    bool valid;
    size_t n;
    struct {
        struct str name, value, whole; /* whole: all between "=" and ";" */
    } v[REF_TAGS];
};
void ref_tags_read(struct str list, struct ref_tags *out);
bool ref_tags_get(const struct ref_tags *t, const char *name, struct str *value);
enum ref_base64 { REF_BASE64_EXACT, REF_BASE64_LOOSE, REF_BASE64_BAD };
enum ref_base64 ref_base64_read(struct arena *a, struct str text, struct str *bytes);
bool ref_list_has(struct str list, const char *word, bool any_case);

/* One signature as 3.7 of RFC 6376 feeds it to the hash. */
struct ref_sig {
    bool valid;      /* a tag list with canonicalizations, h= and l= that can be read */
    struct str head; /* canonical fields, then the signature's own with an empty b= */
    struct str body; /* the canonical body, as far as l= goes */
    bool short_body; /* l= goes beyond the body */
    bool tail;       /* canonical bytes behind l= */
    struct str domain;
    struct str b;
    enum ref_base64 b_form;
};
void ref_sig_read(struct arena *a, const struct ref_mail *m, size_t field, struct ref_sig *out);

enum expect { EXPECT_PASS, EXPECT_NO_PASS, EXPECT_EITHER };
/* What a message may come to when `good` is the signature that was made, and nobody else can make one. acceptable: nothing but what
 * it covers can keep it from passing. tail_passes: the body may go on behind l=. */
enum expect ref_expect(struct arena *a, const struct ref_sig *good, bool acceptable, bool tail_passes, struct str message);

/* ---- ref_spf.c ---- */
struct ref_spf {
    const struct zone *zone;
    struct arena *arena;
    struct ip client;
    unsigned terms, voids;
    bool unsure; /* the RFC leaves the result open; a pass is certain all the same */
};
enum auth_code ref_spf_check(struct ref_spf *s, struct str domain);

/* ---- ref_dmarc.c ---- */
struct ref_id {
    struct str domain;
    enum auth_code code;
    bool spf;
};
struct ref_dmarc {
    enum auth_code code, other; /* other: as good, where the page leaves it open */
    int policy;                 /* of a fail: enum dmarc_policy after t=y */
};
void ref_dmarc_eval(const struct zone *z, struct arena *a, struct str author, const struct ref_id *ids, size_t n,
                    struct ref_dmarc *out);

/* ---- ref_from.c: which domains a From value names, lower case, by a reader that only knows quotes, comments and lists ---- */
struct ref_from {
    bool odd; /* something is out of balance, or an entry has no domain: nobody's author */
    size_t n; /* distinct domains */
    struct str domain;
};
void ref_from_read(struct arena *a, struct str value, struct ref_from *out);
void ref_from_of_mail(struct arena *a, const struct ref_mail *m, struct ref_from *out);

/* ---- gen_*.c: random inputs ---- */
struct str gen_from(struct trial *t, const char *const *domains, size_t n, struct str *domain); /* domain empty: known bad */
struct str gen_message(struct trial *t, struct str from_value);                                 /* header, empty line, body */
/* Signs with the room's signer or with one of our own, in any layout a signer may choose. */
/* *good: its t= and x= are in time. Empty when it cannot be signed. */
struct str gen_signed(struct trial *t, struct str message, enum key_type type, struct str domain, struct str selector, bool *good);
struct str gen_spf_record(struct trial *t, struct zone *z, unsigned depth, struct str name);
void gen_hosts(struct trial *t, struct zone *z);
struct ip gen_client(struct trial *t, const struct zone *z);
struct str gen_dmarc_record(struct trial *t);
/* Drives a message through the engine, its fields as a mail server would hand them over. The outcome lives until msg_free(*m). */
struct msg;
struct conn;
const struct outcome *drive(struct trial *t, struct conn *c, struct str mail_from, bool authenticated, struct str message,
                            struct msg **m);
/* Feeds a message to dkim_verify; true when any signature passes. */
bool verify_passes(struct trial *t, struct arena *a, struct str message, const struct zone *z, bool tail_passes);

#endif
