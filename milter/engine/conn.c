/* conn.c - a connection: who is connecting, and what it calls itself. Messages copy what they need of it. */
#include <stdlib.h>
#include <string.h>

#include "mailseal/log.h"

#include "engine_int.h"

struct conn *conn_new(struct env *e, struct ip client)
{
    struct conn *c = calloc(1, sizeof(*c));
    if (c == NULL)
        BUG("out of memory for a connection");
    c->env = e;
    c->ip = client;
    return c;
}

void conn_helo(struct conn *c, struct str helo)
{
    c->helo_n = helo.n < sizeof(c->helo) ? helo.n : sizeof(c->helo);
    memcpy(c->helo, helo.p, c->helo_n);
}

void conn_free(struct conn *c)
{
    free(c);
}
