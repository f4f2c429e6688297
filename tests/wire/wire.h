/* wire.h - the mail server's end of the milter protocol, for tests: one connection, its packets, its replies as text. */
#ifndef TESTS_WIRE_H
#define TESTS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define WIRE_WAIT_S 20      /* for one reply: longer than the daemon needs when its name servers are silent */
#define WIRE_PACKET 2000000 /* bytes of a packet we build or take */
#define WIRE_CHUNK  65535   /* bytes of body in one packet */

#define STEP_NOUNKNOWN 0x00000100u
#define STEP_NODATA    0x00000200u
#define STEP_LEADSPC   0x00100000u

struct wire {
    int fd;         /* -1: not open */
    uint32_t steps; /* negotiated SMFIP_ bits */
    FILE *out;      /* where replies are written as text */
};

/* False when nobody listens there. */
bool wire_open(struct wire *w, const char *path);
void wire_close(struct wire *w);

/* One packet. A connection that the other side has closed swallows it: what follows shows that. */
void wire_send(struct wire *w, char command, const void *p, size_t n);
void wire_raw(struct wire *w, const void *p, size_t n);

/* Reads replies up to the one that ends a command, and writes them; "closed" or "nothing" when there is none. */
void wire_reply(struct wire *w);
/* The same if the command's reply was not waived in the negotiation. */
void wire_reply_to(struct wire *w, char command);

/* Option negotiation; 0 stands for what Postfix offers. */
void wire_negotiate(struct wire *w, uint32_t version, uint32_t actions, uint32_t steps);

#endif
