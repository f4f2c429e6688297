/*
 * transit.h - text that mail servers change on its way, so that a signature over it breaks (RFC 6376 5.3, RFC 5322 2.1.1).
 *
 * Nothing here changes a message or judges one: these functions say what is risky, so that a signer can leave a field out or warn.
 */
#ifndef MAILSEAL_TRANSIT_H
#define MAILSEAL_TRANSIT_H

#include "mailseal/str.h"

#define TRANSIT_LINE_MAX 998 /* RFC 5322 2.1.1: bytes of a line without its CRLF */

/* True when Sendmail delivers this value of an address field as it is: mailboxes with full domain names, a comma and white space
 * between them, no name that it would put into quotes. White space aside, unless `exact`: then every byte stays. Some values that
 * Sendmail leaves alone are not known here: "false" is the safe answer. */
bool address_list_is_tidy(struct str value, bool exact);

/* A text as it goes by. Begins as all zeros. */
struct text_scan {
    size_t line, longest; /* bytes of the line that has not ended; of the longest ended one above TRANSIT_LINE_MAX, or 0 */
    bool ends_in_cr;      /* the last byte seen */
    bool eight_bit, nul;  /* there is such a byte */
};
/* Bytes with CRLF line ends, cut anywhere. */
void text_scan_update(struct text_scan *s, const char *p, size_t n);
/* The length of the longest line above TRANSIT_LINE_MAX, one that did not end included; 0: there is none. */
size_t text_scan_longest(const struct text_scan *s);

#endif
