/*
 * prop_dmarc.c - P4: random names in a small tree, random records at them and above, random identifiers; one byte of a record
 * changed, or one lookup failing. DMARC passes when the model of RFC 9989 says so, and only then; and says the same otherwise.
 */
#include "mailseal/clock.h"
#include "mailseal/dmarc.h"

#include "tests/property/property.h"

static const char *const tops[] = {
    "test",      "good.test", "b.good.test", "a.b.good.test", "evil.test", "d.c.b.a.b.good.test", "a.b.c.d.c.b.a.b.good.test",
    "xgood.test"
};
enum { TOPS = 8 };

static struct str gen_name(struct trial *t)
{
    struct random *r = &t->random;
    struct str name = str_of(tops[random_to(r, random_one_in(r, 3) ? TOPS : 4)]);
    for (unsigned n = random_to(r, random_one_in(r, 6) ? 7 : 2); n > 0; n--)
        name = str_printf(t->arena, "%s.%.*s", RANDOM_OF(r, "a", "b", "c"), STR_FMT(name));
    return name;
}

/* The name itself or one above it. */
static struct str gen_above(struct trial *t, struct str name)
{
    struct str label, rest;
    for (unsigned n = random_to(&t->random, 9); n > 0 && str_cut(name, '.', &label, &rest); n--)
        name = rest;
    return name;
}

struct str gen_dmarc_record(struct trial *t)
{
    struct random *r = &t->random;
    struct buf b;
    buf_init(&b, t->arena, ROOM);
    buf_puts(&b, RANDOM_OF(r, "v=DMARC1", "v=DMARC1", "v=DMARC1", "V = DMARC1", " v=DMARC1", "v=DMARC1 "));
    if (random_one_in(r, 25))
        buf_puts(&b, RANDOM_OF(r, "1", "x", ";;", ";x"));
    buf_puts(&b, RANDOM_OF(r, "; p=reject", ";p=reject", "; p=none", ";P=Quarantine", "; p=reject", "", "; p=rejct", "; p="));
    buf_puts(&b, RANDOM_OF(r, "", "", ";sp=none", "; sp=reject", " ;sp=quarantine", "", "", ";sp=x"));
    buf_puts(&b, RANDOM_OF(r, "", "", "", ";np=reject", "; np=none", ";np=", "", ""));
    buf_puts(&b, RANDOM_OF(r, "", "", "; adkim=s", ";adkim=r", "; ADKIM=S", ";adkim=q"));
    buf_puts(&b, RANDOM_OF(r, "", "", "; aspf=s", ";aspf=R", "; aspf=ss"));
    buf_puts(&b, RANDOM_OF(r, "", "", "", "; psd=y", ";psd=n", ";psd=u", "; psd=N", ";psd=yes"));
    buf_puts(&b, RANDOM_OF(r, "", "", ";t=y", ";t=n", ";pct=0"));
    buf_puts(&b, RANDOM_OF(r, "", "", "; rua=mailto:d@good.test", ";rua=", ";", "; "));
    return buf_view(&b);
}

enum { IDS = 3 };
struct dmarc_case {
    struct str author;
    struct ref_id id[IDS];
    size_t n;
};

static void gen_ids(struct trial *t, struct dmarc_case *c)
{
    static const enum auth_code codes[] = { AUTH_PASS, AUTH_PASS,    AUTH_PASS,      AUTH_FAIL,      AUTH_SOFTFAIL,
                                            AUTH_NONE, AUTH_NEUTRAL, AUTH_TEMPERROR, AUTH_PERMERROR, AUTH_POLICY };
    struct random *r = &t->random;
    c->n = random_to(r, IDS + 1);
    for (size_t i = 0; i < c->n; i++) {
        c->id[i].domain = random_one_in(r, 3) ? gen_above(t, c->author) : gen_name(t);
        c->id[i].code = codes[random_to(r, sizeof(codes) / sizeof(codes[0]))];
        c->id[i].spf = i == 0 && random_one_in(r, 2);
    }
}

static void evaluate(struct arena *a, const struct dmarc_case *c, struct dns *dns, struct dmarc_result *out)
{
    struct author author;
    struct dmarc_identifier spf = { .domain = STR_NONE }, dkim[IDS];
    size_t n = 0;
    bool has_spf = c->n > 0 && c->id[0].spf;
    int64_t deadline = clock_ms() + 20000;
    author_parse(a, str_printf(a, " u@%.*s", STR_FMT(c->author)), &author);
    for (size_t i = 0; i < c->n; i++) {
        struct dmarc_identifier id = { c->id[i].domain, c->id[i].code };
        *(c->id[i].spf ? &spf : &dkim[n++]) = id;
    }
    dmarc_eval(dmarc_start(a, dns, c->author, deadline), &author, has_spf ? &spf : NULL, dkim, n, a, out);
}

static bool check(struct trial *t, const struct dmarc_case *c, struct zone *z)
{
    struct arena *a = arena_new();
    struct dmarc_result got;
    struct ref_dmarc ref;
    struct buf b;
    struct dns *dns = zone_dns(z);
    evaluate(a, c, dns, &got);
    ref_dmarc_eval(z, a, c->author, c->id, c->n, &ref);
    bool fine = got.code == ref.code || (got.code == ref.other && got.code != AUTH_PASS);
    bool policy = got.code != AUTH_FAIL || ref.code != AUTH_FAIL || ref.other != AUTH_FAIL || (int)got.disposition == ref.policy;
    t->mutations++;
    t->passes += got.code == AUTH_PASS;
    buf_init(&b, a, ROOM);
    buf_printf(&b, "From: u@%.*s", STR_FMT(c->author));
    for (size_t i = 0; i < c->n; i++)
        buf_printf(&b, " %s=%s/%.*s", c->id[i].spf ? "spf" : "dkim", auth_code_name(c->id[i].code), STR_FMT(c->id[i].domain));
    if (!fine || !policy)
        trial_violated(t, buf_view(&b), z, "%s, policy %d (%s), but the model says %s, policy %d", auth_code_name(got.code),
                       (int)got.disposition, got.reason, auth_code_name(ref.code), ref.policy);
    dns_free(dns);
    arena_free(a);
    return fine && policy;
}

static void change(struct trial *t, const struct dmarc_case *c, const struct zone *z, size_t records, struct zone *out)
{
    struct random *r = &t->random;
    *out = *z;
    if (random_one_in(r, 3) || records == 0) {
        struct str name = gen_above(t, c->n > 0 && random_one_in(r, 2) ? c->id[random_to(r, c->n)].domain : c->author);
        if (random_one_in(r, 8))
            zone_fail(out, c->author, DNS_A);
        else
            zone_fail(out, zone_name(t->arena, "_dmarc.", name), DNS_TXT);
        return;
    }
    struct zone_row *row = &out->row[random_to(r, records)];
    row->data = random_mutation(r, t->arena, row->data, 0, row->data.n + 1);
}

bool property_dmarc(struct trial *t)
{
    struct random *r = &t->random;
    struct dmarc_case c = { .author = gen_name(t) };
    struct zone z, changed;
    gen_ids(t, &c);
    zone_init(&z, t->arena);
    for (unsigned n = 1 + random_to(r, 4); n > 0; n--) {
        struct str name = c.n > 0 && random_one_in(r, 2) ? c.id[random_to(r, c.n)].domain : c.author;
        zone_add(&z, zone_name(t->arena, "_dmarc.", gen_above(t, name)), DNS_TXT, gen_dmarc_record(t));
    }
    size_t records = z.n;
    if (random_one_in(r, 2))
        zone_add(&z, gen_above(t, c.author), DNS_MX, STR("mx.good.test"));
    if (random_one_in(r, 4))
        zone_add(&z, zone_name(t->arena, "_dmarc.", gen_above(t, c.author)), DNS_TXT, STR("v=spf1 -all"));
    for (unsigned i = 0; i < 16; i++) {
        change(t, &c, &z, records, &changed);
        if (!check(t, &c, random_one_in(r, 3) ? &z : &changed))
            return false;
        gen_ids(t, &c);
    }
    return true;
}
