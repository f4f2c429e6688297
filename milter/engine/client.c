/*
 * client.c - who is connecting: an outsider, a host of ours, or a relay of ours that passes on mail from outside.
 *
 * A relay is trusted to name, in its Received field, the host that it had the message from. So the fields are read from the top
 * as long as each names another relay or host of ours; the first outsider is who SPF and the policy are about. Where no such
 * client can be found SPF is not evaluated: a relay of ours must never fail the SPF of those whose mail it passes on.
 */
#include "mailseal/limits.h"
#include "mailseal/received.h"

#include "engine_int.h"

enum client_class client_class(const struct conf *conf, struct ip ip, bool local)
{
    if (local)
        return CLIENT_LOCAL;
    if (network_list_has(conf->relays.v, conf->relays.n, ip))
        return CLIENT_RELAY;
    return network_list_has(conf->internal.v, conf->internal.n, ip) ? CLIENT_INTERNAL : CLIENT_OUTSIDE;
}

const char *client_exemption(enum client_class class, bool authenticated)
{
    if (authenticated)
        return "authenticated";
    if (class == CLIENT_LOCAL)
        return "local submission";
    return class == CLIENT_INTERNAL ? "internal network" : NULL;
}

/* A relay that hands a message to itself, to a content filter for example, names its loopback address. */
static bool is_ours(const struct conf *conf, struct ip ip)
{
    static const struct network loopback[] = { { { 4, { 127 } }, 8 }, { { 6, { [15] = 1 } }, 128 } };
    return client_class(conf, ip, false) != CLIENT_OUTSIDE || network_list_has(loopback, 2, ip);
}

/* NULL with the hop, or why there is none. */
static const char *find_outside(struct msg *m, struct received *hop)
{
    for (size_t i = 0; i < LIMIT_RELAY_HOPS; i++) {
        const struct header *field = headers_get(&m->headers, STR("Received"), i);
        if (field == NULL)
            return "client is a trusted relay, no outside host in Received";
        if (!received_parse(m->arena, field->value, hop) || hop->client.family == 0)
            return "client is a trusted relay, a Received field names no client";
        if (!is_ours(m->conf, hop->client))
            return NULL;
    }
    return "client is a trusted relay, too many of ours in Received";
}

bool client_behind_relays(struct msg *m)
{
    struct received hop;
    if (!m->conf->relay_received)
        m->no_spf = "client is a trusted relay";
    else if (m->headers.overflow)
        m->no_spf = "client is a trusted relay, header beyond our limits";
    else
        m->no_spf = find_outside(m, &hop);
    if (m->no_spf != NULL)
        return false;
    m->client = hop.client;
    m->helo = str_first(hop.helo, LIMIT_ADDRESS);
    m->relayed = true;
    return true;
}
