/*
 * key_ask.c - what the DNS publishes for a key, at every name server that can be asked.
 *
 * Resolvers remember, and secondaries lag: only when all say the same is a record published, or gone. The published key has to
 * verify what the private one signs: how the record writes the key does not matter.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/ip.h"
#include "mailseal/clock.h"
#include "mailseal/dns.h"
#include "mailseal/domain.h"

#include "cmd_key.h"

#define AUTHORITATIVE_MAX 12    /* addresses of name servers of a domain that are asked */
#define NEGATIVE_CAP      10800 /* RFC 2308 5: resolvers keep "no such name" one to three hours at most */

const struct name_code key_sight_names[] = { { "ok", KEY_GOOD },     { "missing", KEY_MISSING }, { "revoked", KEY_REVOKED },
                                             { "wrong", KEY_WRONG }, { "unknown", KEY_UNKNOWN }, { NULL, 0 } };

static int64_t soon(void)
{
    return clock_ms() + LIMIT_DNS_LOOKUP_MS;
}

/* ---- whom to ask ---- */

bool key_where_add(struct key_where *w, const char *server)
{
    if (w->n_servers == LIMIT_DNS_NAMESERVERS) {
        cmd_usage_error(KEY_COMMAND, "more than %d times --server", LIMIT_DNS_NAMESERVERS);
        return false;
    }
    w->servers[w->n_servers++] = server;
    return true;
}

/* Takes dns; NULL is a failure that `error` explains. */
static bool add_server(struct key_servers *s, const char *label, struct dns *dns, const char *error)
{
    if (dns == NULL) {
        cmd_fail(KEY_COMMAND, "%s", error);
        return false;
    }
    s->v[s->n++] = (struct key_server){ .label = label, .dns = dns };
    return true;
}

static bool add_address(struct key_servers *s, struct arena *a, struct str address)
{
    const char *error = NULL;
    struct dns *dns = dns_stub_new(&address, 1, false, &error);
    return add_server(s, str_cstr(a, address), dns, error);
}

bool key_servers_open(struct key_servers *s, struct arena *a, const struct key_where *w, const struct conf *conf)
{
    const char *error = NULL, *snapshot = w->snapshot;
    struct str system[LIMIT_DNS_NAMESERVERS];
    bool done = true;
    memset(s, 0, sizeof(*s));
    if (snapshot == NULL && conf != NULL && conf->dns_snapshot[0] != '\0')
        snapshot = conf->dns_snapshot;
    if (snapshot != NULL) {
        struct dns *dns = dns_snapshot_new(snapshot, &error);
        done = add_server(s, str_cstr(a, str_of(snapshot)), dns, error);
    }
    for (size_t i = 0; done && snapshot == NULL && conf != NULL && i < conf->nameservers.n; i++)
        done = add_address(s, a, str_of(conf->nameservers.v[i]));
    for (size_t i = 0; done && i < w->n_servers; i++)
        done = add_address(s, a, str_of(w->servers[i]));
    size_t n = done && s->n == 0 ? dns_system_servers(a, system) : 0;
    for (size_t i = 0; done && i < n; i++)
        done = add_address(s, a, system[i]);
    s->discover = snapshot == NULL && w->n_servers == 0;
    if (!done)
        key_servers_close(s);
    return done;
}

void key_servers_close(struct key_servers *s)
{
    while (s->n > 0)
        dns_free(s->v[--s->n].dns);
}

/* ---- one question to all ---- */

/* Whom a name is asked of: the servers that are fixed, then those of the name's own zone. */
struct round {
    struct arena *arena;
    struct key_server v[KEY_SERVERS_MAX];
    size_t n, n_fixed;
    struct str name, owner; /* of an alias: the name it stands for, which is what its zone is asked for */
};

/* The addresses of one name server. What cannot be asked is passed over. */
static void add_host(struct round *r, struct str host, enum dns_type type)
{
    struct dns_answer addresses;
    const char *error;
    dns_ask(r->v[0].dns, host, type, soon(), r->arena, &addresses);
    for (size_t i = 0; addresses.status == DNS_OK && i < addresses.n; i++) {
        struct ip ip = { .family = type == DNS_A ? 4 : 6 };
        if (r->n == KEY_SERVERS_MAX || r->n - r->n_fixed == AUTHORITATIVE_MAX || addresses.rr[i].n > sizeof(ip.b))
            return;
        memcpy(ip.b, addresses.rr[i].p, addresses.rr[i].n);
        struct str text = ip_text(r->arena, ip), server = type == DNS_A ? text : str_printf(r->arena, "[%.*s]:53", STR_FMT(text));
        struct dns *dns = dns_stub_new(&server, 1, false, &error);
        const char *label = str_cstr(r->arena, str_printf(r->arena, "%.*s [%.*s]", STR_FMT(host), STR_FMT(text)));
        if (dns != NULL)
            r->v[r->n++] = (struct key_server){ .label = label, .dns = dns, .authoritative = true };
    }
}

/* The records of many sites are aliases into the zone of another one. */
static struct str owner_of(struct round *r)
{
    struct dns_answer alias;
    struct str owner = r->name;
    for (unsigned step = 0; step < LIMIT_DNS_CNAMES; step++) {
        dns_ask(r->v[0].dns, owner, DNS_CNAME, soon(), r->arena, &alias);
        if (alias.status != DNS_OK)
            break;
        owner = alias.rr[0];
    }
    return owner;
}

static void round_open(struct round *r, const struct key_servers *s, struct arena *a, struct str name)
{
    struct dns_answer ns = { .status = DNS_NODATA };
    *r = (struct round){ .arena = a, .n = s->n, .n_fixed = s->n, .name = name, .owner = name };
    memcpy(r->v, s->v, s->n * sizeof(s->v[0]));
    if (!s->discover)
        return;
    r->owner = owner_of(r);
    /* The zone's own name is the nearest one that has name servers. */
    for (unsigned n = domain_labels(r->owner) - 1; n > 1 && ns.status != DNS_OK; n--)
        dns_ask(r->v[0].dns, domain_suffix(r->owner, n), DNS_NS, soon(), a, &ns);
    for (size_t i = 0; ns.status == DNS_OK && i < ns.n; i++) {
        add_host(r, ns.rr[i], DNS_A);
        add_host(r, ns.rr[i], DNS_AAAA);
    }
}

static void round_close(struct round *r)
{
    while (r->n > r->n_fixed)
        dns_free(r->v[--r->n].dns);
}

/* All at once. */
static void round_ask(const struct round *r, struct dns_answer *answers)
{
    struct dns_query *q[KEY_SERVERS_MAX];
    for (size_t i = 0; i < r->n; i++)
        q[i] = dns_start(r->v[i].dns, r->v[i].authoritative ? r->owner : r->name, DNS_TXT, soon());
    for (size_t i = 0; i < r->n; i++)
        dns_wait(q[i], r->arena, &answers[i]);
}

int64_t key_servers_negative_ttl(const struct key_servers *s, struct arena *a, struct str domain)
{
    struct dns_answer answers[KEY_SERVERS_MAX];
    struct round r;
    uint32_t longest = 0;
    /* A name nobody has asked for: what is left of an older answer would be too short. */
    round_open(&r, s, a, str_printf(a, "mailseal-%lld._domainkey.%.*s", (long long)clock_wall(), STR_FMT(domain)));
    round_ask(&r, answers);
    for (size_t i = 0; i < r.n; i++)
        if ((answers[i].status == DNS_NXDOMAIN || answers[i].status == DNS_NODATA) && answers[i].ttl > longest)
            longest = answers[i].ttl;
    round_close(&r);
    /* The smallest stands for an answer without SOA, the largest for everything above it. */
    if (longest <= LIMIT_DNS_TTL_MIN)
        return LIMIT_DNS_NEGATIVE;
    return longest >= LIMIT_DNS_NEGATIVE ? NEGATIVE_CAP : longest;
}

/* ---- what they say ---- */

/* The one key verifies what the other signs. */
static bool keys_fit(struct arena *a, const struct privkey *private, const struct pubkey *public)
{
    static const uint8_t digest[SHA256_SIZE] = { 7 };
    struct str signature;
    return privkey_sign(a, private, digest, &signature) && pubkey_verify(public, digest, signature);
}

static const char *remark_on(struct arena *a, const struct dkim_key *k)
{
    struct str all = STR_NONE;
    if (k->type == KEY_RSA && k->bits < LIMIT_RSA_SIGN_BITS)
        all = str_printf(a, ", smaller than %d bits", LIMIT_RSA_SIGN_BITS);
    if (k->testing)
        all = str_printf(a, "%.*s, marked as a test (t=y)", STR_FMT(all));
    if (k->strict)
        all = str_printf(a, "%.*s, not for subdomains in i= (t=s)", STR_FMT(all));
    return all.n > 0 ? str_cstr(a, str_skip(all, 2)) : NULL;
}

static void judge_record(struct arena *a, struct str text, const struct privkey *k, struct key_finding *f)
{
    f->sight = KEY_WRONG;
    if (!dkim_key_parse(a, text, &f->published, &f->reason)) {
        if (f->published.revoked)
            f->sight = KEY_REVOKED;
    } else if (f->published.type != privkey_type(k)) {
        f->reason = "the published key is of another type";
    } else if (!keys_fit(a, k, f->published.key)) {
        f->reason = "the published key is another one";
    } else {
        f->sight = KEY_GOOD;
        f->reason = NULL;
        f->remark = remark_on(a, &f->published);
    }
}

static void judge(struct arena *a, const struct dns_answer *answer, const struct privkey *k, struct key_finding *f)
{
    f->records = answer->status == DNS_OK ? answer->n : 0;
    if (answer->status == DNS_TEMPFAIL) {
        f->sight = KEY_UNKNOWN;
        f->reason = str_cstr(a, str_printf(a, "no answer from the DNS (%s)", answer->reason));
    } else if (f->records == 0) {
        f->sight = KEY_MISSING;
        f->reason = answer->status == DNS_NXDOMAIN ? "no such name in the DNS" : "no TXT record at this name";
    } else if (f->records > LIMIT_DKIM_KEY_RRS) {
        /* RFC 6376 3.6.2.2: which one is taken is not defined. */
        f->sight = KEY_WRONG;
        f->reason = "several TXT records at this name";
    } else {
        judge_record(a, answer->rr[0], k, f);
    }
}

void key_ask(struct arena *a, const struct key_servers *s, struct str name, const struct privkey *k, struct key_findings *out)
{
    struct dns_answer answers[KEY_SERVERS_MAX];
    struct round r;
    size_t good = 0, gone = 0, count = 0;
    memset(out, 0, sizeof(*out));
    round_open(&r, s, a, name);
    round_ask(&r, answers);
    for (size_t i = 0; i < r.n; i++) {
        struct key_finding *f = &out->v[out->n++];
        f->server = r.v[i].label;
        f->authoritative = r.v[i].authoritative;
        judge(a, &answers[i], k, f);
        count += f->sight != KEY_UNKNOWN || !f->authoritative;
        good += f->sight == KEY_GOOD;
        gone += f->sight == KEY_MISSING || f->sight == KEY_REVOKED;
    }
    round_close(&r);
    out->everywhere = count > 0 && good == count;
    out->nowhere = count > 0 && gone == count;
}
