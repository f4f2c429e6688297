/*
 * fuzz_spf_record.c - SPF records, parsed and evaluated in a DNS where every name has the record.
 *
 * First line of the input: the record; second: the local part of the sender; third: the HELO name. All questions succeed, so that
 * include and redirect nest until a limit stops them; the number of questions is asserted.
 */
#include <stdlib.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/clock.h"
#include "mailseal/limits.h"
#include "mailseal/spf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* First questions of 10 terms, as many sent ahead; addresses of 10 exchanges for each term, of 10 names; record, explanation. */
#define MOST_QUESTIONS (2 * LIMIT_SPF_TERMS + LIMIT_SPF_TERMS * LIMIT_SPF_MX + LIMIT_SPF_PTR + 3)

struct mirror {
    struct dns dns;
    struct str record;
    unsigned questions, open;
};

struct mirror_query {
    struct dns_query query;
    struct mirror *mirror;
    enum dns_type type;
};

static void mirror_drop(struct dns_query *q)
{
    struct mirror_query *m = (struct mirror_query *)(void *)q;
    m->mirror->open--;
    free(m);
}

static void mirror_wait(struct dns_query *q, struct arena *a, struct dns_answer *out)
{
    static const uint8_t address[16] = { 192, 0, 2, 1 };
    const struct mirror_query *m = (struct mirror_query *)(void *)q;
    *out = (struct dns_answer){ .status = DNS_OK, .n = 1, .rr = ARENA_NEW(a, struct str) };
    if (m->type == DNS_TXT)
        out->rr[0] = m->mirror->record;
    else if (m->type == DNS_A || m->type == DNS_AAAA)
        out->rr[0] = (struct str){ (const char *)address, m->type == DNS_A ? 4 : 16 };
    else
        out->rr[0] = STR("host.example");
    mirror_drop(q);
}

static struct dns_query *mirror_start(struct dns *self, struct str name, enum dns_type type, int64_t deadline)
{
    struct mirror_query *m = calloc(1, sizeof(*m));
    (void)deadline;
    if (m == NULL || name.n == 0 || name.n > LIMIT_DOMAIN)
        abort();
    m->mirror = (struct mirror *)(void *)self;
    m->mirror->questions++;
    m->mirror->open++;
    m->query.ops = self->ops;
    m->type = type;
    return &m->query;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dns_ops ops = { .start = mirror_start, .wait = mirror_wait, .drop = mirror_drop };
    struct arena *a = arena_new();
    struct mirror mirror = { .dns = { .ops = &ops } };
    struct spf_input in = { .domain = STR("sender.example"), .receiver = STR("here.example") };
    struct spf_result r;
    struct str rest = { (const char *)data, size };
    (void)str_cut(rest, '\n', &mirror.record, &rest);
    (void)str_cut(rest, '\n', &in.local, &in.helo);
    in.client = (struct ip){ .family = size % 2 == 0 ? 4 : 6, .b = { 198, 51, 100, (uint8_t)size } };
    spf_check(&mirror.dns, &in, clock_ms() + LIMIT_DNS_MESSAGE_MS, a, &r);
    bool bounded = r.terms <= LIMIT_SPF_TERMS && r.voids <= LIMIT_SPF_VOID + 1 && r.explanation.n <= LIMIT_SPF_EXPLANATION;
    if (mirror.questions > MOST_QUESTIONS || mirror.open != 0 || !bounded || r.reason == NULL)
        abort();
    for (size_t i = 0; i < r.explanation.n + r.mechanism.n; i++) {
        char c = i < r.explanation.n ? r.explanation.p[i] : r.mechanism.p[i - r.explanation.n];
        if (c < ' ' || c > '~')
            abort();
    }
    arena_free(a);
    return 0;
}
