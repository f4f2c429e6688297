/*
 * client_name.c - the names of a client: those its address has in the DNS, as far as they have the address too.
 *
 * Asked for from MAIL on, beside all else, and only when a list of the site has names of clients. With a meter of its own, so that
 * who rules the reverse zone cannot use up the questions of the checks.
 */
#include <string.h>

#include "mailseal/clock.h"
#include "mailseal/domain.h"
#include "mailseal/table.h"

#include "engine_int.h"

/* It owns copies of all it reads: it may outlive its message. */
struct name_task {
    struct dns *dns;
    struct ip client;
    struct client_names names;
};

static bool has_address(const struct dns_answer *answer, struct ip ip)
{
    size_t n = ip.family == 4 ? 4 : 16;
    for (size_t i = 0; i < answer->n; i++)
        if (answer->rr[i].n == n && memcmp(answer->rr[i].p, ip.b, n) == 0)
            return true;
    return false;
}

static void *find_names(void *input, struct arena *a)
{
    struct name_task *t = input;
    struct client_names *out = &t->names;
    struct dns_query *query[LIMIT_CLIENT_NAMES];
    struct str name[LIMIT_CLIENT_NAMES];
    struct dns_answer answer;
    int64_t deadline = clock_ms() + LIMIT_DNS_MESSAGE_MS;
    size_t n = 0;
    dns_ask(t->dns, ip_reverse_name(a, t->client), DNS_PTR, deadline, a, &answer);
    out->failed = answer.status == DNS_TEMPFAIL;
    for (size_t i = 0; i < answer.n && n < LIMIT_CLIENT_NAMES; i++)
        if (domain_normalise(a, answer.rr[i], &name[n])) {
            query[n] = dns_start(t->dns, name[n], t->client.family == 4 ? DNS_A : DNS_AAAA, deadline);
            n++;
        }
    for (size_t i = 0; i < n; i++) {
        dns_wait(query[i], a, &answer);
        if (answer.status == DNS_TEMPFAIL)
            out->failed = true;
        else if (has_address(&answer, t->client))
            out->name[out->n++] = name[i];
    }
    return t;
}

void client_names_start(struct msg *m)
{
    const struct table *list = m->conf->exempt_clients;
    if (list == NULL || m->client.family == 0 || !table_has_names(list))
        return;
    m->names_dns = record_meter(m, dns_meter_new(env_dns(m->env), LIMIT_DNS_CLIENT_QUERIES, INT64_MAX));
    m->names = future_new(env_pool(m->env));
    struct arena *a = future_arena(m->names);
    struct name_task *t = ARENA_NEW(a, struct name_task);
    t->dns = dns_meter_ref(m->names_dns);
    arena_defer(a, dns_meter_unref, t->dns);
    t->client = m->client;
    future_start(m->names, find_names, t);
}

const struct client_names *client_names_join(struct msg *m, int64_t deadline)
{
    static const struct client_names none = { .n = 0 }, late = { .failed = true };
    if (m->names == NULL)
        return &none;
    const struct name_task *t = future_join(m->names, deadline);
    m->outcome.dns_queries += dns_meter_count(m->names_dns);
    return t != NULL ? &t->names : &late;
}

void client_names_drop(struct msg *m)
{
    if (m->names_dns != NULL) {
        dns_meter_cancel(m->names_dns);
        dns_meter_unref(m->names_dns);
    }
    future_free(m->names);
}
