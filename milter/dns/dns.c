/*
 * dns.c - the interface: normal names, deadlines, answers as blocks of memory.
 *
 * A maker sees only names that can exist, in lower case and without the final dot (RFC 1035 2.3.1, 2.3.4), and deadlines that end
 * within one lookup's time. What a name means is left to the callers.
 */
#include <stdlib.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/clock.h"
#include "mailseal/log.h"

#include "dns_int.h"

const struct name_code dns_type_names[] = {
    { "A", DNS_A },   { "NS", DNS_NS },   { "CNAME", DNS_CNAME }, { "SOA", DNS_SOA }, { "PTR", DNS_PTR },
    { "MX", DNS_MX }, { "TXT", DNS_TXT }, { "AAAA", DNS_AAAA },   { NULL, 0 },
};

const struct name_code dns_status_names[] = {
    { "OK", DNS_OK }, { "NODATA", DNS_NODATA }, { "NXDOMAIN", DNS_NXDOMAIN }, { "TEMPFAIL", DNS_TEMPFAIL }, { NULL, 0 },
};

void *dns_alloc(size_t n)
{
    void *p = calloc(1, n);
    if (p == NULL) {
        log_error("out of memory for %zu bytes", n);
        abort();
    }
    return p;
}

void dns_fail(struct dns_answer *out, const char *reason)
{
    *out = (struct dns_answer){ .status = DNS_TEMPFAIL, .reason = reason };
}

/* A block begins with the array of records; their bytes follow. */
size_t dns_answer_bytes(const struct dns_answer *in)
{
    size_t n = in->n * sizeof(*in->rr);
    for (size_t i = 0; i < in->n; i++)
        n += in->rr[i].n;
    return n;
}

void dns_answer_pack(void *block, const struct dns_answer *in, struct dns_answer *out)
{
    *out = *in;
    out->rr = NULL;
    if (in->n == 0)
        return;
    struct str *rr = block;
    char *p = (char *)(rr + in->n);
    for (size_t i = 0; i < in->n; i++) {
        rr[i] = (struct str){ p, in->rr[i].n };
        memcpy(p, in->rr[i].p, in->rr[i].n);
        p += in->rr[i].n;
    }
    out->rr = rr;
}

void dns_answer_copy(struct arena *a, const struct dns_answer *in, struct dns_answer *out)
{
    dns_answer_pack(in->n > 0 ? arena_alloc(a, dns_answer_bytes(in)) : NULL, in, out);
}

bool dns_name_normal(struct str name, char room[LIMIT_DOMAIN], struct str *out)
{
    size_t label = 0;
    if (name.n > 0 && name.p[name.n - 1] == '.')
        name.n--;
    /* RFC 1035 2.3.4: 255 octets on the wire are 253 characters of text. */
    if (name.n > LIMIT_DOMAIN)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        label = name.p[i] == '.' ? 0 : label + 1;
        if (label > LIMIT_LABEL || (label == 0 && (i == 0 || name.p[i - 1] == '.')))
            return false;
        room[i] = char_lower(name.p[i]);
    }
    *out = (struct str){ room, name.n };
    return label > 0;
}

void dns_cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(c, &attr);
    pthread_condattr_destroy(&attr);
}

bool dns_cond_wait(pthread_cond_t *c, pthread_mutex_t *lock, int64_t deadline)
{
    struct timespec at = { .tv_sec = (time_t)(deadline / 1000), .tv_nsec = (long)(deadline % 1000) * 1000000 };
    return deadline > 0 && pthread_cond_timedwait(c, lock, &at) == 0;
}

struct fixed {
    struct dns_query query;
    enum dns_status status;
    const char *reason;
};

static void fixed_wait(struct dns_query *q, struct arena *a, struct dns_answer *out)
{
    const struct fixed *f = (const struct fixed *)(const void *)q;
    (void)a;
    *out =
        (struct dns_answer){ .status = f->status, .reason = f->reason, .ttl = f->status == DNS_TEMPFAIL ? 0 : LIMIT_DNS_NEGATIVE };
    free(q);
}

static void fixed_drop(struct dns_query *q)
{
    free(q);
}

static const struct dns_ops fixed_ops = { .wait = fixed_wait, .drop = fixed_drop };

struct dns_query *dns_fixed(enum dns_status status, const char *reason)
{
    struct fixed *f = dns_alloc(sizeof(*f));
    f->query.ops = &fixed_ops;
    f->status = status;
    f->reason = reason;
    return &f->query;
}

struct dns_query *dns_start(struct dns *d, struct str name, enum dns_type type, int64_t deadline)
{
    char room[LIMIT_DOMAIN];
    struct str normal;
    int64_t last = clock_ms() + LIMIT_DNS_LOOKUP_MS;
    if (!dns_name_normal(name, room, &normal))
        return dns_fixed(DNS_NXDOMAIN, NULL);
    return d->ops->start(d, normal, type, deadline < last ? deadline : last);
}

void dns_wait(struct dns_query *q, struct arena *a, struct dns_answer *out)
{
    q->ops->wait(q, a, out);
}

void dns_drop(struct dns_query *q)
{
    q->ops->drop(q);
}

void dns_ask(struct dns *d, struct str name, enum dns_type type, int64_t deadline, struct arena *a, struct dns_answer *out)
{
    dns_wait(dns_start(d, name, type, deadline), a, out);
}

void dns_free(struct dns *d)
{
    if (d != NULL)
        d->ops->free(d);
}
