/*
 * headers.h - the header fields of a message, as received and in order.
 *
 * Every later room reads them here: DKIM hashes `raw`, the From parser reads `value`. Line ends inside a folded field are CRLF,
 * whatever the mail server used.
 */
#ifndef MAILSEAL_HEADERS_H
#define MAILSEAL_HEADERS_H

#include "mailseal/str.h"

struct header {
    struct str raw;   /* "Name: value", folds as CRLF + white space, without the final CRLF */
    struct str name;  /* without white space before the colon */
    struct str value; /* all after the colon, leading space included */
};

struct headers {
    struct header *v; /* top of the message first */
    size_t n, room, bytes;
    bool overflow; /* a limit was hit: fields are missing, nothing may pass */
    struct arena *arena;
};

void headers_init(struct headers *h, struct arena *a);

/* Adds a field at the end; copies. name may end in white space ("Subject :"), value keeps its leading space; LF, CRLF in value
 * become CRLF. False, with overflow set, when LIMIT_HEADER_FIELDS, _BYTES or _FIELD is hit. */
bool headers_add(struct headers *h, struct str name, struct str value);

/* Instances of a name, case-insensitive; the i-th from the top (0-based) or NULL. */
size_t headers_count(const struct headers *h, struct str name);
const struct header *headers_get(const struct headers *h, struct str name, size_t i);

/* Reads the header section of a message (CRLF or LF line ends) and adds all its fields. `*body` is what follows the empty line (or
 * the first line that is no field: RFC 5322 2.2 has no word for it, the mail servers begin the body there). A "From " line of an
 * mbox at the very top is skipped. False when a limit was hit. */
bool headers_read(struct headers *h, struct str message, struct str *body);

#endif
