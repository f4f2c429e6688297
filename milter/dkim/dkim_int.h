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

/* ---- dkim_sig.c: one DKIM-Signature field ---- */
/* Reads a field; sig->code says how that went. What could be read is there in any case. */
void dkim_sig_parse(struct arena *a, const struct header *field, struct dkim_sig *sig);

#endif
