/* fuzz_dns_packet.c - any bytes as the reply to one question: what is taken of them keeps the promises of dns.h. */
#include <stdlib.h>

#include "mailseal/arena.h"
#include "mailseal/dns.h"

#include "milter/dns/dns_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_host(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || (s.p[i] >= 'A' && s.p[i] <= 'Z'))
            return false;
    return s.n <= LIMIT_DOMAIN;
}

static void check(enum dns_type type, const struct dns_answer *answer)
{
    size_t bytes = 0;
    if ((answer->status == DNS_OK) != (answer->n > 0) || (answer->status == DNS_TEMPFAIL) != (answer->reason != NULL))
        abort();
    if (answer->status != DNS_TEMPFAIL && (answer->ttl < LIMIT_DNS_TTL_MIN || answer->ttl > LIMIT_DNS_TTL_MAX))
        abort();
    for (size_t i = 0; i < answer->n; i++) {
        bytes += answer->rr[i].n;
        if ((type == DNS_A && answer->rr[i].n != 4) || (type == DNS_AAAA && answer->rr[i].n != 16))
            abort();
        if (type != DNS_A && type != DNS_AAAA && type != DNS_TXT && !is_host(answer->rr[i]))
            abort();
    }
    if (answer->n > LIMIT_DNS_RRS || bytes > LIMIT_DNS_TEXT)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (const struct name_code *t = dns_type_names; t->name != NULL; t++) {
        const struct dns_question q = { .name = STR("q.example"), .type = (enum dns_type)t->code, .id = 0x1234, .edns = true };
        struct arena *a = arena_new();
        struct dns_answer answer;
        enum dns_reply reply = dns_packet_read(a, &q, data, size, &answer);
        if (reply == DNS_REPLY_TAKEN || reply == DNS_REPLY_NEXT)
            check(q.type, &answer);
        arena_free(a);
    }
    return 0;
}
