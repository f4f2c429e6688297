/*
 * arc.h - Authenticated Received Chain (RFC 8617): validate the chain of a message, add a set to it, and carry results into it.
 *
 * Streaming, like dkim.h. Order of calls: dkim_body_new; at end of header arc_verify_start and/or arc_seal_start (they say which
 * body hashes they want); dkim_body_update for each chunk; dkim_body_finish; then arc_verify_finish and arc_seal_finish.
 *
 * A chain that passes proves nothing by itself: anybody can make one. Whose seals count is for the site to say (7.2).
 */
#ifndef MAILSEAL_ARC_H
#define MAILSEAL_ARC_H

#include "mailseal/authres.h"
#include "mailseal/crypto.h"
#include "mailseal/dkim.h"
#include "mailseal/dns.h"
#include "mailseal/headers.h"

/* ---- validation ---- */
struct arc_sealer {
    unsigned instance;
    struct str domain, selector; /* d=, s= of the ARC-Seal, normal form */
    struct str authres;          /* of the set's ARC-Authentication-Results all behind "i=N;": for authres_parse() */
};

struct arc_result {
    enum auth_code code;        /* none, pass, fail: RFC 8617 knows no others */
    unsigned instance;          /* the highest there is; 0 when there is none */
    const char *reason;         /* a literal; NULL for pass and none */
    bool temporary;             /* it fails because a key lookup got no answer (5.2.1 makes no difference; a policy may) */
    bool has_oldest_pass;       /* false: not pass, or not all older message signatures could be looked at */
    unsigned oldest_pass;       /* 5.2: 0 when the message signatures of all sets verify */
    struct arc_sealer *sealers; /* newest first, one per set; none when the structure of the chain is broken */
    size_t n_sealers;
    struct str remote_ip; /* smtp.remote-ip of the first set, an address, or empty; only with pass */
};

struct arc_verify;
/* Collects the sets, checks their structure, asks for the body hashes of the newest message signature and of a few older ones, and
 * starts the key lookups. params as for DKIM: least RSA size, l= that leaves a tail unsigned, clock slack. */
struct arc_verify *arc_verify_start(struct arena *a, const struct headers *h, struct dkim_body *body,
                                    const struct dkim_params *params, struct dns *dns, int64_t now, int64_t deadline);
/* After dkim_body_finish(). A message whose headers overflowed never passes. Ends all lookups. */
void arc_verify_finish(struct arc_verify *v, struct arc_result *out);
/* Ends the key lookups of a validation that will not be finished. */
void arc_verify_drop(struct arc_verify *v);

/* ---- sealing ---- */
struct arc_seal_params {
    struct str domain, selector; /* d=, s=: A-labels */
    const struct privkey *key;
    enum dkim_canon header_canon, body_canon; /* of the ARC-Message-Signature */
    const struct str *fields; /* its h= as a list of names, taken as it is; NULL takes the usual ones, each as often as it occurs,
                                 with DKIM-Signature, and From once more */
    size_t n_fields;
    const struct str *left_out; /* names of the usual fields that this signature does not cover; never From */
    size_t n_left_out;
    int64_t timestamp; /* t=; 0 leaves it out */
};

/* Values with their leading space, folded with CRLF + SP or HTAB. Put on top of the message: seal, signature, authres. */
struct arc_fields {
    struct str authres;   /* ARC-Authentication-Results */
    struct str signature; /* ARC-Message-Signature */
    struct str seal;      /* ARC-Seal */
};

struct arc_seal;
/* Asks for the body hash. NULL with a reason (a literal) when the parameters are not valid. params are borrowed until finish. */
struct arc_seal *arc_seal_start(struct arena *a, struct dkim_body *body, const struct arc_seal_params *params, const char **reason);
/* h is the message as it leaves, with all edits of ours (5.1); arrival is what it was when it came, and becomes cv=; authres is the
 * authres-payload (authserv-id and results, RFC 8601 2.2) with LF or CRLF folds. False with a reason (a literal) when no set may
 * be added: the newest seal says cv=fail, there are 50 sets, no From or several, headers overflowed. After dkim_body_finish(). */
bool arc_seal_finish(struct arc_seal *s, const struct headers *h, const struct arc_result *arrival, struct str authres,
                     struct arc_fields *out, const char **reason) __attribute__((warn_unused_result));

/* The authres-payload of a sealer that follows other filters of its site: the results of all Authentication-Results fields of h
 * that bear authserv_id and follow the grammar, and arc= from arrival unless one of them has it. Of methods other than dkim the
 * first result counts. Comments are not carried. Only for messages whose fields under that id can be trusted. */
struct str arc_authres_merge(struct arena *a, const struct headers *h, struct str authserv_id, const struct arc_result *arrival,
                             struct str remote_ip);

#endif
