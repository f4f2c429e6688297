/*
 * dns_packet.c - queries and replies as bytes (landlord of ldns).
 *
 * RFC 1035 4, RFC 2308 (negative answers), RFC 6604 (rcode and aliases), RFC 6891 (EDNS). ldns builds and parses; what it does not
 * check is checked here: that the reply belongs to the question, and that a record ends where its length says (ldns takes what is
 * left over for the next record). Records are parsed one by one, the additional section not at all: nothing in it is needed, and
 * ldns_wire2pkt() leaks a second TSIG record. Record data are read as raw bytes, never as presentation text, in which a label with
 * a dot or a NUL becomes another name. Who may be asked and believed is left to others.
 */
#include <stdbool.h> /* before ldns, which would make one of its own */
#include <string.h>

#include <ldns/ldns.h>

#include "mailseal/arena.h"
#include "mailseal/log.h"

#include "dns_int.h"

#define HEADER 12

static const struct name_code rcode_names[] = {
    { "FORMERR", LDNS_RCODE_FORMERR }, { "SERVFAIL", LDNS_RCODE_SERVFAIL }, { "NXDOMAIN", LDNS_RCODE_NXDOMAIN },
    { "NOTIMP", LDNS_RCODE_NOTIMPL },  { "REFUSED", LDNS_RCODE_REFUSED },   { NULL, 0 },
};

/* The name as labels; the bytes written. */
static size_t wire_of_name(struct str name, uint8_t out[DNS_WIRE_NAME])
{
    struct str label, rest = name;
    size_t n = 0;
    bool more = true;
    while (more) {
        more = str_cut(rest, '.', &label, &rest);
        out[n++] = (uint8_t)label.n;
        memcpy(out + n, label.p, label.n);
        n += label.n;
    }
    out[n++] = 0;
    return n;
}

/* The labels as a name: false when a label has bytes that would make it another name, or a name no host has, in text. */
static bool name_of_wire(struct arena *a, struct str wire, struct str *out)
{
    char *p = arena_alloc(a, wire.n);
    size_t n = 0;
    for (size_t i = 0, left; i < wire.n && wire.p[i] != 0; i += left + 1) {
        left = (unsigned char)wire.p[i];
        if (n > 0)
            p[n++] = '.';
        for (size_t j = 1; j <= left; j++) {
            char c = wire.p[i + j];
            if (c <= ' ' || c > '~' || c == '.')
                return false;
            p[n++] = char_lower(c);
        }
    }
    *out = (struct str){ p, n };
    return true;
}

static ldns_rdf *rdf_of_name(struct str name)
{
    uint8_t wire[DNS_WIRE_NAME];
    size_t n = wire_of_name(name, wire);
    return ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, n, wire);
}

size_t dns_packet_query(const struct dns_question *q, uint8_t out[DNS_QUERY_MAX])
{
    uint8_t *wire;
    size_t n;
    ldns_rdf *name = rdf_of_name(q->name);
    ldns_pkt *pkt = name != NULL ? ldns_pkt_query_new(name, (ldns_rr_type)q->type, LDNS_RR_CLASS_IN, LDNS_RD | LDNS_AD) : NULL;
    if (pkt == NULL)
        BUG("no query for '%.*s'", STR_FMT(q->name));
    ldns_pkt_set_id(pkt, q->id);
    if (q->edns)
        ldns_pkt_set_edns_udp_size(pkt, DNS_UDP_SIZE);
    if (ldns_pkt2wire(&wire, pkt, &n) != LDNS_STATUS_OK || n > DNS_QUERY_MAX)
        BUG("no packet for '%.*s'", STR_FMT(q->name));
    ldns_pkt_free(pkt);
    memcpy(out, wire, n);
    LDNS_FREE(wire);
    return n;
}

/* RFC 1035 4.1.1: QR, opcode and id; RFC 5452 9.1: and the question, which stands uncompressed behind the header. */
static bool is_reply_to(const struct dns_question *q, const uint8_t *p, size_t n)
{
    uint8_t wire[DNS_WIRE_NAME];
    size_t len = wire_of_name(q->name, wire);
    if (n < HEADER + len + 4 || p[0] != q->id >> 8 || p[1] != (q->id & 0xff) || (p[2] & 0xf8) != 0x80 || p[4] != 0 || p[5] != 1)
        return false;
    const uint8_t tail[4] = { 0, (uint8_t)q->type, 0, LDNS_RR_CLASS_IN };
    return str_ieq((struct str){ (const char *)p + HEADER, len }, (struct str){ (const char *)wire, len }) &&
           memcmp(p + HEADER + len, tail, sizeof(tail)) == 0;
}

/* One reply being read. */
struct reply {
    struct arena *a;
    const struct dns_question *q;
    const uint8_t *p;
    size_t size;
    ldns_rr_list *answer, *authority;
    struct dns_answer *out;
    struct str owner; /* where the chain of aliases ends, as labels */
    uint32_t ttl;     /* the smallest on the way */
    struct dns_record *rr;
    size_t n, bytes;
    bool found; /* there are records of the type, usable or not */
};

static enum dns_reply next(struct dns_answer *out, const char *reason)
{
    dns_fail(out, reason);
    return DNS_REPLY_NEXT;
}

static enum dns_reply over(struct dns_answer *out, const char *reason)
{
    dns_fail(out, reason);
    return DNS_REPLY_TAKEN;
}

static struct str bytes_of(const ldns_rdf *rdf)
{
    return (struct str){ (const char *)ldns_rdf_data(rdf), ldns_rdf_size(rdf) };
}

/* The i-th part of a record: false when it is not there or of another kind. */
static bool part_of(const ldns_rr *rr, size_t i, ldns_rdf_type kind, struct str *out)
{
    const ldns_rdf *rdf = i < ldns_rr_rd_count(rr) ? ldns_rr_rdf(rr, i) : NULL;
    if (rdf == NULL || ldns_rdf_get_type(rdf) != kind)
        return false;
    *out = bytes_of(rdf);
    return true;
}

/* Names are compared as labels: length octets are below the letters, so lowering does not touch them. */
static bool is_of(const ldns_rr *rr, struct str owner, unsigned type)
{
    return ldns_rr_get_type(rr) == (ldns_rr_type)type && ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN &&
           str_ieq(bytes_of(ldns_rr_owner(rr)), owner);
}

/* RFC 2181 8: a TTL with its highest bit set is 0. */
static void take_ttl(struct reply *r, uint32_t ttl)
{
    if (ttl > INT32_MAX)
        ttl = 0;
    if (ttl < r->ttl)
        r->ttl = ttl;
}

static const ldns_rr *alias_at(const ldns_rr_list *list, struct str owner)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++)
        if (is_of(ldns_rr_list_rr(list, i), owner, DNS_CNAME))
            return ldns_rr_list_rr(list, i);
    return NULL;
}

/* Follows the aliases in the answer to the name that owns what was asked for. False when there are too many: a loop is endless. */
static bool follow_aliases(struct reply *r)
{
    const ldns_rr *rr;
    for (unsigned step = 0; r->q->type != DNS_CNAME && (rr = alias_at(r->answer, r->owner)) != NULL; step++) {
        if (step == LIMIT_DNS_CNAMES || !part_of(rr, 0, LDNS_RDF_TYPE_DNAME, &r->owner))
            return false;
        r->out->alias = true;
        take_ttl(r, ldns_rr_ttl(rr));
    }
    return true;
}

/* RFC 7208 3.3, RFC 6376 3.6.2.2: the character-strings are joined without anything between them. */
static bool read_text(struct arena *a, const ldns_rr *rr, struct str *out)
{
    size_t n = 0, count = ldns_rr_rd_count(rr);
    struct str part;
    if (count == 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!part_of(rr, i, LDNS_RDF_TYPE_STR, &part) || part.n == 0)
            return false;
        n += part.n - 1;
    }
    char *p = arena_alloc(a, n);
    *out = (struct str){ p, n };
    for (size_t i = 0; i < count && part_of(rr, i, LDNS_RDF_TYPE_STR, &part); i++) {
        memcpy(p, part.p + 1, part.n - 1);
        p += part.n - 1;
    }
    return true;
}

static bool read_bytes(struct arena *a, const ldns_rr *rr, ldns_rdf_type kind, size_t n, struct str *out)
{
    struct str part;
    if (!part_of(rr, 0, kind, &part) || part.n != n)
        return false;
    *out = str_dup(a, part);
    return true;
}

/* False for a record that is not well formed. A host name that is none in text leaves *usable false: such a record is passed over.
 * */
static bool read_record(struct arena *a, const ldns_rr *rr, struct dns_record *out, bool *usable)
{
    struct str part;
    *usable = true;
    switch ((enum dns_type)ldns_rr_get_type(rr)) {
    case DNS_A:
        return read_bytes(a, rr, LDNS_RDF_TYPE_A, 4, &out->data);
    case DNS_AAAA:
        return read_bytes(a, rr, LDNS_RDF_TYPE_AAAA, 16, &out->data);
    case DNS_TXT:
        return read_text(a, rr, &out->data);
    case DNS_MX:
        if (!part_of(rr, 0, LDNS_RDF_TYPE_INT16, &part) || part.n != 2)
            return false;
        out->preference = (unsigned)(unsigned char)part.p[0] << 8 | (unsigned char)part.p[1];
        if (!part_of(rr, 1, LDNS_RDF_TYPE_DNAME, &part))
            return false;
        break;
    default: /* NS, CNAME, PTR, and SOA, of which the first name is kept */
        if (!part_of(rr, 0, LDNS_RDF_TYPE_DNAME, &part))
            return false;
    }
    *usable = name_of_wire(a, part, &out->data);
    return true;
}

/* NULL, or why the records cannot be taken; *final when every server would say so. Records of other owners are not looked at. */
static const char *collect(struct reply *r, bool *final)
{
    const ldns_rr_list *list = r->answer;
    r->rr = ARENA_ARRAY(r->a, struct dns_record, ldns_rr_list_rr_count(list));
    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);
        struct dns_record record = { 0 };
        bool usable;
        if (!is_of(rr, r->owner, r->q->type))
            continue;
        if (r->q->type == DNS_TXT && ldns_rr_rd_count(rr) > LIMIT_DNS_STRINGS) {
            *final = true;
            return "too many character-strings";
        }
        if (!read_record(r->a, rr, &record, &usable))
            return "malformed record";
        r->found = true;
        take_ttl(r, ldns_rr_ttl(rr));
        if (!usable)
            continue;
        r->rr[r->n++] = record;
        r->bytes += record.data.n;
        *final = r->n > LIMIT_DNS_RRS || r->bytes > LIMIT_DNS_TEXT;
        if (*final)
            return "too many records";
    }
    return NULL;
}

static const ldns_rr *authority_of(const struct reply *r, ldns_rr_type type)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(r->authority); i++)
        if (ldns_rr_get_type(ldns_rr_list_rr(r->authority, i)) == type)
            return ldns_rr_list_rr(r->authority, i);
    return NULL;
}

static uint32_t between(uint32_t ttl, uint32_t low, uint32_t high)
{
    return ttl < low ? low : ttl > high ? high : ttl;
}

/* RFC 2308 5: the smaller of the SOA's TTL and its minimum; without a SOA the answer is not to be kept. */
static uint32_t negative_ttl(struct reply *r)
{
    const ldns_rr *soa = authority_of(r, LDNS_RR_TYPE_SOA);
    struct str part;
    take_ttl(r, soa != NULL ? ldns_rr_ttl(soa) : 0);
    if (soa != NULL && part_of(soa, 6, LDNS_RDF_TYPE_PERIOD, &part) && part.n == 4)
        take_ttl(r, ldns_read_uint32(part.p));
    return between(r->ttl, LIMIT_DNS_TTL_MIN, LIMIT_DNS_NEGATIVE);
}

/* RFC 2308 2.2: an empty reply with NS records and no SOA is a referral; without recursion it says nothing unless it has authority.
 * */
static bool is_lame(const struct reply *r)
{
    bool authoritative = r->p[2] & 0x04, recursive = r->p[3] & 0x80;
    if (authoritative || authority_of(r, LDNS_RR_TYPE_SOA) != NULL)
        return false;
    return !recursive || authority_of(r, LDNS_RR_TYPE_NS) != NULL;
}

void dns_records_sort(struct dns_record *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct dns_record x = v[i];
        size_t j = i;
        for (; j > 0 && v[j - 1].preference > x.preference; j--)
            v[j] = v[j - 1];
        v[j] = x;
    }
}

static enum dns_reply take_records(struct reply *r)
{
    struct dns_answer *out = r->out;
    dns_records_sort(r->rr, r->n);
    out->rr = ARENA_ARRAY(r->a, struct str, r->n);
    out->n = r->n;
    for (size_t i = 0; i < r->n; i++)
        out->rr[i] = r->rr[i].data;
    out->status = r->n > 0 ? DNS_OK : DNS_NODATA;
    out->ttl = between(r->ttl, LIMIT_DNS_TTL_MIN, LIMIT_DNS_TTL_MAX);
    return DNS_REPLY_TAKEN;
}

/* What the records say, once they are parsed. */
static enum dns_reply read_answer(struct reply *r)
{
    uint8_t wire[DNS_WIRE_NAME];
    bool final = false, exists = (r->p[3] & 0x0f) == LDNS_RCODE_NOERROR;
    r->owner = (struct str){ (const char *)wire, wire_of_name(r->q->name, wire) };
    if (!follow_aliases(r))
        return over(r->out, "too many aliases");
    const char *fault = collect(r, &final);
    if (fault != NULL)
        return final ? over(r->out, fault) : next(r->out, fault);
    r->out->authentic = r->p[3] & 0x20;
    if (r->found)
        return exists ? take_records(r) : next(r->out, "malformed reply");
    if (exists && is_lame(r))
        return next(r->out, "lame server");
    /* RFC 6604 3: the rcode speaks of the last name of the chain. */
    r->out->status = exists ? DNS_NODATA : DNS_NXDOMAIN;
    r->out->ttl = negative_ttl(r);
    return DNS_REPLY_TAKEN;
}

/* Where the record that begins at `at` ends by its own account: beyond the message when it is not all there. */
static size_t end_of_record(const struct reply *r, size_t at)
{
    while (at < r->size && r->p[at] != 0 && r->p[at] <= LIMIT_LABEL)
        at += r->p[at] + 1u;
    at += at < r->size && r->p[at] != 0 ? 2 : 1; /* a pointer, or the root */
    return at + 10 > r->size ? SIZE_MAX : at + 10 + ((size_t)r->p[at + 8] << 8 | r->p[at + 9]);
}

/* The next `count` records of the message. */
static bool parse_section(const struct reply *r, size_t *at, unsigned count, ldns_pkt_section section, ldns_rr_list *list)
{
    for (unsigned i = 0; i < count; i++) {
        ldns_rr *rr;
        size_t end = end_of_record(r, *at);
        if (end > r->size || ldns_wire2rr(&rr, r->p, r->size, at, section) != LDNS_STATUS_OK)
            return false;
        ldns_rr_list_push_rr(list, rr);
        if (*at != end)
            return false;
    }
    return true;
}

static enum dns_reply read_message(struct reply *r)
{
    size_t at = HEADER + r->q->name.n + 2 + 4;
    bool parsed = parse_section(r, &at, ldns_read_uint16(r->p + 6), LDNS_SECTION_ANSWER, r->answer) &&
                  parse_section(r, &at, ldns_read_uint16(r->p + 8), LDNS_SECTION_AUTHORITY, r->authority);
    return parsed ? read_answer(r) : next(r->out, "malformed reply");
}

enum dns_reply dns_packet_read(struct arena *a, const struct dns_question *q, const uint8_t *p, size_t n, struct dns_answer *out)
{
    *out = (struct dns_answer){ .status = DNS_TEMPFAIL };
    if (!is_reply_to(q, p, n))
        return DNS_REPLY_FOREIGN;
    int rcode = p[3] & 0x0f;
    if (rcode == LDNS_RCODE_FORMERR && q->edns)
        return DNS_REPLY_NO_EDNS;
    if (rcode != LDNS_RCODE_NOERROR && rcode != LDNS_RCODE_NXDOMAIN)
        return next(out, rcode <= LDNS_RCODE_REFUSED ? name_of(rcode_names, rcode) : "unknown rcode");
    if (p[2] & 0x02)
        return DNS_REPLY_TRUNCATED;
    struct reply r = { .a = a, .q = q, .p = p, .size = n, .out = out, .ttl = LIMIT_DNS_TTL_MAX };
    r.answer = ldns_rr_list_new();
    r.authority = ldns_rr_list_new();
    enum dns_reply reply = read_message(&r);
    ldns_rr_list_deep_free(r.answer);
    ldns_rr_list_deep_free(r.authority);
    return reply;
}
