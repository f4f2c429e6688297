/* arc_int.h - what the files of the arc room share. */
#ifndef MAILSEAL_ARC_INT_H
#define MAILSEAL_ARC_INT_H

#include "mailseal/arc.h"
#include "mailseal/buf.h"
#include "mailseal/limits.h"
#include "mailseal/taglist.h"

#define LIMIT_ARC_SETS   50 /* RFC 8617 4.2.1 */
#define LIMIT_ARC_KEYS   20 /* distinct key lookups of one chain */
#define LIMIT_ARC_OLDER  3  /* older message signatures verified for oldest-pass */
#define LIMIT_ARC_MERGED 16 /* results carried into ARC-Authentication-Results */

#define ARC_AAR_NAME "ARC-Authentication-Results"
#define ARC_AMS_NAME "ARC-Message-Signature"
#define ARC_AS_NAME  "ARC-Seal"

/* In the order in which a seal covers them (RFC 8617 5.1.1). */
enum arc_kind { ARC_AAR, ARC_AMS, ARC_AS, ARC_KINDS };

/* ---- arc_tags.c: the tags of an ARC-Message-Signature or ARC-Seal ---- */
/* As dkim_sig_parse(), without the codes: out->reason says what is wrong. */
void arc_ams_read(struct arena *a, const struct taglist *list, struct dkim_sig *out);
/* *cv is none, pass, or fail; fail as well when it cannot be read. */
void arc_as_read(struct arena *a, const struct taglist *list, struct dkim_sig *out, enum auth_code *cv);

/* ---- arc_chain.c: the sets of a message ---- */
struct arc_set {
    const struct header *field[ARC_KINDS]; /* NULL: missing */
    struct str authres;                    /* payload of the AAR */
    struct dkim_sig ams, as;
    enum auth_code cv; /* of the seal */
};
struct arc_chain {
    struct arc_set set[LIMIT_ARC_SETS + 1]; /* by instance, from 1 on */
    unsigned n;                             /* the highest instance named, up to 99; 0: none that can be read */
    bool present;                           /* there is an ARC field */
    bool ended;                             /* the newest seal says cv=fail */
    const char *fault;                      /* a literal: RFC 8617 5.2 steps 1 to 3, and seals that cannot be read; or NULL */
};
void arc_chain_read(struct arena *a, const struct headers *h, struct arc_chain *out);
/* A field as seals cover it: relaxed, with its CRLF. */
struct str arc_canonical(struct arena *a, struct str raw);
/* The digest an ARC-Seal is made over (RFC 8617 5.1.1, 5.1.2): n fields in canonical form, then the seal itself, "Name: value",
 * without the value of its b=. */
void arc_seal_digest(struct arena *a, const struct str *covered, size_t n, struct str seal, uint8_t out[SHA256_SIZE]);

#endif
