/* taglist.h - tag=value lists (RFC 6376 3.2), shared by DKIM signatures and keys, ARC, and (loosely) DMARC. */
#ifndef MAILSEAL_TAGLIST_H
#define MAILSEAL_TAGLIST_H

#include "mailseal/limits.h"
#include "mailseal/str.h"

struct tag {
    struct str name;
    struct str value; /* without folding white space at its ends */
};

struct taglist {
    struct tag v[LIMIT_TAGS];
    size_t n;
};

/* Strict, RFC 6376 3.2: names ALPHA *(ALPHA/DIGIT/"_"), case-sensitive; a duplicate, an element without "=", an empty element that
 * is not the last, or a value character outside VALCHAR/FWS (8-bit is allowed, RFC 8616)
 * makes the whole list invalid. False with a reason (literal). */
bool taglist_parse(struct taglist *t, struct str text, const char **reason) __attribute__((warn_unused_result));

/* The value of a tag; false when absent (an empty value is present). */
bool taglist_get(const struct taglist *t, const char *name, struct str *value);

#endif
