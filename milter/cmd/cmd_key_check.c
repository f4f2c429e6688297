/*
 * cmd_key_check.c - `mailseal key check`: do the private keys fit what the DNS publishes?
 *
 * The published key has to verify what the private one signs: how the record writes the key does not matter.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "mailseal/arena.h"
#include "mailseal/clock.h"
#include "mailseal/domain.h"
#include "mailseal/limits.h"
#include "mailseal/cmd.h"

#include "cmd_key.h"

#define NAME "key"

struct request {
    const char *domain, *selector, *key, *conf, *snapshot;
};

static int parse_arguments(struct request *r, int argc, char **argv)
{
    static const struct option options[] = {
        { "domain", required_argument, NULL, 'd' }, { "selector", required_argument, NULL, 's' },
        { "key", required_argument, NULL, 'k' },    { "dns", required_argument, NULL, 'n' },
        { "config", required_argument, NULL, 'c' }, { NULL, 0, NULL, 0 }
    };
    int opt;
    while ((opt = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (opt == 'd')
            r->domain = optarg;
        else if (opt == 's')
            r->selector = optarg;
        else if (opt == 'k')
            r->key = optarg;
        else if (opt == 'n')
            r->snapshot = optarg;
        else if (opt == 'c')
            r->conf = optarg;
        else
            return cmd_usage_error(NAME, "option '%s' is unknown or lacks its value", argv[optind - 1]);
    }
    bool single = r->domain != NULL && r->selector != NULL && r->key != NULL;
    bool none = r->domain == NULL && r->selector == NULL && r->key == NULL;
    if (optind != argc || (r->conf == NULL ? !single : !none))
        return cmd_usage_error(NAME, "either --domain, --selector and --key are needed, or -c");
    return -1;
}

/* The one key verifies what the other signs. */
static bool keys_fit(struct arena *a, const struct privkey *private, const struct pubkey *public)
{
    static const uint8_t digest[SHA256_SIZE] = { 7 };
    struct str signature;
    return privkey_sign(a, private, digest, &signature) && pubkey_verify(public, digest, signature);
}

/* What is wrong with one record, or NULL. */
static const char *record_refusal(struct arena *a, struct str text, const struct privkey *k, struct dkim_key *published)
{
    const char *reason;
    if (!dkim_key_parse(a, text, published, &reason))
        return reason;
    if (published->type != privkey_type(k))
        return "the published key is of another type";
    return keys_fit(a, k, published->key) ? NULL : "the published key is another one";
}

/* What is wrong with the answer, or NULL. */
static const char *answer_refusal(struct arena *a, const struct dns_answer *answer, const struct privkey *k,
                                  struct dkim_key *published)
{
    if (answer->status == DNS_TEMPFAIL)
        return str_cstr(a, str_printf(a, "no answer from the DNS (%s)", answer->reason));
    if (answer->status == DNS_NXDOMAIN)
        return "no such name in the DNS";
    if (answer->n == 0)
        return "no TXT record at this name";
    /* RFC 6376 3.6.2.2 */
    if (answer->n > 1)
        return "several TXT records at this name";
    return record_refusal(a, answer->rr[0], k, published);
}

/* Prints the line of one key; true when it is good. */
static bool check_key(struct arena *a, struct dns *dns, struct str domain, struct str selector, const struct privkey *k)
{
    struct dns_answer answer;
    struct dkim_key published;
    struct str name = str_printf(a, "%.*s._domainkey.%.*s", STR_FMT(selector), STR_FMT(domain));
    dns_ask(dns, name, DNS_TXT, clock_ms() + LIMIT_DNS_LOOKUP_MS, a, &answer);
    const char *reason = answer_refusal(a, &answer, k, &published);
    if (reason != NULL) {
        printf("%.*s: %s\n", STR_FMT(name), reason);
        return false;
    }
    printf("%.*s: ok, %u-bit %s key%s%s\n", STR_FMT(name), published.bits, published.type == KEY_RSA ? "RSA" : "Ed25519",
           published.testing ? ", marked as a test (t=y)" : "", published.strict ? ", not for subdomains in i= (t=s)" : "");
    return true;
}

static int finish(bool good)
{
    if (fflush(stdout) != 0)
        return cmd_fail(NAME, "cannot write to stdout");
    return good ? 0 : 1;
}

static int check_one(const struct request *r, struct arena *a)
{
    struct str domain, selector;
    if (!domain_normalise(a, str_of(r->domain), &domain))
        return cmd_usage_error(NAME, "'%s' is no domain name", r->domain);
    if (!domain_normalise(a, str_of(r->selector), &selector))
        return cmd_usage_error(NAME, "selector '%s' is not valid", r->selector);
    struct privkey *k = cmd_read_key(NAME, a, r->key);
    struct dns *dns = k != NULL ? cmd_dns(NAME, r->snapshot, NULL) : NULL;
    bool good = dns != NULL && check_key(a, dns, domain, selector, k);
    dns_free(dns);
    privkey_free(k);
    return finish(good);
}

static int check_all(const struct request *r, struct arena *a)
{
    char *error = NULL;
    struct conf *c = conf_read(r->conf, 0, &error);
    if (c == NULL) {
        int code = cmd_fail(NAME, "%s", error);
        free(error);
        return code;
    }
    struct dns *dns = cmd_dns(NAME, r->snapshot, c);
    bool good = dns != NULL;
    size_t n = keyring_count(c->keyring);
    if (n == 0)
        puts("no sign section, so no key to check");
    for (size_t i = 0; i < n && dns != NULL; i++) {
        const struct sign_key *k = keyring_get(c->keyring, i);
        good = check_key(a, dns, str_of(k->domain), str_of(k->selector), k->key) && good;
    }
    dns_free(dns);
    conf_unref(c);
    return finish(good);
}

int cmd_key_check(int argc, char **argv)
{
    struct arena *a = arena_new();
    struct request r = { .domain = NULL };
    int code = parse_arguments(&r, argc, argv);
    if (code < 0)
        code = r.conf != NULL ? check_all(&r, a) : check_one(&r, a);
    arena_free(a);
    return code;
}
