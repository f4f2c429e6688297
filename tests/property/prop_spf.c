/*
 * prop_spf.c - P3: random records over a small DNS, random clients at and beside the edges of what is authorised, DNS failures and
 * records changed by one byte. SPF passes when the independent evaluator says so, and only then; and says the same in all other
 * cases the RFC settles (RFC 7208 4 to 6).
 */
#include "mailseal/clock.h"
#include "mailseal/spf.h"

#include "tests/property/property.h"

static const char *const hosts[] = { "h0.host.test", "h1.host.test", "h2.host.test", "h3.host.test" };
static const char *const domains[] = { "good.test", "s1.test", "s2.test", "s3.test" };
enum { HOSTS = 4, DOMAINS = 4 };

static struct str address4(struct trial *t)
{
    struct random *r = &t->random;
    return str_printf(t->arena, "%s.%u", RANDOM_OF(r, "192.0.2", "198.51.100", "10.1.2"),
                      random_to(r, 8) * (random_one_in(r, 2) ? 1 : 32));
}

static struct str address6(struct trial *t)
{
    struct random *r = &t->random;
    return str_printf(t->arena, "2001:db8:%s:%x", RANDOM_OF(r, "", "1:2:3:4:5", "8000:"), random_to(r, 8));
}

void gen_hosts(struct trial *t, struct zone *z)
{
    struct random *r = &t->random;
    for (size_t i = 0; i < HOSTS; i++) {
        for (unsigned n = random_to(r, 3); n > 0; n--)
            zone_add(z, str_of(hosts[i]), DNS_A, address4(t));
        for (unsigned n = random_to(r, 2); n > 0; n--)
            zone_add(z, str_of(hosts[i]), DNS_AAAA, address6(t));
    }
    for (size_t i = 0; i < DOMAINS; i++) {
        for (unsigned n = random_to(r, 3); n > 0; n--)
            zone_add(z, str_of(domains[i]), DNS_MX, str_of(hosts[random_to(r, HOSTS)]));
        if (random_one_in(r, 3))
            zone_add(z, str_of(domains[i]), DNS_A, address4(t));
    }
}

static void add_lengths(struct trial *t, struct buf *b)
{
    struct random *r = &t->random;
    if (random_one_in(r, 4))
        buf_printf(b, "/%u", random_one_in(r, 2) ? 24 + random_to(r, 9) : random_to(r, 33));
    if (random_one_in(r, 5))
        buf_printf(b, "//%u", random_one_in(r, 2) ? 96 + random_to(r, 33) : random_to(r, 129));
}

static void add_term(struct trial *t, struct buf *b, unsigned depth)
{
    struct random *r = &t->random;
    buf_puts(b, RANDOM_OF(r, "", "", "", "+", "-", "~", "?"));
    switch (random_to(r, 6)) {
    case 0:
        buf_printf(b, "ip4:%.*s", STR_FMT(address4(t)));
        if (random_one_in(r, 2))
            buf_printf(b, "/%u", 20 + random_to(r, 13));
        break;
    case 1:
        buf_printf(b, "ip6:%.*s", STR_FMT(address6(t)));
        if (random_one_in(r, 2))
            buf_printf(b, "/%u", random_one_in(r, 2) ? 112 + random_to(r, 17) : 16 + random_to(r, 80));
        break;
    case 2:
        buf_puts(b, RANDOM_OF(r, "a", "A", "mx", "Mx"));
        add_lengths(t, b);
        break;
    case 3:
        buf_printf(b, "%s:%s%s", RANDOM_OF(r, "a", "mx"), RANDOM_OF(r, "h0.host.test", "h1.host.test", "H2.Host.test", "s1.test"),
                   RANDOM_OF(r, "", "", "."));
        add_lengths(t, b);
        break;
    default:
        /* Deeper ones only: a loop is one more way to the limit of 10, and rare here. */
        buf_printf(b, "include:%s", domains[depth + 1 < DOMAINS && !random_one_in(r, 20) ? depth + 1 : random_to(r, DOMAINS)]);
    }
}

struct str gen_spf_record(struct trial *t, struct zone *z, unsigned depth, struct str name)
{
    struct random *r = &t->random;
    struct buf b;
    buf_init(&b, t->arena, ROOM);
    buf_puts(&b, RANDOM_OF(r, "v=spf1", "v=spf1", "V=SPF1"));
    for (unsigned n = random_to(r, 5); n > 0; n--) {
        buf_puts(&b, RANDOM_OF(r, " ", " ", "  "));
        add_term(t, &b, depth);
    }
    if (random_one_in(r, 8))
        buf_printf(&b, " redirect=%s", domains[depth + 1 < DOMAINS ? depth + 1 : random_to(r, DOMAINS)]);
    if (random_one_in(r, 10))
        buf_puts(&b, " note=x");
    buf_puts(&b, RANDOM_OF(r, " -all", " -all", " ~all", " ?all", "", " ", " -ALL"));
    if (random_one_in(r, 40))
        buf_puts(&b, " +all");
    if (z != NULL)
        zone_add(z, name, DNS_TXT, buf_view(&b));
    return buf_view(&b);
}

/* An address of the zone or of a record, or one beside it, or any. */
struct ip gen_client(struct trial *t, const struct zone *z)
{
    struct random *r = &t->random;
    struct ip ip = { 0 };
    struct str text = random_one_in(r, 3) ? address6(t) : address4(t);
    for (unsigned i = 0; i < 3 && z->n > 0; i++) {
        const struct zone_row *row = &z->row[random_to(r, z->n)];
        if ((row->type == DNS_A || row->type == DNS_AAAA) && !row->fails)
            text = row->data;
    }
    if (random_one_in(r, 10) && memchr(text.p, ':', text.n) == NULL)
        text = str_printf(t->arena, "::ffff:%.*s", STR_FMT(text));
    if (!ip_parse(text, &ip))
        abort();
    if (random_one_in(r, 3)) {
        unsigned bit = random_to(r, ip.family == 4 ? 32 : 128);
        ip.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    return ip;
}

static bool check(struct trial *t, struct zone *z, struct ip client)
{
    struct arena *a = arena_new();
    struct spf_input in = {
        .client = client, .helo = STR("good.test"), .local = STR("user"), .domain = STR("good.test"), .now = NOW
    };
    struct spf_result got;
    struct ref_spf ref = { .zone = z, .arena = a, .client = client };
    struct dns *dns = zone_dns(z);
    if (random_one_in(&t->random, 3))
        in.identity = SPF_HELO;
    else if (random_one_in(&t->random, 3))
        in.local = in.domain = STR_NONE;
    spf_check(dns, &in, clock_ms() + 20000, a, &got);
    enum auth_code want = ref_spf_check(&ref, STR("good.test"));
    bool fine = got.code == want || (ref.unsure && got.code != AUTH_PASS);
    t->mutations++;
    t->passes += got.code == AUTH_PASS;
    if (!fine)
        trial_violated(t, z->row[0].data, z, "client %.*s: %s (%s), but the reference says %s", STR_FMT(ip_text(a, client)),
                       auth_code_name(got.code), got.reason, auth_code_name(want));
    dns_free(dns);
    arena_free(a);
    return fine;
}

/* A copy with one byte of one TXT record changed, or with one type of one name failing. */
static void change(struct trial *t, const struct zone *z, struct zone *out)
{
    static const enum dns_type types[] = { DNS_TXT, DNS_MX, DNS_A, DNS_AAAA };
    struct random *r = &t->random;
    *out = *z;
    if (random_one_in(r, 3)) {
        const char *name = random_one_in(r, 2) ? domains[random_to(r, DOMAINS)] : hosts[random_to(r, HOSTS)];
        zone_fail(out, str_of(name), types[random_to(r, 4)]);
        return;
    }
    struct zone_row *row = &out->row[random_to(r, random_one_in(r, 2) ? 1 : DOMAINS)];
    if (row->type == DNS_TXT)
        row->data = random_mutation(r, t->arena, row->data, 0, row->data.n + 1);
}

bool property_spf(struct trial *t)
{
    struct zone z, changed;
    zone_init(&z, t->arena);
    for (unsigned i = 0; i < DOMAINS; i++)
        if (i == 0 || !random_one_in(&t->random, 6))
            gen_spf_record(t, &z, i, str_of(domains[i]));
    gen_hosts(t, &z);
    if (random_one_in(&t->random, 5))
        zone_add(&z, str_of(domains[random_to(&t->random, DOMAINS)]), DNS_TXT,
                 str_of(RANDOM_OF(&t->random, "v=spf10 +all", "other text", "v=spf1 +all", "v=spf1")));
    for (unsigned i = 0; i < 24; i++) {
        change(t, &z, &changed);
        if (!check(t, random_one_in(&t->random, 4) ? &z : &changed, gen_client(t, &z)))
            return false;
    }
    return true;
}
