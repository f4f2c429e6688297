/*
 * cmd_explain.c - `mailseal explain`: what is decided about a message, told to a person.
 *
 * A message that was delivered tells by itself how it came; what this side has put on top of it is taken off before it is judged.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mailseal/cmd.h"
#include "mailseal/engine.h"
#include "mailseal/json.h"

#include "explain_past.h"
#include "judge.h"

#define NAME "explain"

static void help(void)
{
    puts("usage: mailseal explain [OPTION...] MESSAGE|-\n"
         "       mailseal explain --id QUEUEID [--journal FILE] [-c FILE] [--json]\n"
         "\n"
         "Tells what the daemon would decide about a message, and why: what each check found, which rules were tried, what other\n"
         "profiles would do, and the DNS answers used. What is not given is taken from the message's own Received and Return-Path\n"
         "fields. With --id, why a message of the journal was treated as it was.\n");
    judge_options_help();
}

static void note(struct json *list, const char *what, struct str value, const char *from)
{
    struct json *o = js_add_object(list, NULL);
    js_add_text(o, "what", str_of(what));
    js_add_text(o, "value", value);
    js_add_text(o, "from", str_of(from));
}

/* What this side has put on top: the message is judged as it came. */
static void take_off(struct arena *a, struct headers *h, size_t fields)
{
    struct headers rest = { .v = ARENA_ARRAY(a, struct header, h->n), .n = h->n - fields, .overflow = h->overflow, .arena = a };
    for (size_t i = 0; i < rest.n; i++) {
        rest.v[i] = h->v[fields + i];
        rest.bytes += rest.v[i].raw.n;
    }
    rest.room = h->n;
    *h = rest;
}

static bool same(struct ip a, struct ip b)
{
    return ip_in(a, b, b.family == 4 ? 32 : 128);
}

static int take_client(const struct judge_options *o, struct arena *a, const struct trace *t, struct judge_input *in,
                       struct json *taken)
{
    if (o->client_ip != NULL) {
        if (!ip_parse(str_of(o->client_ip), &in->client))
            return cmd_usage_error(NAME, "'%s' is no IP address", o->client_ip);
        return -1;
    }
    if (t->client_error != NULL)
        return cmd_fail(NAME, "no address of the client: %s; give --client-ip", t->client_error);
    in->client = t->client;
    note(taken, "client address", ip_text(a, t->client), t->field);
    return -1;
}

static int take_missing(const struct judge_options *o, struct arena *a, const struct conf *conf, struct judge_input *in,
                        struct json *taken)
{
    struct trace t;
    trace_read(a, &in->headers, conf, &t);
    int code = take_client(o, a, &t, in, taken);
    if (code >= 0)
        return code;
    bool known = t.client_error == NULL && same(in->client, t.client);
    if (o->helo == NULL && (!known || t.helo.n == 0))
        return cmd_fail(NAME, "no HELO name in a Received field: give --helo");
    in->helo = o->helo != NULL ? str_of(o->helo) : t.helo;
    if (o->helo == NULL)
        note(taken, "HELO name", t.helo, t.field);
    if (o->mail_from == NULL && t.sender_error != NULL)
        return cmd_fail(NAME, "no envelope sender: %s; give --mail-from", t.sender_error);
    in->mail_from = o->mail_from != NULL ? str_of(o->mail_from) : t.sender;
    if (o->mail_from == NULL)
        note(taken, "envelope sender", t.sender, t.sender_field);
    in->auth_user = str_of(o->auth);
    in->authenticated = o->auth != NULL || (known && t.authenticated);
    if (o->auth == NULL && in->authenticated)
        note(taken, "login", STR("yes"), t.field);
    if (known)
        take_off(a, &in->headers, t.fields);
    return -1;
}

static bool print(const struct judge *j, struct arena *a, const struct json *taken)
{
    struct json *doc = outcome_json(a, j->outcome, j->conf);
    js_add_shared(doc, "taken", taken);
    cmd_add_profiles(doc, a);
    js_add_shared(doc, "dns", dns_record_json(j->recorder, a));
    if (j->options->json)
        return js_write(stdout, doc);
    explain_print(stdout, a, doc);
    return fflush(stdout) == 0 && ferror(stdout) == 0;
}

static int explain(const struct judge_options *o, struct arena *a)
{
    struct judge j;
    struct judge_input in = { .client = { 0 } };
    struct json *taken = js_array(a);
    if (!judge_open(&j, NAME, o, true))
        return 1;
    int code = judge_read(&j, a, &in) ? -1 : 1;
    if (code < 0 && in.headers.n == 0)
        code = cmd_fail(NAME, "'%s' is no message: it does not begin with a header field", o->file);
    if (code < 0)
        code = take_missing(o, a, j.conf, &in, taken);
    if (code >= 0) {
        judge_close(&j, false);
        return code;
    }
    judge_message(&j, &in);
    return judge_close(&j, print(&j, a, taken));
}

int cmd_explain(int argc, char **argv)
{
    if (explain_is_past(argc, argv))
        return explain_past(argc, argv);
    struct arena *a = arena_new();
    struct judge_options o;
    int code = judge_options_read(&o, a, NAME, help, argc, argv);
    if (code < 0)
        code = explain(&o, a);
    arena_free(a);
    return code;
}
