/* base64.h - base64 (RFC 4648 4), as tag lists, keys and PEM-like text use it. */
#ifndef MAILSEAL_BASE64_H
#define MAILSEAL_BASE64_H

#include "mailseal/str.h"

/* Decodes; white space (SP, HTAB, CR, LF) is skipped anywhere. Padding must be right where it stands; it may be missing.
 * False when another character stands in it or data follows the padding. The bytes are in the arena. */
bool base64_decode(struct arena *a, struct str in, struct str *out) __attribute__((warn_unused_result));

/* The same, but only the form an encoder writes, with or without padding and white space: no stray bits at its end, by which one
 * text could be written in several ways, and not empty. */
bool base64_decode_exact(struct arena *a, struct str in, struct str *out) __attribute__((warn_unused_result));

/* Encodes with padding and without line breaks. */
struct str base64_encode(struct arena *a, const void *p, size_t n);

#endif
