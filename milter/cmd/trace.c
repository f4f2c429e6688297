/*
 * trace.c - how a message came, as its own trace fields have it (RFC 5321 4.4).
 *
 * Received fields are read from the top: those that a host of ours handed over are passed by, because then the next one was written
 * by a host of ours too. The first one with another client tells of the way in. Below it anything may be made up.
 */
#include <string.h>

#include "mailseal/cmd.h"
#include "mailseal/limits.h"
#include "mailseal/received.h"

#include "judge.h"

static bool is_ours(const struct conf *c, struct ip ip)
{
    return network_list_has(c->internal.v, c->internal.n, ip) || network_list_has(c->relays.v, c->relays.n, ip);
}

/* RFC 3848: ESMTPA, ESMTPSA, LMTPA, LMTPSA; RFC 6531: UTF8SMTPA, UTF8SMTPSA. */
static bool says_login(struct str with)
{
    return with.n > 5 && char_lower(with.p[with.n - 1]) == 'a';
}

static const char *missing(const struct headers *h, const char *what)
{
    return h->overflow ? "its header is too large to be read whole" : what;
}

static void take_client(struct arena *a, const struct headers *h, const struct conf *conf, struct trace *out)
{
    size_t number = 0;
    for (size_t i = 0; i < h->n; i++) {
        struct received r;
        if (!str_ieq(h->v[i].name, STR("Received")))
            continue;
        out->field = str_cstr(a, str_printf(a, "Received field number %zu", ++number));
        if (!received_parse(a, h->v[i].value, &r)) {
            out->client_error = str_cstr(a, str_printf(a, "%s cannot be read", out->field));
            return;
        }
        /* Handed on by a program of the host, not by a client. */
        if (r.client.family == 0 && r.helo.n == 0)
            continue;
        if (r.client.family == 0) {
            out->client_error = str_cstr(a, str_printf(a, "%s does not tell one address", out->field));
            return;
        }
        if (is_ours(conf, r.client) && !says_login(r.with))
            continue;
        out->client = r.client;
        out->helo = r.helo;
        out->authenticated = says_login(r.with);
        out->fields = i + 1;
        return;
    }
    out->client_error =
        missing(h, number == 0 ? "the message has no Received field" : "its Received fields name no host outside this site");
}

/* Sendmail, Courier and others leave the sender in a comment: "(envelope-from <a@b>)", "(envelope-from a@b)". */
static bool envelope_comment(struct arena *a, struct str value, struct str *sender)
{
    const struct str mark = STR("(envelope-from ");
    for (size_t i = 0; i + mark.n < value.n; i++) {
        if (!str_istarts(str_skip(value, i), mark))
            continue;
        struct str text = str_trim(str_skip(value, i + mark.n)), word, rest;
        if (!str_cut(text, ')', &word, &rest))
            return false;
        *sender = str_dup(a, str_trim(word));
        return true;
    }
    return false;
}

static void take_sender(struct arena *a, const struct headers *h, struct trace *out)
{
    const struct header *path = headers_get(h, STR("Return-Path"), 0);
    if (path != NULL) {
        out->sender = str_trim(path->value);
        out->sender_field = "Return-Path";
        return;
    }
    if (out->fields > 0 && envelope_comment(a, h->v[out->fields - 1].value, &out->sender))
        out->sender_field = out->field;
    else
        out->sender_error = missing(h, "the message has no Return-Path field");
}

void trace_read(struct arena *a, const struct headers *h, const struct conf *conf, struct trace *out)
{
    *out = (struct trace){ .client_error = NULL };
    take_client(a, h, conf, out);
    take_sender(a, h, out);
}
