/* dns_packet_test.c - replies written by hand, the good and the lying, and what is read of them. */
#include "mailseal/dns.h"
#include "mailseal/limits.h"

#include "milter/dns/dns_int.h"
#include "tests/dns/wire.h"

#define ID    0x1234
#define REPLY (WIRE_QR | WIRE_RD | WIRE_RA)

struct packet_row {
    const char *name;
    enum dns_type type;
    void (*build)(struct wire *w, enum dns_type type);
    enum dns_reply reply;
    enum dns_status status;
    const char *rr; /* records, each followed by '|' */
    uint32_t ttl;
    const char *reason;
};

static void begin(struct wire *w, unsigned flags, enum dns_type type)
{
    wire_begin(w, ID, flags, "q.example", type);
}

static void text(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    wire_text(w, NULL, 300, "v=spf1 -all");
}

static void upper_case(struct wire *w, enum dns_type type)
{
    wire_begin(w, ID, REPLY, "Q.EXAMPLE", type);
    wire_text(w, "q.EXAMPLE", 300, "x");
}

static void wrong_id(struct wire *w, enum dns_type type)
{
    text(w, type);
    w->p[1] ^= 1;
}

static void wrong_question(struct wire *w, enum dns_type type)
{
    wire_begin(w, ID, REPLY, "q.examples", type);
    wire_text(w, "q.example", 300, "x");
}

static void wrong_type(struct wire *w, enum dns_type type)
{
    (void)type;
    begin(w, REPLY, DNS_A);
}

static void wrong_class(struct wire *w, enum dns_type type)
{
    text(w, type);
    w->p[12 + 11 + 3] = 3;
}

static void no_question(struct wire *w, enum dns_type type)
{
    text(w, type);
    wire_set16(w, 4, 0);
}

static void two_questions(struct wire *w, enum dns_type type)
{
    text(w, type);
    wire_set16(w, 4, 2);
}

static void query(struct wire *w, enum dns_type type)
{
    begin(w, WIRE_RD, type);
}

static void notify(struct wire *w, enum dns_type type)
{
    begin(w, REPLY | 4 << 11, type);
}

static void header_only(struct wire *w, enum dns_type type)
{
    text(w, type);
    w->n = 12;
}

static void truncated(struct wire *w, enum dns_type type)
{
    begin(w, REPLY | WIRE_TC, type);
}

static void formerr(struct wire *w, enum dns_type type)
{
    begin(w, REPLY | 1, type);
}

static void servfail(struct wire *w, enum dns_type type)
{
    begin(w, REPLY | 2, type);
}

static void notimp(struct wire *w, enum dns_type type)
{
    begin(w, REPLY | 4, type);
}

static void refused(struct wire *w, enum dns_type type)
{
    begin(w, REPLY | 5, type);
}

static void odd_rcode(struct wire *w, enum dns_type type)
{
    begin(w, REPLY | 11, type);
}

static void nodata(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    wire_soa(w, 900, 600);
}

static void nxdomain(struct wire *w, enum dns_type type)
{
    begin(w, REPLY | 3, type);
    wire_soa(w, 300, 600);
}

static void nxdomain_long(struct wire *w, enum dns_type type)
{
    begin(w, REPLY | 3, type);
    wire_soa(w, 86400, 86400);
}

static void nxdomain_bare(struct wire *w, enum dns_type type)
{
    begin(w, REPLY | 3, type);
}

static void nxdomain_with_data(struct wire *w, enum dns_type type)
{
    begin(w, REPLY | 3, type);
    wire_text(w, NULL, 300, "x");
}

static void lame(struct wire *w, enum dns_type type)
{
    begin(w, WIRE_QR | WIRE_RD, type);
}

static void referral(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    size_t data = wire_record(w, WIRE_AUTHORITY, "example", DNS_NS, 300);
    wire_name(w, "ns.example");
    wire_end(w, data);
}

static void authoritative(struct wire *w, enum dns_type type)
{
    begin(w, WIRE_QR | WIRE_RD | WIRE_AA, type);
}

static void strings(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    wire_data(w, NULL, DNS_TXT, 300, "\003a\0\r\0\003\n\xff\"", 9);
}

static void empty_text(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    wire_text(w, NULL, 300, "");
}

static void no_string(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    wire_data(w, NULL, DNS_TXT, 300, "", 0);
}

static void string_past_data(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    wire_data(w, NULL, DNS_TXT, 300, "\012abc", 4);
    wire_text(w, NULL, 300, "behind it there is more");
}

static void data_past_end(struct wire *w, enum dns_type type)
{
    text(w, type);
    w->n -= 3;
}

static void missing_record(struct wire *w, enum dns_type type)
{
    text(w, type);
    wire_set16(w, WIRE_ANSWER, 2);
}

static void pointer_loop(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    size_t data = wire_record(w, WIRE_ANSWER, NULL, DNS_PTR, 300);
    wire_u16(w, 0xc000 | (unsigned)data);
    wire_end(w, data);
}

static void pointer_past_end(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    size_t data = wire_record(w, WIRE_ANSWER, NULL, DNS_PTR, 300);
    wire_u16(w, 0xfff0);
    wire_end(w, data);
}

static void many_labels(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    size_t data = wire_record(w, WIRE_ANSWER, NULL, DNS_PTR, 300);
    for (int i = 0; i < 128; i++)
        wire_bytes(w, "\1a", 2);
    wire_u8(w, 0);
    wire_end(w, data);
}

static void most_labels(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    size_t data = wire_record(w, WIRE_ANSWER, NULL, DNS_PTR, 300);
    for (int i = 0; i < 127; i++)
        wire_bytes(w, "\1a", 2);
    wire_u8(w, 0);
    wire_end(w, data);
}

static void odd_labels(struct wire *w, enum dns_type type)
{
    static const char *const labels[] = { "\3a.b", "\3a\0b", "\3a b", "\3a\xc3\xa4", "\3a\nb" };
    begin(w, REPLY, type);
    for (size_t i = 0; i < ROWS(labels); i++) {
        size_t data = wire_record(w, WIRE_ANSWER, NULL, DNS_PTR, 300);
        wire_bytes(w, labels[i], 4);
        wire_u8(w, 0);
        wire_end(w, data);
    }
    wire_host(w, NULL, DNS_PTR, 300, "Good\\Name.Example");
}

static void exchanges(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    wire_mx(w, 20, "c.example");
    wire_mx(w, 10, "a.example");
    wire_mx(w, 300, "d.example");
    wire_mx(w, 10, "b.example");
    wire_mx(w, 0, "");
}

static void short_exchange(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    wire_data(w, NULL, DNS_MX, 300, "\0\1", 2);
}

static void addresses(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    wire_data(w, NULL, DNS_A, 300, "ABCD", 4);
    wire_data(w, NULL, DNS_A, 200, "EFGH", 4);
    wire_data(w, NULL, DNS_AAAA, 10, "0123456789abcdef", 16);
}

static void long_address(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    wire_data(w, NULL, DNS_A, 300, "ABCDE", 5);
}

/* What is left over of a record's data looks like another record. */
static void hidden_record(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    size_t data = wire_record(w, WIRE_ANSWER, NULL, DNS_MX, 300);
    wire_bytes(w, "\0\1\1a\0", 5);
    wire_text(w, NULL, 300, "smuggled");
    wire_end(w, data);
}

static void alias(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    wire_text(w, "C.example", 300, "end"); /* out of order */
    wire_host(w, NULL, DNS_CNAME, 60, "b.example");
    wire_host(w, "b.example", DNS_CNAME, 100, "c.example");
    wire_text(w, "b.example", 300, "not this");
}

static void alias_to_nothing(struct wire *w, enum dns_type type)
{
    begin(w, REPLY | 3, type);
    wire_host(w, NULL, DNS_CNAME, 60, "b.example");
    wire_soa(w, 300, 300);
}

static void alias_of_eight(struct wire *w, enum dns_type type)
{
    char from[32], to[32] = "q.example";
    begin(w, REPLY, type);
    for (int i = 0; i < 8; i++) {
        memcpy(from, to, sizeof(from));
        snprintf(to, sizeof(to), "a%d.example", i);
        wire_host(w, from, DNS_CNAME, 300, to);
    }
    wire_text(w, to, 300, "deep");
}

static void alias_of_twenty(struct wire *w, enum dns_type type)
{
    char from[32], to[32] = "q.example";
    begin(w, REPLY, type);
    for (int i = 0; i < 20; i++) {
        memcpy(from, to, sizeof(from));
        snprintf(to, sizeof(to), "a%d.example", i);
        wire_host(w, from, DNS_CNAME, 300, to);
    }
    wire_text(w, to, 300, "too deep");
}

static void alias_of_itself(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    wire_host(w, NULL, DNS_CNAME, 300, "q.example");
    wire_text(w, NULL, 300, "x");
}

static void alias_of_two(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    wire_host(w, NULL, DNS_CNAME, 300, "b.example");
    wire_host(w, "b.example", DNS_CNAME, 300, "q.example");
}

static void others(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    wire_text(w, "victim.example", 300, "forged");
    wire_text(w, NULL, 300, "mine");
    wire_text(w, "sub.q.example", 300, "forged");
    size_t data = wire_record(w, WIRE_ADDITIONAL, NULL, DNS_TXT, 300);
    wire_bytes(w, "\6forged", 7);
    wire_end(w, data);
}

static void ttl_zero(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    wire_text(w, NULL, 0, "x");
}

static void ttl_top_bit(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    wire_text(w, NULL, 0x80000000u, "x");
}

static void ttl_huge(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    wire_text(w, NULL, 0x7fffffff, "x");
}

static void two_signatures(struct wire *w, enum dns_type type)
{
    text(w, type);
    for (int i = 0; i < 2; i++) {
        size_t data = wire_record(w, WIRE_ADDITIONAL, "", 250, 0);
        wire_bytes(w, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 17);
        wire_end(w, data);
    }
}

static void many_strings(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    size_t data = wire_record(w, WIRE_ANSWER, NULL, DNS_TXT, 300);
    for (int i = 0; i < 4000; i++)
        wire_bytes(w, "\1x", 2);
    wire_end(w, data);
}

static void too_many_records(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    for (int i = 0; i <= LIMIT_DNS_RRS; i++)
        wire_data(w, NULL, DNS_A, 300, "ABCD", 4);
}

/* Compression lets 300 records of 20 bytes be 75 kB of names. */
static void too_many_bytes(struct wire *w, enum dns_type type)
{
    begin(w, REPLY, type);
    size_t data = wire_record(w, WIRE_ANSWER, NULL, DNS_PTR, 300), name = w->n;
    for (int i = 0; i < 126; i++)
        wire_bytes(w, "\1a", 2);
    wire_u8(w, 0);
    wire_end(w, data);
    for (int i = 0; i < 300; i++) {
        data = wire_record(w, WIRE_ANSWER, NULL, DNS_PTR, 300);
        wire_u16(w, 0xc000 | (unsigned)name);
        wire_end(w, data);
    }
}

/* clang-format off */
static const struct packet_row packet_rows[] = {
    { "a reply", DNS_TXT, text, DNS_REPLY_TAKEN, DNS_OK, "v=spf1 -all|", 300, NULL },
    { "names compare without case", DNS_TXT, upper_case, DNS_REPLY_TAKEN, DNS_OK, "x|", 300, NULL },
    /* N04 */
    { "another id", DNS_TXT, wrong_id, DNS_REPLY_FOREIGN, 0, NULL, 0, NULL },
    { "another name", DNS_TXT, wrong_question, DNS_REPLY_FOREIGN, 0, NULL, 0, NULL },
    { "another type", DNS_TXT, wrong_type, DNS_REPLY_FOREIGN, 0, NULL, 0, NULL },
    { "another class", DNS_TXT, wrong_class, DNS_REPLY_FOREIGN, 0, NULL, 0, NULL },
    { "no question", DNS_TXT, no_question, DNS_REPLY_FOREIGN, 0, NULL, 0, NULL },
    { "two questions", DNS_TXT, two_questions, DNS_REPLY_FOREIGN, 0, NULL, 0, NULL },
    { "a query", DNS_TXT, query, DNS_REPLY_FOREIGN, 0, NULL, 0, NULL },
    { "another opcode", DNS_TXT, notify, DNS_REPLY_FOREIGN, 0, NULL, 0, NULL },
    { "header only", DNS_TXT, header_only, DNS_REPLY_FOREIGN, 0, NULL, 0, NULL },
    { "truncated", DNS_TXT, truncated, DNS_REPLY_TRUNCATED, 0, NULL, 0, NULL },
    /* N05 */
    { "records of others", DNS_TXT, others, DNS_REPLY_TAKEN, DNS_OK, "mine|", 300, NULL },
    /* N06 */
    { "pointer loop", DNS_PTR, pointer_loop, DNS_REPLY_NEXT, DNS_TEMPFAIL, "", 0, "malformed reply" },
    { "pointer past the end", DNS_PTR, pointer_past_end, DNS_REPLY_NEXT, DNS_TEMPFAIL, "", 0, "malformed reply" },
    { "128 labels", DNS_PTR, many_labels, DNS_REPLY_NEXT, DNS_TEMPFAIL, "", 0, "malformed reply" },
    /* N07 */
    { "data past the end", DNS_TXT, data_past_end, DNS_REPLY_NEXT, DNS_TEMPFAIL, "", 0, "malformed reply" },
    { "a record less than counted", DNS_TXT, missing_record, DNS_REPLY_NEXT, DNS_TEMPFAIL, "", 0, "malformed reply" },
    { "string past the data", DNS_TXT, string_past_data, DNS_REPLY_NEXT, DNS_TEMPFAIL, "", 0, "malformed reply" },
    { "no string", DNS_TXT, no_string, DNS_REPLY_NEXT, DNS_TEMPFAIL, "", 0, "malformed record" },
    { "an empty string", DNS_TXT, empty_text, DNS_REPLY_TAKEN, DNS_OK, "|", 300, NULL },
    { "short MX", DNS_MX, short_exchange, DNS_REPLY_NEXT, DNS_TEMPFAIL, "", 0, "malformed record" },
    { "records in the data of another", DNS_TXT, hidden_record, DNS_REPLY_NEXT, DNS_TEMPFAIL, "", 0, "malformed reply" },
    { "long address", DNS_A, long_address, DNS_REPLY_NEXT, DNS_TEMPFAIL, "", 0, "malformed reply" },
    /* N08 */
    { "4000 strings", DNS_TXT, many_strings, DNS_REPLY_TAKEN, DNS_TEMPFAIL, "", 0, "too many character-strings" },
    { "513 records", DNS_A, too_many_records, DNS_REPLY_TAKEN, DNS_TEMPFAIL, "", 0, "too many records" },
    { "75 kB of names", DNS_PTR, too_many_bytes, DNS_REPLY_TAKEN, DNS_TEMPFAIL, "", 0, "too many records" },
    /* N10 */
    /* D-14 */
    { "an alias", DNS_TXT, alias, DNS_REPLY_TAKEN, DNS_OK, "end|", 60, NULL },
    { "an alias asked for itself", DNS_CNAME, alias, DNS_REPLY_TAKEN, DNS_OK, "b.example|", 60, NULL },
    { "an alias to nothing", DNS_TXT, alias_to_nothing, DNS_REPLY_TAKEN, DNS_NXDOMAIN, "", 60, NULL },
    { "8 aliases", DNS_TXT, alias_of_eight, DNS_REPLY_TAKEN, DNS_OK, "deep|", 300, NULL },
    { "20 aliases", DNS_TXT, alias_of_twenty, DNS_REPLY_TAKEN, DNS_TEMPFAIL, "", 0, "too many aliases" },
    { "an alias of itself", DNS_TXT, alias_of_itself, DNS_REPLY_TAKEN, DNS_TEMPFAIL, "", 0, "too many aliases" },
    { "a loop of two", DNS_TXT, alias_of_two, DNS_REPLY_TAKEN, DNS_TEMPFAIL, "", 0, "too many aliases" },
    /* N11, N17 */
    { "SERVFAIL", DNS_TXT, servfail, DNS_REPLY_NEXT, DNS_TEMPFAIL, "", 0, "SERVFAIL" },
    { "REFUSED", DNS_TXT, refused, DNS_REPLY_NEXT, DNS_TEMPFAIL, "", 0, "REFUSED" },
    { "NOTIMP", DNS_TXT, notimp, DNS_REPLY_NEXT, DNS_TEMPFAIL, "", 0, "NOTIMP" },
    { "FORMERR", DNS_TXT, formerr, DNS_REPLY_NO_EDNS, 0, NULL, 0, NULL },
    { "an odd rcode", DNS_TXT, odd_rcode, DNS_REPLY_NEXT, DNS_TEMPFAIL, "", 0, "unknown rcode" },
    { "neither recursion nor authority", DNS_TXT, lame, DNS_REPLY_NEXT, DNS_TEMPFAIL, "", 0, "lame server" },
    { "a referral", DNS_TXT, referral, DNS_REPLY_NEXT, DNS_TEMPFAIL, "", 0, "lame server" },
    { "authority says no data", DNS_TXT, authoritative, DNS_REPLY_TAKEN, DNS_NODATA, "", 5, NULL },
    { "no data", DNS_TXT, nodata, DNS_REPLY_TAKEN, DNS_NODATA, "", 600, NULL },
    { "no name", DNS_TXT, nxdomain, DNS_REPLY_TAKEN, DNS_NXDOMAIN, "", 300, NULL },
    { "no name, but data", DNS_TXT, nxdomain_with_data, DNS_REPLY_NEXT, DNS_TEMPFAIL, "", 0, "malformed reply" },
    /* N12 */
    { "no name for a day", DNS_TXT, nxdomain_long, DNS_REPLY_TAKEN, DNS_NXDOMAIN, "", 3600, NULL },
    { "no name, no SOA", DNS_TXT, nxdomain_bare, DNS_REPLY_TAKEN, DNS_NXDOMAIN, "", 5, NULL },
    { "TTL 0", DNS_TXT, ttl_zero, DNS_REPLY_TAKEN, DNS_OK, "x|", 5, NULL },
    { "TTL 2^31", DNS_TXT, ttl_top_bit, DNS_REPLY_TAKEN, DNS_OK, "x|", 5, NULL },
    { "TTL 2^31-1", DNS_TXT, ttl_huge, DNS_REPLY_TAKEN, DNS_OK, "x|", 86400, NULL },
    { "names no host has", DNS_PTR, odd_labels, DNS_REPLY_TAKEN, DNS_OK, "good\\name.example|", 300, NULL },
    { "exchanges in order", DNS_MX, exchanges, DNS_REPLY_TAKEN, DNS_OK, "|a.example|b.example|c.example|d.example|", 300, NULL },
    { "addresses", DNS_A, addresses, DNS_REPLY_TAKEN, DNS_OK, "ABCD|EFGH|", 200, NULL },
    { "an IPv6 address", DNS_AAAA, addresses, DNS_REPLY_TAKEN, DNS_OK, "0123456789abcdef|", 10, NULL },
    { "two TSIG records", DNS_TXT, two_signatures, DNS_REPLY_TAKEN, DNS_OK, "v=spf1 -all|", 300, NULL },
};
/* clang-format on */

static enum dns_reply read_wire(struct arena *a, const struct wire *w, enum dns_type type, struct dns_answer *out)
{
    const struct dns_question q = { .name = STR("q.example"), .type = type, .id = ID, .edns = true };
    uint8_t *copy = malloc(w->n); /* of its own size, for the address sanitizer */
    memcpy(copy, w->p, w->n);
    enum dns_reply reply = dns_packet_read(a, &q, copy, w->n, out);
    free(copy);
    return reply;
}

static struct str joined(struct arena *a, const struct dns_answer *answer)
{
    struct str all = STR_NONE;
    for (size_t i = 0; i < answer->n; i++)
        all = str_printf(a, "%.*s%.*s|", STR_FMT(all), STR_FMT(answer->rr[i]));
    return all;
}

static void replies_are_read_or_refused(void **state)
{
    struct wire *w = malloc(sizeof(*w));
    (void)state;
    for (size_t i = 0; i < ROWS(packet_rows); i++) {
        const struct packet_row *r = &packet_rows[i];
        struct arena *a = arena_new();
        struct dns_answer answer;
        r->build(w, r->type);
        ROW_INT(r->name, read_wire(a, w, r->type, &answer), r->reply);
        if (r->rr != NULL) {
            ROW_INT(r->name, answer.status, r->status);
            ROW_STR(r->name, joined(a, &answer), str_of(r->rr));
            ROW_INT(r->name, answer.ttl, r->ttl);
            ROW_STR(r->name, str_of(answer.reason), str_of(r->reason));
        }
        arena_free(a);
    }
    free(w);
}

/* N09, D-11, DK-20, SP-13 */
static void bytes_of_strings_are_joined_as_they_are(void **state)
{
    struct arena *a = arena_new();
    struct wire *w = ARENA_NEW(a, struct wire);
    struct dns_answer answer;
    (void)state;
    strings(w, DNS_TXT);
    assert_int_equal(read_wire(a, w, DNS_TXT, &answer), DNS_REPLY_TAKEN);
    assert_int_equal(answer.n, 1);
    ROW_STR("strings", answer.rr[0], ((struct str){ "a\0\r\n\xff\"", 6 }));
    arena_free(a);
}

static void the_longest_name_is_253_characters(void **state)
{
    struct arena *a = arena_new();
    struct wire *w = ARENA_NEW(a, struct wire);
    struct dns_answer answer;
    (void)state;
    most_labels(w, DNS_PTR);
    assert_int_equal(read_wire(a, w, DNS_PTR, &answer), DNS_REPLY_TAKEN);
    assert_int_equal(answer.rr[0].n, LIMIT_DOMAIN);
    arena_free(a);
}

/* N08 */
static void a_reply_of_64_kb_is_read(void **state)
{
    struct arena *a = arena_new();
    struct wire *w = ARENA_NEW(a, struct wire);
    struct dns_answer answer;
    char part[256] = { (char)255 };
    (void)state;
    memset(part + 1, 'x', 255);
    begin(w, REPLY, DNS_TXT);
    size_t data = wire_record(w, WIRE_ANSWER, NULL, DNS_TXT, 300);
    for (int i = 0; i < 255; i++)
        wire_bytes(w, part, 256);
    wire_end(w, data);
    assert_int_equal(read_wire(a, w, DNS_TXT, &answer), DNS_REPLY_TAKEN);
    assert_int_equal(answer.rr[0].n, 255 * 255);
    begin(w, REPLY, DNS_TXT);
    for (int i = 0; i < 500; i++)
        wire_text(w, NULL, 300, "one of many");
    assert_int_equal(read_wire(a, w, DNS_TXT, &answer), DNS_REPLY_TAKEN);
    assert_int_equal(answer.n, 500);
    arena_free(a);
}

static void flags_are_those_of_the_reply(void **state)
{
    struct arena *a = arena_new();
    struct wire *w = ARENA_NEW(a, struct wire);
    struct dns_answer answer;
    (void)state;
    text(w, DNS_TXT);
    read_wire(a, w, DNS_TXT, &answer);
    assert_false(answer.authentic);
    assert_false(answer.alias);
    wire_set16(w, 2, REPLY | WIRE_AD);
    read_wire(a, w, DNS_TXT, &answer);
    assert_true(answer.authentic);
    alias_to_nothing(w, DNS_TXT);
    read_wire(a, w, DNS_TXT, &answer);
    assert_true(answer.alias);
    arena_free(a);
}

static void a_query_is_these_bytes(void **state)
{
    static const char with[] = "\x12\x34\x01\x20\0\1\0\0\0\0\0\1\1q\7example\0\0\x10\0\1\0\0\x29\x04\xd0\0\0\0\0\0";
    const struct dns_question q = { .name = STR("q.example"), .type = DNS_TXT, .id = ID, .edns = true };
    struct dns_question plain = q;
    uint8_t out[DNS_QUERY_MAX];
    (void)state;
    size_t n = dns_packet_query(&q, out);
    assert_int_equal(n, sizeof(with)); /* the NUL of the literal is the last byte of the OPT record */
    assert_memory_equal(out, with, n);
    plain.edns = false;
    assert_int_equal(dns_packet_query(&plain, out), n - 11);
    assert_int_equal(out[11], 0);
}

static void the_longest_name_can_be_asked_for(void **state)
{
    char name[LIMIT_DOMAIN], room[LIMIT_DOMAIN];
    struct dns_question q = { .type = DNS_TXT, .edns = true };
    uint8_t out[DNS_QUERY_MAX];
    (void)state;
    memset(name, 'a', sizeof(name));
    name[63] = name[127] = name[191] = '.';
    assert_true(dns_name_normal((struct str){ name, sizeof(name) }, room, &q.name));
    assert_int_equal(dns_packet_query(&q, out), 12 + 255 + 4 + 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_are_read_or_refused),        cmocka_unit_test(bytes_of_strings_are_joined_as_they_are),
        cmocka_unit_test(the_longest_name_is_253_characters), cmocka_unit_test(a_reply_of_64_kb_is_read),
        cmocka_unit_test(flags_are_those_of_the_reply),       cmocka_unit_test(a_query_is_these_bytes),
        cmocka_unit_test(the_longest_name_can_be_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
