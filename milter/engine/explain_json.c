/*
 * explain_json.c - an outcome as a JSON document that has all an explanation needs. A pure function of plain values.
 *
 * Who reads it are scripts, the journal and explain_text.c, which makes sentences of it. What mail and the DNS supplied stands in
 * it as it was: whoever prints it escapes it.
 */
#include "mailseal/json.h"

#include "engine_int.h"

static void add_origin(struct json *j, struct arena *a, const struct outcome *out)
{
    struct json *o = js_add_object(j, "client");
    js_add_text(o, "ip", out->client.family != 0 ? ip_text(a, out->client) : STR_NONE);
    js_add_text(o, "helo", out->helo_name);
    js_add_text(o, "class", str_of(name_of(client_class_names, (int)out->class)));
    js_add_bool(o, "relayed", out->relayed);
    o = js_add_object(j, "envelope");
    js_add_text(o, "sender_domain", out->sender_domain);
    js_add_bool(o, "null_sender", out->null_sender);
    js_add_integer(o, "recipients", (int64_t)out->recipients);
    o = js_add_object(j, "author");
    js_add_text(o, "status", str_of(name_of(author_status_names, (int)out->author.status)));
    js_add_text(o, "domain", out->author.domain);
    js_add_text(o, "reason", str_of(out->author.reason));
}

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

/* RFC 9989 4.4.1 for one signature. One that dmarc_eval() looked at in vain has an organizational domain of its own. */
static bool is_aligned(const struct dmarc_result *d, const struct dkim_result *r)
{
    bool refuted = d->has_policy && !d->dkim_aligned;
    return !refuted && r->code == AUTH_PASS && dmarc_is_aligned(d, r->domain, d->has_policy && d->record->strict_dkim);
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
        js_add_bool(o, "aligned", is_aligned(&out->dmarc, r));
    }
}

static bool is_trusted(const struct conf *conf, struct str domain)
{
    for (size_t i = 0; i < conf->trusted_sealers.n; i++)
        if (str_ieq(str_of(conf->trusted_sealers.v[i]), domain))
            return true;
    return false;
}

static void add_sets(struct json *arc, struct arena *a, const struct outcome *out, const struct conf *conf)
{
    struct json *list = js_add_array(arc, "sets");
    for (size_t i = 0; i < out->arc.n_sealers; i++) {
        const struct arc_sealer *s = &out->arc.sealers[i];
        struct json *o = js_add_object(list, NULL);
        js_add_integer(o, "instance", s->instance);
        js_add_text(o, "domain", s->domain);
        js_add_text(o, "selector", s->selector);
        js_add_bool(o, "trusted", is_trusted(conf, s->domain));
        js_add_bool(o, "reports_pass", sealer_reports_pass(a, s->authres, out->dmarc.from_domain));
    }
}

static void add_arc(struct json *j, struct arena *a, const struct outcome *out, const struct conf *conf)
{
    const struct arc_result *r = &out->arc;
    struct json *o = js_add_object(j, "arc"), *sealers;
    js_add_text(o, "result", str_of(auth_code_name(r->code)));
    js_add_text(o, "reason", str_of(r->reason));
    if (r->has_oldest_pass)
        js_add_integer(o, "oldest_pass", r->oldest_pass);
    sealers = js_add_array(o, "sealers");
    for (size_t i = 0; i < r->n_sealers; i++)
        js_add_text(sealers, NULL, r->sealers[i].domain);
    add_sets(o, a, out, conf);
    js_add_bool(o, "evidence", out->facts.sealer);
}

static struct str policy_word(enum dmarc_policy p)
{
    return str_of(name_of(dmarc_policy_names, (int)p));
}

static void add_queries(struct json *o, const struct dmarc_walk *w)
{
    struct json *list = js_add_array(o, "queries");
    for (size_t i = 0; w != NULL && i < w->n; i++) {
        const struct dmarc_step *s = &w->step[i];
        struct json *q = js_add_object(list, NULL);
        js_add_text(q, "name", s->name);
        js_add_text(q, "status", str_of(name_of(dns_status_names, (int)s->status)));
        js_add_integer(q, "records", (int64_t)s->records);
        if (s->record != NULL)
            js_add_text(q, "text", s->record->text);
        js_add_text(q, "why", str_of(s->why));
    }
}

static void add_record(struct json *j, const struct dmarc_result *r)
{
    const struct dmarc_record *rec = r->record;
    if (rec == NULL) {
        js_add_null(j, "record");
        return;
    }
    struct json *o = js_add_object(j, "record");
    js_add_text(o, "domain", r->record_domain);
    js_add_text(o, "text", rec->text);
    js_add_bool(o, "usable", rec->usable);
    js_add_text(o, "p", policy_word(rec->p));
    js_add_text(o, "sp", policy_word(rec->sp));
    js_add_text(o, "np", policy_word(rec->np));
    js_add_text(o, "adkim", rec->strict_dkim ? STR("s") : STR("r"));
    js_add_text(o, "aspf", rec->strict_spf ? STR("s") : STR("r"));
    js_add_text(o, "psd", rec->psd == DMARC_PSD_U ? STR("u") : rec->psd == DMARC_PSD_Y ? STR("y") : STR("n"));
    js_add_text(o, "t", rec->testing ? STR("y") : STR("n"));
    js_add_text(o, "rua", rec->rua);
    js_add_text(o, "ruf", rec->ruf);
    js_add_text(o, "fo", rec->fo);
    js_add_text(o, "remark", str_of(rec->remark));
}

void dmarc_result_json(struct json *o, const struct dmarc_result *r)
{
    js_add_text(o, "org_domain_why", str_of(r->walk != NULL ? r->walk->why : NULL));
    add_record(o, r);
    add_queries(o, r->walk);
}

static void add_dmarc(struct json *j, const struct dmarc_result *r)
{
    struct json *o = js_add_object(j, "dmarc");
    js_add_text(o, "result", str_of(auth_code_name(r->code)));
    js_add_text(o, "from_domain", r->from_domain);
    if (r->has_policy)
        js_add_text(o, "policy", policy_word(r->policy));
    else
        js_add_null(o, "policy");
    js_add_text(o, "disposition", policy_word(r->disposition));
    js_add_text(o, "org_domain", r->org_domain);
    js_add_text(o, "record_domain", r->record_domain);
    js_add_bool(o, "spf_aligned", r->spf_aligned);
    js_add_bool(o, "dkim_aligned", r->dkim_aligned);
    js_add_text(o, "reason", str_of(r->reason));
    if (r->has_policy) {
        js_add_text(o, "tag", str_of(r->tag));
        js_add_text(o, "applied", policy_word(r->applied));
    }
    dmarc_result_json(o, r);
}

/* RFC 5321 4.2.1: every line has the code, and here both. */
static struct str reply_text(struct arena *a, const struct policy_decision *d)
{
    struct str line, rest = d->text;
    struct buf b;
    bool more;
    if (d->code == 0)
        return STR_NONE;
    buf_init(&b, a, POLICY_REPLY_LINES * (LIMIT_REPLY + 16));
    for (more = true; more;) {
        more = str_cut(rest, '\n', &line, &rest);
        buf_printf(&b, "%d%c%s %.*s%s", d->code, more ? '-' : ' ', d->xcode, STR_FMT(line), more ? "\n" : "");
    }
    return buf_view(&b);
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
    if (out->left_out.n > 0)
        js_add_text(j, "left_out", out->left_out);
    if (out->fragile != NULL)
        js_add_text(j, "fragile", str_of(out->fragile));
}

static void add_rule(void *ctx, const struct policy_step *s)
{
    struct json *o = js_add_object((struct json *)ctx, NULL);
    js_add_text(o, "rule", str_of(s->rule));
    js_add_text(o, "action", str_of(name_of(action_names, (int)s->action)));
    js_add_bool(o, "matched", s->matched);
    js_add_bool(o, "expired", s->expired);
    js_add_text(o, "condition", s->condition);
    js_add_text(o, "value", s->value);
    js_add_text(o, "reason", str_of(s->reason));
    js_add_text(o, "owner", str_of(s->owner));
}

static void add_policy(struct json *j, struct arena *a, const struct outcome *o, const struct conf *conf)
{
    struct json *rules = js_add_array(j, "rules");
    js_add_text(j, "facts", policy_facts_write(a, &o->facts));
    if (!o->exempt || policy_asks_outbound(conf->policy))
        policy_trace(conf->policy, &o->facts, a, add_rule, rules);
}

struct json *outcome_json(struct arena *a, const struct outcome *o, const struct conf *conf)
{
    struct json *j = js_object(a);
    add_origin(j, a, o);
    add_spf(j, "spf", &o->spf);
    add_spf(j, "helo", &o->helo);
    add_dkim(j, o);
    add_arc(j, a, o, conf);
    add_dmarc(j, &o->dmarc);
    add_policy(j, a, o, conf);
    js_add_text(j, "action", str_of(name_of(action_names, (int)o->decision.action)));
    js_add_bool(j, "held", o->held);
    js_add_text(j, "label", str_of(o->label));
    js_add_text(j, "deferral", str_of(o->deferral));
    js_add_text(j, "disagreement", o->disagreement);
    js_add_text(j, "reply", reply_text(a, &o->decision));
    js_add_text(j, "rule", str_of(o->decision.rule));
    js_add_text(j, "profile", str_of(o->policy_name));
    js_add_text(j, "reason", str_of(o->decision.reason));
    if (o->exempt)
        add_exempt(j, o);
    add_edits(j, o);
    js_add_integer(j, "dns_queries", o->dns_queries);
    return j;
}
