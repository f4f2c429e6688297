/* dkim_int.h - what the files of the dkim room share. */
#ifndef MAILSEAL_DKIM_INT_H
#define MAILSEAL_DKIM_INT_H

#include "mailseal/buf.h"
#include "mailseal/dkim.h"
#include "mailseal/limits.h"

#define DKIM_FIELD_NAME "DKIM-Signature"

/* ---- dkim_canon.c: one body canonicalization, fed in pieces, in constant memory ---- */
struct canon_body {
    enum dkim_canon canon;
    bool cr, wsp;    /* a CR that may begin a line end; white space that may end a line */
    uint64_t crlfs;  /* line ends that may be the last ones */
    uint64_t length; /* canonical bytes given out */
    void (*sink)(void *ctx, enum dkim_canon canon, const char *p, size_t n);
    void *ctx;
    size_t n;
    char out[4096]; /* gathers short spans: a digest takes 64 bytes at a time */
};
void canon_body_update(struct canon_body *c, const char *p, size_t n);
void canon_body_finish(struct canon_body *c);

/* ---- dkim_header.c: what the signature is made over (RFC 6376 3.7) ---- */
struct field_index;
struct field_index *field_index_new(struct arena *a, const struct headers *h);
/* The digest of the named fields, and of `signature`: the signature field itself, "Name: value" with an empty b=. `self` is that
 * field where it stands in the message, or NULL. */
void field_index_digest(struct field_index *x, const struct str *names, size_t n, enum dkim_canon canon, const struct header *self,
                        struct str signature, uint8_t out[SHA256_SIZE]);

/* ---- dkim_sig.c: one DKIM-Signature field ---- */
struct dkim_sig {
    const struct header *field;
    enum auth_code code; /* why it cannot be verified, with a reason (a literal); AUTH_NONE when it can */
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
/* Reads a field; sig->code says how that went. What could be read is there in any case. */
void dkim_sig_parse(struct arena *a, const struct header *field, struct dkim_sig *sig);
/* The field with the value of b= and all white space around it taken out (RFC 6376 3.7). */
struct str dkim_sig_unsigned(struct arena *a, struct str raw);
/* A copy without white space. */
struct str dkim_squeeze(struct arena *a, struct str s);
/* The next element of a colon-separated list, without white space at its ends; false at the end. */
bool dkim_list_next(struct str *rest, struct str *element);

#endif
