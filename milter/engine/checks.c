/*
 * checks.c - start all checks, join all checks.
 *
 * SPF needs only the envelope and is a chain of questions: each identity is a future of its own, from MAIL on; behind a relay of
 * ours from end of header on, when the client is known. Keys and the names of the DMARC walk are plain questions, asked together
 * at end of header. Whatever is still under way at end of message is
 * waited for until one deadline.
 */
#include "mailseal/clock.h"
#include "mailseal/domain.h"
#include "mailseal/limits.h"

#include "engine_int.h"

/* An SPF task owns copies of all it reads: it may outlive its message. */
struct spf_task {
    struct dns *dns;
    struct spf_input in;
    struct spf_result result;
};

static void *run_spf(void *input, struct arena *a)
{
    struct spf_task *t = input;
    /* RFC 7208 4.6.4: the time counts from here; a busy pool may have kept the task waiting. */
    spf_check(t->dns, &t->in, clock_ms() + LIMIT_DNS_MESSAGE_MS, a, &t->result);
    return t;
}

static struct future *start_spf(struct msg *m, enum spf_identity identity)
{
    struct future *f = future_new(env_pool(m->env));
    struct arena *a = future_arena(f);
    struct spf_task *t = ARENA_NEW(a, struct spf_task);
    t->dns = dns_meter_ref(m->spf_dns);
    arena_defer(a, dns_meter_unref, t->dns);
    t->in = (struct spf_input){ .client = m->client,
                                .helo = str_dup(a, m->helo),
                                .identity = identity,
                                .local = str_dup(a, m->local),
                                .domain = str_dup(a, m->domain),
                                .receiver = str_dup(a, str_of(m->conf->authserv_id)),
                                .now = m->now };
    future_start(f, run_spf, t);
    return f;
}

void checks_start_client(struct msg *m)
{
    client_names_start(m);
    m->spf_dns = record_meter(m, dns_meter_new(env_dns(m->env), LIMIT_DNS_SPF_QUERIES, INT64_MAX));
    m->spf = start_spf(m, SPF_MAILFROM);
    /* RFC 7208 2.4: for the null reverse-path the MAIL FROM identity already is HELO's. */
    if (m->local.n > 0 || m->domain.n > 0)
        m->helo_spf = start_spf(m, SPF_HELO);
}

static void start_verify(struct msg *m)
{
    int64_t deadline = clock_ms() + LIMIT_DNS_MESSAGE_MS;
    struct str author = m->outcome.author.status == AUTHOR_ONE ? m->outcome.author.domain : STR_NONE;
    unsigned queries = LIMIT_DNS_QUERIES - LIMIT_DNS_SPF_QUERIES - LIMIT_DNS_CLIENT_QUERIES;
    m->dns = record_meter(m, dns_meter_new(env_dns(m->env), queries, deadline));
    m->verify = dkim_verify_start(m->arena, &m->headers, m->body, &m->conf->dkim, m->dns, m->now, deadline, author);
    seal_start(m);
    m->arc = arc_verify_start(m->arena, &m->headers, m->body, &m->conf->dkim, m->dns, m->now, deadline);
    if (author.n > 0)
        m->dmarc = dmarc_start(m->arena, m->dns, author, deadline);
}

void checks_start(struct msg *m)
{
    author_read(m->arena, &m->headers, &m->outcome.author);
    m->body = dkim_body_new(m->arena);
    if (m->exempt_reason != NULL) {
        signing_start(m);
        return;
    }
    if (m->class == CLIENT_RELAY && client_behind_relays(m))
        checks_start_client(m);
    start_verify(m);
}

static void join_spf(struct msg *m, struct future *f, enum spf_identity identity, int64_t deadline, struct spf_result *out)
{
    const struct spf_task *t = future_join(f, deadline);
    if (t != NULL) {
        *out = t->result;
        return;
    }
    *out = (struct spf_result){ .code = AUTH_TEMPERROR,
                                .identity = identity,
                                .domain = identity == SPF_HELO || m->domain.n == 0 ? m->helo : m->domain,
                                .reason = "evaluation did not end in time" };
}

static void join_both(struct msg *m, int64_t deadline)
{
    struct outcome *o = &m->outcome;
    if (m->no_spf != NULL) {
        o->spf = (struct spf_result){ .identity = SPF_MAILFROM, .domain = m->domain, .reason = m->no_spf };
        o->helo = (struct spf_result){ .identity = SPF_HELO, .reason = m->no_spf };
        return;
    }
    join_spf(m, m->spf, SPF_MAILFROM, deadline, &o->spf);
    if (m->helo_spf != NULL)
        join_spf(m, m->helo_spf, SPF_HELO, deadline, &o->helo);
    else
        o->helo = o->spf;
    o->dns_queries += dns_meter_count(m->spf_dns);
}

static void join_dmarc(struct msg *m)
{
    struct outcome *o = &m->outcome;
    struct dmarc_identifier spf = { o->spf.domain, o->spf.code };
    struct dmarc_identifier *dkim = ARENA_ARRAY(m->arena, struct dmarc_identifier, o->n_dkim);
    size_t n = 0;
    for (size_t i = 0; i < o->n_dkim; i++)
        if (domain_is_valid(o->dkim[i].domain))
            dkim[n++] = (struct dmarc_identifier){ o->dkim[i].domain, o->dkim[i].code };
    dmarc_eval(m->dmarc, &o->author, domain_is_valid(spf.domain) ? &spf : NULL, dkim, n, m->arena, &o->dmarc);
    m->dmarc = NULL;
}

void checks_join(struct msg *m)
{
    struct outcome *o = &m->outcome;
    int64_t deadline = clock_ms() + LIMIT_DNS_MESSAGE_MS;
    if (m->exempt_reason != NULL) {
        signing_join(m);
        return;
    }
    o->n_dkim = dkim_verify_finish(m->verify, &o->dkim);
    m->verify = NULL;
    arc_verify_finish(m->arc, &o->arc);
    m->arc = NULL;
    join_both(m, deadline);
    m->client_names = client_names_join(m, deadline);
    join_dmarc(m);
    o->dns_queries += dns_meter_count(m->dns);
}

void checks_drop(struct msg *m)
{
    signing_drop(m);
    if (m->verify != NULL)
        dkim_verify_drop(m->verify);
    if (m->arc != NULL)
        arc_verify_drop(m->arc);
    if (m->dmarc != NULL)
        dmarc_drop(m->dmarc);
    if (m->dns != NULL)
        dns_meter_unref(m->dns);
    /* SPF may still be under way in a worker: its remaining questions end at once. */
    if (m->spf_dns != NULL) {
        dns_meter_cancel(m->spf_dns);
        dns_meter_unref(m->spf_dns);
    }
    future_free(m->spf);
    future_free(m->helo_spf);
    client_names_drop(m);
}
