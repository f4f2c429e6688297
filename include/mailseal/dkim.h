/*
 * dkim.h - DKIM (RFC 6376, 8301, 8463, 8616): verify every signature, sign.
 *
 * Streaming: the body is never kept. One struct dkim_body hashes each (canonicalization, length) once, for all signatures being
 * verified and made. Order of calls: dkim_body_new; at end of header dkim_verify_start and/or dkim_sign_start (they say which
 * body hashes they want); dkim_body_update for each chunk; dkim_body_finish; then dkim_verify_finish and dkim_sign_finish.
 */
#ifndef MAILSEAL_DKIM_H
#define MAILSEAL_DKIM_H

#include "mailseal/authres.h"
#include "mailseal/buf.h"
#include "mailseal/crypto.h"
#include "mailseal/dns.h"
#include "mailseal/headers.h"
#include "mailseal/limits.h"
#include "mailseal/taglist.h"

enum dkim_canon { DKIM_CANON_SIMPLE, DKIM_CANON_RELAXED };
extern const struct name_code dkim_canon_names[];

/* Header canonicalization (RFC 6376 3.4.1, 3.4.2) of one field, for hashing: `raw` as in struct header. Adds the field to out; crlf
 * adds the final CRLF. ARC uses it too. */
void dkim_canon_header(enum dkim_canon canon, struct str raw, bool crlf, struct buf *out);

/* ---- the body ---- */
struct dkim_body;
struct dkim_body *dkim_body_new(struct arena *a);
#define DKIM_LENGTH_ALL UINT64_MAX
/* Asks for a hash of the body; before the first update. Returns its number, or -1 when LIMIT_BODY_HASHES are in use. */
int dkim_body_want(struct dkim_body *b, enum dkim_canon canon, uint64_t length);
/* Bytes as they go by, cut anywhere, CRLF line ends. */
void dkim_body_update(struct dkim_body *b, const void *p, size_t n);
/* True when more bytes cannot change any digest (none was asked for, or every one is cut by its length and full AND the excess is
 * known): the mail server may be told to skip the rest. */
bool dkim_body_done(const struct dkim_body *b);
void dkim_body_finish(struct dkim_body *b);
/* After finish: the digest; *canonical is the length of the whole canonical body (for l=; may be cut short once it is beyond
 * l=). */
void dkim_body_digest(const struct dkim_body *b, int number, uint8_t out[SHA256_SIZE], uint64_t *canonical);

/* ---- verification ---- */
struct dkim_params {
    unsigned min_rsa_bits;     /* at least LIMIT_RSA_BITS_MIN; smaller valid keys are "policy" */
    bool accept_unsigned_tail; /* l= shorter than the body: false says "policy" (RFC 6376 8.2) */
    int64_t clock_slack;       /* seconds allowed for x= and t= */
};
extern const struct dkim_params dkim_params_default; /* 1024, false, 300 */

struct dkim_result {
    enum auth_code code;
    struct str domain;    /* d=, normal form; as written, bounded, when it is no name; empty when absent */
    struct str selector;  /* s= */
    struct str identity;  /* i= as written without white space; empty when absent or beyond LIMIT_AUTHRES_VALUE */
    struct str algorithm; /* a= as written, lower case */
    struct str b;         /* the first 8 or more characters of b= without white space (RFC 6008) */
    const char *reason;   /* a literal; NULL only for pass without remark. For pass it may be a remark ("test key") */
    unsigned bits;        /* of the key, 0 unless known */
    bool testing;         /* t=y in the key record */
    bool limited;         /* l= was used and the body is longer */
};

struct dkim_verify;
/* Parses every DKIM-Signature field, picks those to verify (at most LIMIT_DKIM_VERIFIED, with d= aligned to author_domain first)
 * and starts their key lookups. author_domain may be empty. */
struct dkim_verify *dkim_verify_start(struct arena *a, const struct headers *h, struct dkim_body *body,
                                      const struct dkim_params *params, struct dns *dns, int64_t now, int64_t deadline,
                                      struct str author_domain);
/* One result per DKIM-Signature field (at most LIMIT_DKIM_SIGNATURES, and one more that stands for all the rest), from the top
 * of the message down. After dkim_body_finish(). A message whose headers overflowed never passes. */
size_t dkim_verify_finish(struct dkim_verify *v, struct dkim_result **results);
/* Ends the key lookups of a verification that will not be finished. */
void dkim_verify_drop(struct dkim_verify *v);

/* ---- signing ---- */
struct dkim_sign_params {
    struct str domain, selector; /* d=, s=: A-labels */
    struct str identity;         /* i=, or empty */
    const struct privkey *key;
    enum dkim_canon header_canon, body_canon;
    const struct str *fields; /* h= as a list of names; NULL takes the default of RFC 6376 5.4.1 plus oversigning */
    size_t n_fields;
    bool oversign;                /* false: no name more often than it occurs; `fields` exactly as given */
    const struct str *oversigned; /* when there are any: exactly these names, present or not, are named once more than they occur */
    size_t n_oversigned;
    const struct str *left_out; /* names of the default list that are not signed in this message, nor oversigned; never From */
    size_t n_left_out;
    const struct pubkey *check; /* its other half: what was signed is verified before it is given out; NULL: it is not */
    int64_t timestamp;          /* t=; 0 leaves it out */
    int64_t expires;            /* x=; 0 leaves it out */
    bool length;                /* l= with the whole length; for tests and vectors only */
};

/* The i-th name of the default list, or NULL behind its end. */
const char *dkim_sign_default_field(size_t i);

/* Can it be the i= of a signature by the domain (RFC 6376 3.5)? It is written as it is given, so it must need no quoting (2.11). */
bool dkim_identity_fits(struct arena *a, struct str identity, struct str domain);

struct dkim_sign;
/* Chooses the fields and asks for the body hash. NULL with a reason (a literal) when the message must not be signed: no From,
 * several From fields, headers overflowed. params are borrowed until finish. */
struct dkim_sign *dkim_sign_start(struct arena *a, const struct headers *h, struct dkim_body *body,
                                  const struct dkim_sign_params *params, const char **reason);
/* The value of the DKIM-Signature field with its leading space, folded with CRLF + SP or HTAB, lines at most 78 where possible.
 * False with a reason. After dkim_body_finish(). */
bool dkim_sign_finish(struct dkim_sign *s, struct str *value, const char **reason) __attribute__((warn_unused_result));

/* The TXT record text for a public key: "v=DKIM1; k=ed25519; p=...". */
struct str dkim_key_record(struct arena *a, const struct privkey *k);

/* A key record read from DNS text, for `key check`. */
struct dkim_key {
    enum key_type type;
    struct pubkey *key;
    unsigned bits;
    bool testing, strict, revoked; /* t=y, t=s, empty p= */
    bool sha256;                   /* h= allows it */
    bool email;                    /* s= allows it */
    struct str p;                  /* as published, white space removed */
};
/* False with a reason (a literal) when the record is unusable (then *out may be partly filled: bits, revoked). */
bool dkim_key_parse(struct arena *a, struct str text, struct dkim_key *out, const char **reason)
    __attribute__((warn_unused_result));

/* ---- for ARC, whose fields are signed in the same way (RFC 8617 4.1.2) ---- */
/* The header hash (RFC 6376 3.7, 5.4.2): an index of the fields of a message, once for all its signatures. */
struct field_index;
struct field_index *field_index_new(struct arena *a, const struct headers *h);
/* The digest of the named fields, and of `signature`: the signature field itself, "Name: value" with an empty b=. `self` is that
 * field where it stands in the message, or NULL. */
void field_index_digest(struct field_index *x, const struct str *names, size_t n, enum dkim_canon canon, const struct header *self,
                        struct str signature, uint8_t out[SHA256_SIZE]);
/* The field with the value of b= and all white space around it taken out (RFC 6376 3.7). */
struct str dkim_sig_unsigned(struct arena *a, struct str raw);
/* A copy without white space. */
struct str dkim_squeeze(struct arena *a, struct str s);
/* The next element of a colon-separated list, without white space at its ends; false at the end. */
bool dkim_list_next(struct str *rest, struct str *element);

/* What the tags of a signature field say. */
struct dkim_sig {
    const struct header *field; /* of a DKIM-Signature; else NULL */
    enum auth_code code;        /* why it cannot be verified, with a reason (a literal); AUTH_NONE when it can */
    const char *reason;
    enum key_type type;
    enum dkim_canon header_canon, body_canon;
    struct str algorithm, domain, selector, identity; /* as struct dkim_result has them */
    struct str identity_domain;                       /* of i=, in normal form; empty without i= */
    struct str b;                                     /* as written, without white space */
    struct str signature, body_hash;                  /* b= and bh=, decoded */
    struct str *names;                                /* h= */
    size_t n_names;
    uint64_t length; /* l=, or DKIM_LENGTH_ALL */
    bool has_time, has_expiry;
    uint64_t time, expiry; /* t=, x= */
};
void dkim_sig_init(struct dkim_sig *sig);
/* Always false. The first thing refused is the one kept. */
bool dkim_sig_refuse(struct dkim_sig *sig, enum auth_code code, const char *reason);
/* Reads the named tags, up to a NULL, as those of a DKIM-Signature. A value that is wrong, or a missing tag, is refused. */
void dkim_sig_read(struct arena *a, const struct taglist *list, const char *const *names, struct dkim_sig *sig);
/* Reads the value of h=; From is not asked for. False when it was refused. */
bool dkim_sig_read_names(struct arena *a, struct str value, struct dkim_sig *sig);

/* The key lookups of a message: one for each name, however many signatures share it. */
struct dkim_keys;
struct dkim_lookup;
struct dkim_keys *dkim_keys_new(struct arena *a, struct dns *dns, int64_t deadline, size_t max);
/* NULL when there would be more than max. */
struct dkim_lookup *dkim_keys_start(struct dkim_keys *keys, const struct dkim_sig *sig);
/* Waits, and chooses the key for this signature. AUTH_NONE, or AUTH_TEMPERROR or AUTH_PERMERROR with a reason (then *key may be
 * partly filled). RSA keys of less than min_rsa_bits do not count. */
enum auth_code dkim_keys_get(struct dkim_keys *keys, struct dkim_lookup *lookup, const struct dkim_sig *sig, unsigned min_rsa_bits,
                             struct dkim_key *key, const char **reason);
/* Ends all lookups. */
void dkim_keys_drop(struct dkim_keys *keys);

/* The fields to be signed. Refusals are literals, or NULL. */
struct dkim_names {
    struct str v[LIMIT_DKIM_H];
    size_t n;
    bool too_many;
};
void dkim_names_add(struct dkim_names *names, struct str name);
bool dkim_names_have(const struct dkim_names *names, struct str name);
const char *dkim_names_refusal(const struct dkim_names *names);
/* Why a message with these fields must not be signed. */
const char *dkim_headers_refusal(const struct headers *h);

/* A field being written, in lines of at most 78 characters where that can be. The text begins with "Name:". */
struct dkim_folder {
    struct buf buf;
    size_t column; /* of the last line */
};
void dkim_fold_init(struct dkim_folder *f, struct arena *a, const char *name, size_t max);
void dkim_fold_add(struct dkim_folder *f, struct str s);
/* Makes room for n bytes that stay together: behind one space, or at the beginning of a line. */
void dkim_fold_word(struct dkim_folder *f, size_t n);
void dkim_fold_tag(struct dkim_folder *f, const char *tag, struct str value);
void dkim_fold_names(struct dkim_folder *f, const struct str *names, size_t n);
void dkim_fold_base64(struct dkim_folder *f, struct str text);

#endif
