/*
 * signing.c - which keys sign a message of our own clients.
 *
 * For whom is signer.c's. While a table that knows this does not answer, or none of a domain's keys can be used, the message has to
 * wait: edits_make() fails. A signature
 * of ours that the message already bears, and that is valid, is not made again. The published key is asked for when the header is
 * complete and looked at when the message is: a key that the DNS does not have so is told to the log.
 */
#include <string.h>

#include "mailseal/base64.h"
#include "mailseal/clock.h"
#include "mailseal/domain.h"
#include "mailseal/json.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"

#include "engine_int.h"

#define PUBLISHED_MS 1000 /* mail of our own users waits no longer for the DNS, unless a key must be published */

static struct str *field_list(struct arena *a, const struct strings *names)
{
    struct str *fields = ARENA_ARRAY(a, struct str, names->n);
    for (size_t i = 0; i < names->n; i++)
        fields[i] = str_of(names->v[i]);
    return fields;
}

static bool is_checked(const struct msg *m, const struct privkey *key)
{
    const struct conf *c = m->conf;
    if (!m->self_check)
        return false;
    return c->sign_self_check == SELF_CHECK_ALWAYS || (c->sign_self_check == SELF_CHECK_RSA && privkey_type(key) == KEY_RSA);
}

/* Which fields are left to their fate. A list that the site has made is signed as it is. */
static void leave_out(struct msg *m, const struct sign_key *k, struct dkim_sign_params *p)
{
    struct str *names = ARENA_ARRAY(m->arena, struct str, FRAGILE_FIELDS);
    if (k->fields.n > 0)
        return;
    p->n_left_out = fragile_fields(m, k->header_canon, names);
    p->left_out = names;
}

static struct dkim_sign *start_signature(struct msg *m, const struct sign_key *k, const struct key_secret *secret)
{
    struct dkim_sign_params *p = ARENA_NEW(m->arena, struct dkim_sign_params);
    *p = (struct dkim_sign_params){ .domain = str_of(k->domain),
                                    .selector = str_of(k->selector),
                                    .identity = str_of(k->identity),
                                    .key = secret->key,
                                    .check = is_checked(m, secret->key) ? secret->public : NULL,
                                    .header_canon = k->header_canon,
                                    .body_canon = k->body_canon,
                                    .fields = k->fields.n > 0 ? field_list(m->arena, &k->fields) : NULL,
                                    .n_fields = k->fields.n,
                                    .oversign = k->oversign,
                                    .oversigned = field_list(m->arena, &k->oversign_headers),
                                    .n_oversigned = k->oversign ? k->oversign_headers.n : 0,
                                    .timestamp = m->now,
                                    .expires = k->expire_after > 0 ? m->now + k->expire_after : 0 };
    leave_out(m, k, p);
    return dkim_sign_start(m->arena, &m->headers, m->body, p, &m->outcome.sign_reason);
}

static struct dns_query *ask_published(struct msg *m, const struct sign_key *k)
{
    int64_t limit = m->conf->require_published_key ? LIMIT_DNS_LOOKUP_MS : PUBLISHED_MS;
    return dns_start(m->dns, str_printf(m->arena, "%s._domainkey.%s", k->selector, k->domain), DNS_TXT, clock_ms() + limit);
}

static void add_signature(struct msg *m, const struct sign_key *k, const struct key_secret *secret)
{
    if (!sign_algorithm_allowed(m->conf, str_of(k->domain), privkey_type(secret->key))) {
        m->outcome.sign_reason = "no key is of an algorithm that signs";
        return;
    }
    struct dkim_sign *s = start_signature(m, k, secret);
    if (s != NULL)
        m->sign[m->n_sign++] = (struct signature){ .how = k, .secret = secret, .sign = s, .published = ask_published(m, k) };
}

static bool signs_for(const struct msg *m, const char *domain)
{
    for (size_t i = 0; i < m->n_sign; i++)
        if (strcmp(m->sign[i].how->domain, domain) == 0)
            return true;
    return false;
}

/* A failure of ours costs time, not a signature that receivers insist on (DMARC), unless another of its domain is there. */
static void add_signatures(struct msg *m, const struct sign_key *const *keys, size_t n)
{
    const struct sign_key *unusable[LIMIT_SIGN_KEYS];
    size_t n_unusable = 0;
    for (size_t i = 0; i < n; i++) {
        const struct key_secret *secret = keyring_secret(m->conf->keyring, m->arena, keys[i]);
        if (secret != NULL)
            add_signature(m, keys[i], secret);
        else
            unusable[n_unusable++] = keys[i];
    }
    for (size_t i = 0; i < n_unusable; i++)
        m->must_wait = m->must_wait || !signs_for(m, unusable[i]->domain);
    if (!m->must_wait)
        return;
    m->outcome.sign_reason = "a key cannot be used";
    atomic_fetch_add(&env_sign_watch(m->env)->failed, 1);
}

/* ---- signatures that are there already ---- */

/* Most mail of our own clients has no such field at all. */
static bool may_bear_ours(struct msg *m)
{
    return m->n_sign > 0 && headers_count(&m->headers, STR("DKIM-Signature")) > 0;
}

/* They are verified with the public halves of the keys we would sign with, as if the DNS had those and nothing else: anybody can
 * write our d= and s= into a field, and that must not keep us from signing. */
static void start_own_verify(struct msg *m)
{
    const char *error;
    struct json *zone = js_object(m->arena);
    for (size_t i = 0; i < m->n_sign; i++) {
        const struct sign_key *k = m->sign[i].how;
        struct str name = str_printf(m->arena, "%s._domainkey.%s", k->selector, k->domain);
        struct json *list = js_add_array(js_add_object(zone, str_cstr(m->arena, name)), "TXT");
        js_add_text(list, NULL, dkim_key_record(m->arena, m->sign[i].secret->key));
    }
    m->own_dns = dns_snapshot_of_json(zone, &error);
    if (m->own_dns == NULL)
        BUG("our own zone: %s", error);
    m->own_verify = dkim_verify_start(m->arena, &m->headers, m->body, &m->conf->dkim, m->own_dns, m->now,
                                      clock_ms() + LIMIT_DNS_MESSAGE_MS, str_of(m->sign[0].how->domain));
}

static void leave_out_present(struct msg *m)
{
    struct dkim_result *results;
    size_t n = dkim_verify_finish(m->own_verify, &results);
    m->own_verify = NULL;
    for (size_t i = 0; i < m->n_sign; i++) {
        struct signature *s = &m->sign[i];
        for (size_t j = 0; j < n; j++) {
            bool same = str_eq(results[j].domain, str_of(s->how->domain)) && str_ieq(results[j].selector, str_of(s->how->selector));
            if (same && results[j].code == AUTH_PASS) {
                s->sign = NULL;
                m->outcome.sign_reason = "it bears a valid signature of ours";
            }
        }
    }
}

/* ---- the published key ---- */

static bool ends_with(struct str s, struct str tail)
{
    return s.n >= tail.n && str_eq(str_skip(s, s.n - tail.n), tail);
}

/* An RSA key may be published with or without its SubjectPublicKeyInfo (RFC 6376 3.6.1), which stands in front of it. */
static bool is_same_key(struct arena *a, struct str published, struct str own)
{
    struct str x, y;
    if (str_eq(published, own))
        return true;
    if (!base64_decode(a, published, &x) || !base64_decode(a, own, &y))
        return false;
    return x.n > 64 && y.n > 64 && (ends_with(x, y) || ends_with(y, x));
}

/* NULL: it is published, or the DNS cannot tell. */
static const char *publication_fault(struct arena *a, struct dns_query *q, const struct key_secret *secret)
{
    struct dns_answer answer;
    const char *fault = "it is not published";
    dns_wait(q, a, &answer);
    if (answer.status == DNS_TEMPFAIL)
        return NULL;
    for (size_t i = 0; answer.status == DNS_OK && i < answer.n; i++) {
        struct dkim_key key;
        const char *reason;
        if (!dkim_key_parse(a, answer.rr[i], &key, &reason))
            fault = reason;
        else if (is_same_key(a, key.p, secret->p))
            return NULL;
        else
            fault = "another key is published";
    }
    return fault;
}

static void look_at_published(struct msg *m, struct signature *s)
{
    const char *fault = publication_fault(m->arena, s->published, s->secret);
    bool required = m->conf->require_published_key;
    s->published = NULL;
    if (fault == NULL || s->sign == NULL)
        return;
    m->outcome.n_unpublished++;
    atomic_fetch_add(&env_sign_watch(m->env)->unpublished, 1);
    if (key_secret_may_warn(s->secret, m->now))
        log_warning("key '%s._domainkey.%s' %s: %s", s->how->selector, s->how->domain,
                    required ? "does not sign" : "signs all the same", fault);
    if (required) {
        s->sign = NULL;
        m->outcome.sign_reason = "the key is not published";
    }
}

/* ---- the door ---- */

/* Messages take turns, not signatures: of two keys that always sign together, each has to be checked now and then. */
static bool is_its_turn(struct msg *m)
{
    unsigned number = atomic_fetch_add(&env_sign_watch(m->env)->messages, 1);
    return number % (uint64_t)m->conf->sign_self_check_every == 0;
}

void signing_start(struct msg *m)
{
    const struct sign_key *keys[LIMIT_SIGN_KEYS];
    struct outcome *o = &m->outcome;
    struct signer signer;
    o->sign_reason = signer_find(m, &signer);
    if (o->sign_reason != NULL)
        return;
    m->dns = record_meter(m, dns_meter_new(env_dns(m->env), LIMIT_SIGN_KEYS, clock_ms() + LIMIT_DNS_MESSAGE_MS));
    size_t n = keyring_find(m->conf->keyring, m->arena, signer.local, signer.domain, keys);
    if (n == KEYRING_UNKNOWN) {
        m->must_wait = true;
        o->sign_reason = "the signing table or key directory does not answer";
        return;
    }
    if (n == 0)
        o->sign_reason =
            m->conf->sign_for == SIGN_FOR_FROM ? "no key signs for the author's domain" : "no key signs for the sender's domain";
    else
        m->self_check = is_its_turn(m);
    add_signatures(m, keys, n);
    if (may_bear_ours(m))
        start_own_verify(m);
}

void signing_join(struct msg *m)
{
    if (m->own_verify != NULL)
        leave_out_present(m);
    for (size_t i = 0; i < m->n_sign; i++)
        look_at_published(m, &m->sign[i]);
    if (m->dns != NULL)
        m->outcome.dns_queries = dns_meter_count(m->dns);
}

void signing_drop(struct msg *m)
{
    if (m->own_verify != NULL)
        dkim_verify_drop(m->own_verify);
    dns_free(m->own_dns);
    for (size_t i = 0; i < m->n_sign; i++)
        if (m->sign[i].published != NULL)
            dns_drop(m->sign[i].published);
}
