/*
 * batch.c - mailseal's opinion on many cases in one process: a JSON case on each line of stdin, a JSON value for each on stdout.
 *
 * {"kind": "spf" | "verify" | "sign" | "authres" | "tables", ..}: what a kind takes and gives is read off its function. Bytes that
 * need not be UTF-8 (messages, values of a field) come in base64.
 */
#include <stdio.h>
#include <stdlib.h>

#include "mailseal/address.h"
#include "mailseal/arena.h"
#include "mailseal/base64.h"
#include "mailseal/clock.h"
#include "mailseal/conf.h"
#include "mailseal/dkim.h"
#include "mailseal/domain.h"
#include "mailseal/json.h"
#include "mailseal/limits.h"
#include "mailseal/spf.h"

static _Noreturn void broken(const char *what)
{
    fprintf(stderr, "batch: %s\n", what);
    exit(2);
}

static struct str text(const struct json *c, const char *member)
{
    return js_text(js_member(c, member));
}

static struct str bytes(struct arena *a, const struct json *j)
{
    struct str out;
    if (!base64_decode(a, js_text(j), &out))
        broken("a value is not base64");
    return out;
}

static struct dns *zone(const struct json *c)
{
    const char *error = NULL;
    struct dns *dns = dns_snapshot_of_json(js_member(c, "dns"), &error);
    if (dns == NULL)
        broken(error);
    return dns;
}

/* What a command or the milter does with the envelope: a path that is none stays as text without a domain. */
static void do_spf(struct arena *a, const struct json *c, struct json *out)
{
    struct spf_input in = {
        .helo = text(c, "helo"), .receiver = text(c, "receiver"), .local = STR_NONE, .domain = STR_NONE, .now = clock_wall()
    };
    struct spf_result res;
    struct dns *dns = zone(c);
    if (!ip_parse(text(c, "ip"), &in.client))
        broken("the client's address cannot be read");
    if (!path_parse(a, str_printf(a, "<%.*s>", STR_FMT(text(c, "mail_from"))), &in.local, &in.domain))
        in.domain = STR_NONE;
    spf_check(dns, &in, clock_ms() + LIMIT_DNS_MESSAGE_MS, a, &res);
    dns_free(dns);
    js_add_text(out, "result", str_of(auth_code_name(res.code)));
    js_add_text(out, "explanation", res.explanation);
    js_add_text(out, "mechanism", res.mechanism);
    js_add_text(out, "reason", str_of(res.reason));
    js_add_integer(out, "terms", res.terms);
    js_add_integer(out, "voids", res.voids);
}

/* The body in pieces, as a mail server hands it over. */
static void feed(struct dkim_body *b, struct str body, int64_t piece)
{
    size_t n = piece > 0 ? (size_t)piece : body.n;
    for (; body.n > 0; body = str_skip(body, n))
        dkim_body_update(b, body.p, body.n < n ? body.n : n);
    dkim_body_finish(b);
}

static void do_verify(struct arena *a, const struct json *c, struct json *out)
{
    struct headers h;
    struct str body;
    struct dkim_result *r;
    struct dkim_params params = dkim_params_default;
    /* A refusal for policy is no opinion on the signature. */
    params.accept_unsigned_tail = true;
    headers_init(&h, a);
    headers_read(&h, bytes(a, js_member(c, "message")), &body);
    struct dns *dns = zone(c);
    struct dkim_body *b = dkim_body_new(a);
    struct dkim_verify *v = dkim_verify_start(a, &h, b, &params, dns, clock_wall(), clock_ms() + LIMIT_DNS_MESSAGE_MS, STR_NONE);
    feed(b, body, js_integer(js_member(c, "piece")));
    size_t n = dkim_verify_finish(v, &r);
    dns_free(dns);
    struct json *list = js_add_array(out, "signatures");
    for (size_t i = 0; i < n; i++) {
        struct json *one = js_add_object(list, NULL);
        js_add_text(one, "result", str_of(auth_code_name(r[i].code)));
        js_add_text(one, "reason", str_of(r[i].reason));
    }
}

static enum dkim_canon canon(const struct json *c, const char *member)
{
    return str_eq(text(c, member), STR("relaxed")) ? DKIM_CANON_RELAXED : DKIM_CANON_SIMPLE;
}

static bool sign(struct arena *a, const struct json *c, struct dkim_sign_params *p, struct str *value, const char **reason)
{
    struct headers h;
    struct str body;
    const struct json *names = js_member(c, "fields");
    struct str *fields = ARENA_ARRAY(a, struct str, js_count(names));
    for (size_t i = 0; i < js_count(names); i++)
        fields[i] = js_text(js_item(names, i));
    p->fields = js_kind(names) == JS_ARRAY ? fields : NULL;
    p->n_fields = js_count(names);
    headers_init(&h, a);
    headers_read(&h, bytes(a, js_member(c, "message")), &body);
    struct dkim_body *b = dkim_body_new(a);
    struct dkim_sign *s = dkim_sign_start(a, &h, b, p, reason);
    if (s == NULL)
        return false;
    feed(b, body, js_integer(js_member(c, "piece")));
    return dkim_sign_finish(s, value, reason);
}

static void do_sign(struct arena *a, const struct json *c, struct json *out)
{
    struct str value;
    const char *reason = NULL;
    struct privkey *key = privkey_parse(text(c, "key"), &reason);
    if (key == NULL)
        broken(reason);
    struct dkim_sign_params p = { .domain = text(c, "domain"),
                                  .selector = text(c, "selector"),
                                  .identity = text(c, "identity"),
                                  .key = key,
                                  .header_canon = canon(c, "header_canon"),
                                  .body_canon = canon(c, "body_canon"),
                                  .oversign = js_truth(js_member(c, "oversign")),
                                  .length = js_truth(js_member(c, "length")),
                                  .timestamp = js_integer(js_member(c, "timestamp")) };
    if (sign(a, c, &p, &value, &reason))
        js_add_text(out, "value", value);
    else
        js_add_text(out, "refused", str_of(reason));
    privkey_free(key);
}

static void add_result(struct arena *a, struct authres_writer *w, const struct json *r)
{
    const struct json *props = js_member(r, "props");
    int code = code_of(auth_code_names, text(r, "code"));
    authres_add(w, str_cstr(a, text(r, "method")), code >= 0 ? (enum auth_code)code : AUTH_NONE);
    if (js_kind(js_member(r, "comment")) == JS_TEXT)
        authres_comment(w, bytes(a, js_member(r, "comment")));
    if (js_kind(js_member(r, "reason")) == JS_TEXT)
        authres_reason(w, bytes(a, js_member(r, "reason")));
    for (size_t i = 0; i < js_count(props); i++) {
        const struct json *prop = js_item(props, i);
        authres_prop(w, str_cstr(a, js_text(js_item(prop, 0))), str_cstr(a, js_text(js_item(prop, 1))), bytes(a, js_item(prop, 2)));
    }
}

static void do_authres(struct arena *a, const struct json *c, struct json *out)
{
    struct authres_writer w;
    const struct json *results = js_member(c, "results");
    authres_begin(&w, a, text(c, "id"));
    for (size_t i = 0; i < js_count(results); i++)
        add_result(a, &w, js_item(results, i));
    js_add_text(out, "value", authres_end(&w));
}

/* Which keys of a configuration sign for each author: "DOMAIN SELECTOR IDENTITY FILE". */
static void do_tables(struct arena *a, const struct json *c, struct json *out)
{
    char *error;
    const struct sign_key *keys[LIMIT_SIGN_KEYS];
    struct str local, domain, normal;
    struct conf *conf = conf_read(str_cstr(a, text(c, "conf")), 0, &error);
    if (conf == NULL)
        broken(error);
    const struct json *authors = js_member(c, "authors");
    struct json *signers = js_add_array(out, "signers");
    for (size_t i = 0; i < js_count(authors); i++) {
        struct json *of = js_add_array(signers, NULL);
        if (!str_rcut(js_text(js_item(authors, i)), '@', &local, &domain) || !domain_normalise(a, domain, &normal))
            broken("an author has no domain");
        size_t n = keyring_find(conf->keyring, a, local, normal, keys);
        for (size_t j = 0; j < n; j++)
            js_add_text(of, NULL,
                        str_printf(a, "%s %s %s %s", keys[j]->domain, keys[j]->selector, keys[j]->identity, keys[j]->key_file));
    }
    conf_unref(conf);
}

static const struct {
    const char *kind;
    void (*run)(struct arena *a, const struct json *c, struct json *out);
} kinds[] = { { "spf", do_spf }, { "verify", do_verify }, { "sign", do_sign }, { "authres", do_authres }, { "tables", do_tables } };

static void run(struct str line)
{
    struct arena *a = arena_new();
    const char *error = NULL;
    const struct json *c = js_read(a, line, &error);
    size_t k = 0;
    while (k < sizeof(kinds) / sizeof(kinds[0]) && !str_eq(text(c, "kind"), str_of(kinds[k].kind)))
        k++;
    if (c == NULL || k == sizeof(kinds) / sizeof(kinds[0]))
        broken(c == NULL ? error : "unknown kind of case");
    struct json *out = js_object(a);
    clock_fix(js_integer(js_member(c, "now")));
    kinds[k].run(a, c, out);
    if (!js_write(stdout, out))
        broken("cannot write");
    arena_free(a);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    while ((n = getline(&line, &room, stdin)) > 0)
        run((struct str){ line, (size_t)n });
    free(line);
    return fflush(stdout) == 0 ? 0 : 2;
}
