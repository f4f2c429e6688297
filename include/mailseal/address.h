/*
 * address.h - addresses: the author of a message (RFC 5322 3.4, 3.6.2, RFC 6854, RFC 6532), and envelope paths.
 */
#ifndef MAILSEAL_ADDRESS_H
#define MAILSEAL_ADDRESS_H

#include "mailseal/headers.h"

/* Why there is exactly one author domain, or why not (RFC 9989 4.2, 4.4, 5.3.1, 11.5). */
enum author_status {
    AUTHOR_ONE,      /* exactly one distinct domain */
    AUTHOR_NONE,     /* no From field, an empty group, or an address without a domain name (an address literal) */
    AUTHOR_SEVERAL,  /* several distinct domains */
    AUTHOR_REPEATED, /* several From fields, or one hidden in another field behind a CR or LF that is no fold */
    AUTHOR_MALFORMED /* not RFC 5322 syntax, its domain is no domain name, or the header is incomplete (headers.overflow) */
};

struct author {
    enum author_status status;
    struct str domain;  /* normal form, when AUTHOR_ONE; else the first domain that could be read, or empty */
    struct str address; /* the first mailbox, local@domain as written without comments; for explanations only */
    size_t mailboxes;   /* how many were read */
    const char *reason; /* a literal that says what is wrong; NULL when AUTHOR_ONE */
};

/* Reads the From field(s) of a message. Everything points into the arena. Never fails: the status says what was found. */
void author_read(struct arena *a, const struct headers *h, struct author *out);

/* The same for one field value, for tests and explanations. */
void author_parse(struct arena *a, struct str value, struct author *out);

/* An envelope path as the mail servers hand it over: "<a@b>", "a@b", "<>", "" and, from Sendmail before 8.17.2, ESMTP arguments
 * behind it. Source routes go. `local` is empty with `domain` for "<>" ; domain is in normal form. False when the domain is no
 * domain name; then domain is empty and local holds the whole text. A path without "@" is local with an empty domain. */
bool path_parse(struct arena *a, struct str path, struct str *local, struct str *domain) __attribute__((warn_unused_result));

#endif
