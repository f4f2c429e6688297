/*
 * cmd_dmarc.c - `mailseal dmarc`: how the DMARC policy of a domain is found (RFC 9989 4.10), query by query.
 *
 * No message is judged here: `mailseal check` does that.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/clock.h"
#include "mailseal/json.h"
#include "mailseal/limits.h"
#include "mailseal/domain.h"
#include "mailseal/dns.h"
#include "mailseal/dmarc.h"
#include "mailseal/cmd.h"
#include "mailseal/engine.h"

#define NAME "dmarc"

static void help(void)
{
    puts("usage: mailseal dmarc [--dns FILE] [--json] DOMAIN\n"
         "\n"
         "Finds the DMARC policy (RFC 9989) for mail whose From field names DOMAIN, and explains each query of the\n"
         "DNS tree walk, the record found, the policy that applies and the organizational domain.\n"
         "\n"
         "  --dns FILE   answers from a snapshot file instead of the network\n"
         "  --json       one JSON object on stdout\n"
         "\n"
         "Exit code: 0 there is a result, whichever; 1 there is none; 2 wrong usage.");
}

static const char *policy_word(enum dmarc_policy p)
{
    return name_of(dmarc_policy_names, (int)p);
}

/* What the lookup came to, in one word. */
static const char *outcome_word(const struct dmarc_result *r)
{
    return r->code == AUTH_PASS ? "found" : auth_code_name(r->code);
}

static const char *psd_word(enum dmarc_psd psd)
{
    return psd == DMARC_PSD_U ? "u" : psd == DMARC_PSD_Y ? "y" : "n";
}

static bool print_json(struct arena *a, const struct dmarc_result *r)
{
    struct json *root = js_object(a), *o = js_add_object(root, "dmarc");

    js_add_text(o, "result", str_of(outcome_word(r)));
    js_add_text(o, "reason", str_of(r->reason));
    js_add_text(o, "from_domain", r->from_domain);
    if (r->has_policy) {
        js_add_text(o, "tag", str_of(r->tag));
        js_add_text(o, "policy", str_of(policy_word(r->policy)));
        js_add_text(o, "applied", str_of(policy_word(r->applied)));
    } else {
        js_add_null(o, "policy");
    }
    js_add_text(o, "org_domain", r->org_domain);
    dmarc_result_json(o, r);
    return js_write(stdout, root);
}

static void print_walk(const struct dmarc_walk *w)
{
    for (size_t i = 0; i < w->n; i++)
        printf("%s_dmarc.%.*s\n                %s (%s)\n", i == 0 ? "queries:        " : "                ",
               STR_FMT(w->step[i].name), w->step[i].why, name_of(dns_status_names, (int)w->step[i].status));
}

static void print_record(struct arena *a, const struct dmarc_result *r)
{
    const struct dmarc_record *rec = r->record;

    if (rec == NULL)
        return;
    printf("record:         _dmarc.%.*s\n", STR_FMT(r->record_domain));
    printf("                \"%.*s\"\n", STR_FMT(str_escape(a, rec->text, LIMIT_DMARC_RECORD)));
    if (rec->usable)
        printf("tags:           p=%s sp=%s np=%s adkim=%s aspf=%s psd=%s t=%s\n", policy_word(rec->p), policy_word(rec->sp),
               policy_word(rec->np), rec->strict_dkim ? "s" : "r", rec->strict_spf ? "s" : "r", psd_word(rec->psd),
               rec->testing ? "y" : "n");
    if (rec->rua.n > 0)
        printf("reports:        rua=%.*s\n", STR_FMT(rec->rua));
    if (rec->ruf.n > 0)
        printf("                ruf=%.*s fo=%.*s\n", STR_FMT(rec->ruf), STR_FMT(rec->fo.n > 0 ? rec->fo : STR("0")));
    if (rec->remark != NULL)
        printf("remark:         %s%s\n", rec->remark, rec->defect ? ": the record as a whole acts as p=none" : "");
}

static bool print_text(struct arena *a, const struct dmarc_result *r)
{
    printf("domain:         %.*s\n", STR_FMT(r->from_domain));
    print_walk(r->walk);
    print_record(a, r);
    printf("result:         %s: %s\n", outcome_word(r), r->reason);
    if (r->has_policy)
        printf("policy:         %s (%s=%s%s)\n", policy_word(r->applied), r->tag, policy_word(r->policy),
               r->record->testing ? ", one level down for t=y" : "");
    if (r->org_domain.n > 0)
        printf("organizational: %.*s (%s)\n", STR_FMT(r->org_domain), r->walk->why);
    else if (r->walk->failed)
        printf("organizational: %s\n", r->walk->why);
    return fflush(stdout) == 0 && ferror(stdout) == 0;
}

static int discover(struct arena *a, const char *snapshot, bool json, const char *word)
{
    struct str domain;
    struct dmarc_result r;
    struct dns *dns;

    /* RFC 9989 5.3.1: U-labels become A-labels first */
    if (!domain_normalise(a, str_of(word), &domain))
        return cmd_usage_error(NAME, "'%s' is no domain name", word);
    dns = cmd_dns(NAME, snapshot, NULL);
    if (dns == NULL)
        return 1;
    dmarc_discover(dns, domain, clock_ms() + LIMIT_DNS_MESSAGE_MS, a, &r);
    bool written = json ? print_json(a, &r) : print_text(a, &r);
    dns_free(dns);
    return written ? 0 : cmd_fail(NAME, "cannot write to stdout");
}

int cmd_dmarc(int argc, char **argv)
{
    static const struct option options[] = {
        { "dns", required_argument, NULL, 'd' },
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    const char *snapshot = NULL;
    bool json = false;
    int opt, code;
    struct arena *a;

    opterr = 0;
    while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (opt) {
        case 'd':
            snapshot = optarg;
            break;
        case 'j':
            json = true;
            break;
        case 'h':
            help();
            return 0;
        default:
            return cmd_usage_error(NAME, "option '%s' is unknown or lacks its value", argv[optind - 1]);
        }
    }
    if (optind + 1 != argc)
        return cmd_usage_error(NAME, optind == argc ? "a domain is needed" : "one domain only");
    a = arena_new();
    code = discover(a, snapshot, json, argv[optind]);
    arena_free(a);
    return code;
}
