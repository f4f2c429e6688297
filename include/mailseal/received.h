/*
 * received.h - who handed a message to whom: Received fields (RFC 5321 4.4) as the mail servers write them.
 *
 * Postfix, Sendmail, OpenSMTPD: from HELO (NAME [IP]) by HOST; Exim: from NAME ([IP] helo=HELO), from [IP] (helo=HELO);
 * Exchange: from HELO (IP) by HOST (IP); qmail: from NAME (HELO HELO) (IP). A field says what the host that wrote it wants it to
 * say: whether that host is to be believed is for the caller to know.
 */
#ifndef MAILSEAL_RECEIVED_H
#define MAILSEAL_RECEIVED_H

#include "mailseal/ip.h"

struct received {
    /* Who handed the message over, as the receiving host saw it; never what the client said in HELO. Family 0 when the field does
     * not say, or says different things. */
    struct ip client;
    struct str helo; /* what the client called itself, else its name; as written, or empty */
    struct str by;   /* the host that wrote the field; as written, never empty */
    struct str with; /* the protocol; as written, or empty */
};

/* Reads the value of a Received field; the words are copied to the arena. False when it does not follow the form, or is longer than
 * LIMIT_RECEIVED: then nobody wrote it, or somebody tried to write another one into it. */
bool received_parse(struct arena *a, struct str value, struct received *out) __attribute__((warn_unused_result));

#endif
