/* explain.c - an outcome as JSON and as text: pure functions of plain values. */
#include "mailseal/json.h"

#include "engine_int.h"

static void add_spf(struct json *j, const char *key, const struct spf_result *r)
{
    struct json *o = js_add_object(j, key);
    js_add_text(o, "result", str_of(auth_code_name(r->code)));
    js_add_text(o, "domain", r->domain);
    js_add_text(o, "identity", r->identity == SPF_HELO || r->null_sender ? STR("helo") : STR("mailfrom"));
    js_add_text(o, "mechanism", r->mechanism);
    js_add_text(o, "reason", str_of(r->reason));
    js_add_text(o, "explanation", r->explanation);
}

static void add_dkim(struct json *j, const struct outcome *out)
{
    struct json *list = js_add_array(j, "dkim");
    for (size_t i = 0; i < out->n_dkim; i++) {
        const struct dkim_result *r = &out->dkim[i];
        struct json *o = js_add_object(list, NULL);
        js_add_text(o, "result", str_of(auth_code_name(r->code)));
        js_add_text(o, "domain", r->domain);
        js_add_text(o, "selector", r->selector);
        js_add_text(o, "identity", r->identity);
        js_add_text(o, "algorithm", r->algorithm);
        js_add_integer(o, "bits", r->bits);
        js_add_text(o, "reason", str_of(r->reason));
    }
}

static void add_arc(struct json *j, const struct arc_result *r)
{
    struct json *o = js_add_object(j, "arc"), *sealers;
    js_add_text(o, "result", str_of(auth_code_name(r->code)));
    js_add_text(o, "reason", str_of(r->reason));
    if (r->has_oldest_pass)
        js_add_integer(o, "oldest_pass", r->oldest_pass);
    sealers = js_add_array(o, "sealers");
    for (size_t i = 0; i < r->n_sealers; i++)
        js_add_text(sealers, NULL, r->sealers[i].domain);
}

static void add_dmarc(struct json *j, const struct dmarc_result *r)
{
    struct json *o = js_add_object(j, "dmarc");
    js_add_text(o, "result", str_of(auth_code_name(r->code)));
    js_add_text(o, "from_domain", r->from_domain);
    if (r->has_policy)
        js_add_text(o, "policy", str_of(name_of(dmarc_policy_names, (int)r->policy)));
    else
        js_add_null(o, "policy");
    js_add_text(o, "disposition", str_of(name_of(dmarc_policy_names, (int)r->disposition)));
    js_add_text(o, "org_domain", r->org_domain);
    js_add_text(o, "record_domain", r->record_domain);
    js_add_bool(o, "spf_aligned", r->spf_aligned);
    js_add_bool(o, "dkim_aligned", r->dkim_aligned);
    js_add_text(o, "reason", str_of(r->reason));
}

static struct str reply_text(struct arena *a, const struct policy_decision *d)
{
    if (d->code == 0)
        return STR_NONE;
    return str_printf(a, "%d %s %.*s", d->code, d->xcode, STR_FMT(d->text));
}

static void add_edits(struct json *j, const struct outcome *out)
{
    struct json *list = js_add_array(j, "edits");
    for (size_t i = 0; i < out->n_edits; i++) {
        const struct edit *e = &out->edits[i];
        struct json *o = js_add_object(list, NULL);
        js_add_text(o, "op", e->op == EDIT_INSERT ? STR("insert") : STR("delete"));
        js_add_text(o, "name", e->name);
        js_add_integer(o, "index", e->index);
        js_add_text(o, "value", e->value);
    }
}

/* What a message of our own clients has: it was not judged. */
static void add_exempt(struct json *j, const struct outcome *out)
{
    js_add_text(j, "exempt", str_of(out->exempt_reason));
    js_add_integer(j, "signatures", (int64_t)out->n_signatures);
    js_add_integer(j, "unpublished_keys", out->n_unpublished);
    if (out->sign_reason != NULL)
        js_add_text(j, "unsigned", str_of(out->sign_reason));
}

struct json *outcome_json(struct arena *a, const struct outcome *o)
{
    struct json *j = js_object(a);
    add_spf(j, "spf", &o->spf);
    add_spf(j, "helo", &o->helo);
    add_dkim(j, o);
    add_arc(j, &o->arc);
    add_dmarc(j, &o->dmarc);
    js_add_text(j, "action", str_of(name_of(action_names, (int)o->decision.action)));
    js_add_text(j, "reply", reply_text(a, &o->decision));
    js_add_text(j, "rule", str_of(o->decision.rule));
    js_add_text(j, "profile", str_of(o->policy_name));
    if (o->exempt)
        add_exempt(j, o);
    add_edits(j, o);
    js_add_integer(j, "dns_queries", o->dns_queries);
    return j;
}

/* Text of a message on a terminal: nothing but printable ASCII. */
static const char *shown(struct arena *a, struct str s)
{
    return s.n == 0 ? "-" : str_cstr(a, str_escape(a, s, 4 * LIMIT_DOMAIN));
}

static void print_spf(FILE *f, struct arena *a, const char *title, const struct spf_result *r)
{
    fprintf(f, "%-7s %s for %s: %s\n", title, auth_code_name(r->code), shown(a, r->domain), r->reason);
    if (r->mechanism.n > 0)
        fprintf(f, "        decided by '%s'\n", shown(a, r->mechanism));
    if (r->explanation.n > 0)
        fprintf(f, "        the domain explains: %s\n", shown(a, r->explanation));
}

static void print_dkim(FILE *f, struct arena *a, const struct outcome *o)
{
    if (o->n_dkim == 0)
        fputs("DKIM    none: the message is not signed\n", f);
    for (size_t i = 0; i < o->n_dkim; i++) {
        const struct dkim_result *r = &o->dkim[i];
        fprintf(f, "DKIM    %s for %s, selector %s, %s", auth_code_name(r->code), shown(a, r->domain), shown(a, r->selector),
                shown(a, r->algorithm));
        fprintf(f, r->reason != NULL ? ": %s\n" : "\n", r->reason);
    }
}

static void print_arc(FILE *f, struct arena *a, const struct arc_result *r)
{
    if (r->instance == 0)
        return;
    fprintf(f, "ARC     %s, %u set(s), newest sealed by %s", auth_code_name(r->code), r->instance,
            r->n_sealers > 0 ? shown(a, r->sealers[0].domain) : "-");
    fprintf(f, r->reason != NULL ? ": %s\n" : "\n", r->reason);
}

static void print_dmarc(FILE *f, struct arena *a, const struct dmarc_result *r)
{
    fprintf(f, "DMARC   %s for %s: %s\n", auth_code_name(r->code), shown(a, r->from_domain), r->reason);
    if (!r->has_policy)
        return;
    fprintf(f, "        record at _dmarc.%s, %s=%s", shown(a, r->record_domain), r->tag,
            name_of(dmarc_policy_names, (int)r->policy));
    fprintf(f, "; organizational domain %s\n", shown(a, r->org_domain));
    fprintf(f, "        SPF %s, DKIM %s\n", r->spf_aligned ? "aligned" : "not aligned",
            r->dkim_aligned ? "aligned" : "not aligned");
}

static void print_edits(FILE *f, struct arena *a, const struct outcome *o)
{
    for (size_t i = 0; i < o->n_edits; i++) {
        const struct edit *e = &o->edits[i];
        if (e->op == EDIT_DELETE)
            fprintf(f, "remove  %s number %u: it bears our name\n", shown(a, e->name), e->index);
        else
            fprintf(f, "insert  %.*s:%.*s\n", STR_FMT(e->name), STR_FMT(e->value));
    }
}

void outcome_print(FILE *f, struct arena *a, const struct outcome *o)
{
    if (o->exempt) {
        fprintf(f, "client  %s: not judged, %zu signature(s)", o->exempt_reason, o->n_signatures);
        fprintf(f, o->sign_reason != NULL ? " (%s)\n" : "\n", o->sign_reason);
    } else {
        print_spf(f, a, "SPF", &o->spf);
        print_spf(f, a, "HELO", &o->helo);
        print_dkim(f, a, o);
        print_arc(f, a, &o->arc);
        print_dmarc(f, a, &o->dmarc);
    }
    fprintf(f, "action  %s, by rule '%s' of profile %s\n", name_of(action_names, (int)o->decision.action), o->decision.rule,
            o->policy_name);
    if (o->decision.code != 0)
        fprintf(f, "reply   %s\n", shown(a, reply_text(a, &o->decision)));
    print_edits(f, a, o);
}
