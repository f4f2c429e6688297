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

static bool add_address(struct key_servers *s, const char *address)
{
    const char *error = NULL;
    struct str server = str_of(address);
    struct dns *dns = dns_stub_new(&server, 1, false, &error);
    return add_server(s, address, dns, error);
}

bool key_servers_open(struct key_servers *s, struct arena *a, const struct key_where *w, const struct conf *conf)
{
    const char *error = NULL;
    const char *snapshot = w->snapshot;
    bool done = true;
    memset(s, 0, sizeof(*s));
    if (snapshot == NULL && conf != NULL && conf->dns_snapshot[0] != '\0')
        snapshot = conf->dns_snapshot;
    if (snapshot != NULL) {
        struct dns *dns = dns_snapshot_new(snapshot, &error);
        done = add_server(s, str_cstr(a, str_of(snapshot)), dns, error);
    }
    for (size_t i = 0; done && snapshot == NULL && conf != NULL && i < conf->nameservers.n; i++)
        done = add_address(s, str_cstr(a, str_of(conf->nameservers.v[i])));
    for (size_t i = 0; done && i < w->n_servers; i++)
        done = add_address(s, w->servers[i]);
    if (done && s->n == 0) {
        struct dns *dns = dns_stub_new(NULL, 0, false, &error);
        done = add_server(s, "/etc/resolv.conf", dns, error);
    }
    s->n_fixed = s->n;
    s->discover = snapshot == NULL && w->n_servers == 0;
    if (!done)
        key_servers_close(s);
    return done;
}

static void forget_domain(struct key_servers *s)
{
    while (s->n > s->n_fixed)
        dns_free(s->v[--s->n].dns);
}

void key_servers_close(struct key_servers *s)
{
    s->n_fixed = 0;
    forget_domain(s);
}

/* The addresses of one name server. What cannot be asked is passed over. */
static void add_host(struct key_servers *s, struct arena *a, struct str host, enum dns_type type)
{
    struct dns_answer addresses;
    const char *error;
    dns_ask(s->v[0].dns, host, type, soon(), a, &addresses);
    for (size_t i = 0; addresses.status == DNS_OK && i < addresses.n; i++) {
        struct ip ip = { .family = type == DNS_A ? 4 : 6 };
        if (s->n == KEY_SERVERS_MAX || s->n - s->n_fixed == AUTHORITATIVE_MAX || addresses.rr[i].n > sizeof(ip.b))
            return;
        memcpy(ip.b, addresses.rr[i].p, addresses.rr[i].n);
        struct str text = ip_text(a, ip), server = type == DNS_A ? text : str_printf(a, "[%.*s]:53", STR_FMT(text));
        struct dns *dns = dns_stub_new(&server, 1, false, &error);
        const char *label = str_cstr(a, str_printf(a, "%.*s [%.*s]", STR_FMT(host), STR_FMT(text)));
        if (dns != NULL)
            s->v[s->n++] = (struct key_server){ .label = label, .dns = dns, .authoritative = true };
    }
}

void key_servers_of_domain(struct key_servers *s, struct arena *a, struct str domain)
{
    struct dns_answer ns = { .status = DNS_NODATA };
    forget_domain(s);
    /* The zone's own name is the nearest one that has name servers. */
    for (unsigned n = domain_labels(domain); s->discover && n > 1 && ns.status != DNS_OK; n--)
        dns_ask(s->v[0].dns, domain_suffix(domain, n), DNS_NS, soon(), a, &ns);
    for (size_t i = 0; ns.status == DNS_OK && i < ns.n; i++) {
        add_host(s, a, ns.rr[i], DNS_A);
        add_host(s, a, ns.rr[i], DNS_AAAA);
    }
}

/* All servers the same question, at once. */
static void ask_all(const struct key_servers *s, struct arena *a, struct str name, struct dns_answer *answers)
{
    struct dns_query *q[KEY_SERVERS_MAX];
    for (size_t i = 0; i < s->n; i++)
        q[i] = dns_start(s->v[i].dns, name, DNS_TXT, soon());
    for (size_t i = 0; i < s->n; i++)
        dns_wait(q[i], a, &answers[i]);
}

int64_t key_servers_negative_ttl(const struct key_servers *s, struct arena *a, struct str domain)
{
    struct dns_answer answers[KEY_SERVERS_MAX];
    uint32_t longest = 0;
    /* A name nobody has asked for: what is left of an older answer would be too short. */
    ask_all(s, a, str_printf(a, "mailseal-%lld._domainkey.%.*s", (long long)clock_wall(), STR_FMT(domain)), answers);
    for (size_t i = 0; i < s->n; i++)
        if ((answers[i].status == DNS_NXDOMAIN || answers[i].status == DNS_NODATA) && answers[i].ttl > longest)
            longest = answers[i].ttl;
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
    size_t good = 0, gone = 0, count = 0;
    memset(out, 0, sizeof(*out));
    ask_all(s, a, name, answers);
    for (size_t i = 0; i < s->n; i++) {
        struct key_finding *f = &out->v[out->n++];
        f->server = &s->v[i];
        judge(a, &answers[i], k, f);
        count += f->sight != KEY_UNKNOWN || !f->server->authoritative;
        good += f->sight == KEY_GOOD;
        gone += f->sight == KEY_MISSING || f->sight == KEY_REVOKED;
    }
    out->everywhere = count > 0 && good == count;
    out->nowhere = count > 0 && gone == count;
}
