/*
 * explain_text.c - an explanation as a person would tell it: the decision first, then the checks, then the policy.
 *
 * It is made of the document alone, so that a message of the journal is explained as one that is at hand. What each check found is
 * told in explain_checks.c.
 */
#include "engine_int.h"
#include "page.h"

/* A message of the journal has been; one at hand would be. */
static const char *tense(const struct page *p, const char *was, const char *would_be)
{
    return js_kind(js_member(p->doc, "queue_id")) == JS_TEXT ? was : would_be;
}

static const struct json *matched_rule(const struct page *p)
{
    const struct json *rules = js_member(p->doc, "rules");
    for (size_t i = 0; i < js_count(rules); i++)
        if (page_truth(js_item(rules, i), "matched"))
            return js_item(rules, i);
    return NULL;
}

/* ---- the decision ---- */

static const char *action_words(const struct page *p)
{
    static const struct {
        const char *action, *words;
    } rows[] = {
        { "accept", "accepted" },
        { "label", "accepted with a label" },
        { "quarantine", "held back for somebody to look at (quarantine)" },
        { "tempfail", "refused for now: the sender's host tries again later" },
        { "reject", "refused" },
        { "discard", "accepted from the sender's host and thrown away" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (page_is(p->doc, "action", rows[i].action))
            return rows[i].words;
    return "treated in a way this version does not know";
}

/* Line by line, as it goes out. */
static void say_reply(struct page *p, struct str reply)
{
    struct str line;
    bool first = true;
    while (reply.n > 0) {
        (void)str_cut(reply, '\n', &line, &reply);
        page_say(p, first ? 0 : 2, "%s%s", first ? "The sender's host is told: " : "", page_shown(p, line));
        first = false;
    }
}

static void say_headline(struct page *p)
{
    const struct json *rule = matched_rule(p);
    page_say(p, 0, "This message %s %s, by rule \"%s\" of profile \"%s\".", tense(p, "was", "would be"), action_words(p),
             page_member(p, p->doc, "rule"), page_member(p, p->doc, "profile"));
    say_reply(p, page_text(p->doc, "reply"));
    if (rule != NULL && page_is(rule, "action", "quarantine") && page_is(p->doc, "action", "label"))
        page_say(p, 0,
                 "The rule says quarantine. By the option quarantine = \"label\" the message is delivered, and its header"
                 " tells the filters behind (X-Mailseal-Label).");
    if (page_text(p->doc, "deferral").n > 0)
        page_say(p, 0, "The DNS did not give all answers: %s.", page_member(p, p->doc, "deferral"));
    if (page_text(p->doc, "disagreement").n > 0)
        page_say(p, 0, "The rules want different things for its recipients, and the mildest is done for all: %s.",
                 page_member(p, p->doc, "disagreement"));
    if (page_text(p->doc, "reason").n > 0)
        page_say(p, 0, "The rule gives as its reason: %s", page_member(p, p->doc, "reason"));
}

static const char *exemption(struct page *p)
{
    static const struct {
        const char *reason, *words;
    } rows[] = {
        { "authenticated", "the client has logged in" },
        { "internal network", "the client is in internal-networks" },
        { "local submission", "a program on this host sent it" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (page_is(p->doc, "exempt", rows[i].reason))
            return rows[i].words;
    return page_member(p, p->doc, "exempt");
}

static void say_exempt(struct page *p)
{
    int64_t n = js_integer(js_member(p->doc, "signatures"));
    page_say(p, 0, "It %s not judged, because it is mail of the site itself: %s. Such mail is signed instead.",
             tense(p, "was", "is"), exemption(p));
    if (n > 0)
        page_say(p, 0, "Signatures put on it: %lld.", (long long)n);
    else if (page_text(p->doc, "unsigned").n > 0)
        page_say(p, 0, "It is not signed: %s.", page_member(p, p->doc, "unsigned"));
    if (page_text(p->doc, "left_out").n > 0)
        page_say(p, 0, "Not covered, because the mail server will rewrite them: %s.", page_member(p, p->doc, "left_out"));
    if (page_text(p->doc, "fragile").n > 0)
        page_say(p, 0, "What may break the signature on the way: %s.", page_member(p, p->doc, "fragile"));
    if (js_integer(js_member(p->doc, "unpublished_keys")) > 0)
        page_say(p, 0, "A key for it is not published in the DNS as it is here: see \"mailseal key check\".");
}

static void say_pass(struct page *p, const struct json *dmarc)
{
    bool spf = page_truth(dmarc, "spf_aligned"), dkim = page_truth(dmarc, "dkim_aligned");
    page_say(p, 0, "It says that it is from %s, and that is confirmed (DMARC pass): %s%s%s.", page_member(p, dmarc, "from_domain"),
             spf ? "it comes from a host that may send for this domain (SPF)" : "", spf && dkim ? ", and " : "",
             dkim ? "it bears a good signature of this domain (DKIM)" : "");
}

static void say_fail(struct page *p, const struct json *dmarc)
{
    const char *author = page_member(p, dmarc, "from_domain");
    static const struct {
        const char *disposition, *words;
    } rows[] = {
        { "none", "does not ask to treat such mail differently" },
        { "quarantine", "asks to treat such mail as suspicious" },
        { "reject", "asks to refuse such mail" },
    };
    const char *words = "";
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (page_is(dmarc, "disposition", rows[i].disposition))
            words = rows[i].words;
    page_say(p, 0, "It says that it is from %s, but nothing confirms that (DMARC fail), and %s %s.", author,
             page_member(p, dmarc, "record_domain"), words);
}

static void say_open(struct page *p, const struct json *dmarc)
{
    const struct json *author = js_member(p->doc, "author");
    if (!page_is(author, "status", "one"))
        page_say(p, 0, "Nobody can say who its author is: %s (DMARC %s).", page_member(p, author, "reason"),
                 page_member(p, dmarc, "result"));
    else if (page_is(dmarc, "result", "temperror"))
        page_say(p, 0,
                 "It says that it is from %s. Whether that is so is not known, because the DNS did not answer (DMARC temperror).",
                 page_member(p, dmarc, "from_domain"));
    else
        page_say(p, 0,
                 "It says that it is from %s, which does not tell receivers how to treat mail that is not confirmed: %s (DMARC"
                 " %s).",
                 page_member(p, dmarc, "from_domain"), page_member(p, dmarc, "reason"), page_member(p, dmarc, "result"));
}

static void say_summary(struct page *p)
{
    const struct json *dmarc = js_member(p->doc, "dmarc");
    if (js_kind(js_member(p->doc, "exempt")) == JS_TEXT)
        say_exempt(p);
    else if (page_is(dmarc, "result", "pass"))
        say_pass(p, dmarc);
    else if (page_is(dmarc, "result", "fail"))
        say_fail(p, dmarc);
    else
        say_open(p, dmarc);
}

/* ---- the policy ---- */

static void say_evidence(struct page *p)
{
    struct policy_facts f = { 0 };
    if (!policy_facts_read(p->a, page_text(p->doc, "facts"), &f))
        return;
    const struct {
        bool is;
        const char *yes, *no;
    } rows[] = {
        { f.list, "It came through a mailing list: the list names itself (List-Id), and SPF or DKIM passed for the list's domain.",
          "No mailing list: no List-Id field with an SPF or DKIM pass of the list's own domain." },
        { f.sealer, "A sealer that this site trusts saw it pass DMARC.", "No sealer that this site trusts saw it pass DMARC." },
        { f.forwarder,
          "The client passes on other people's mail (trusted-forwarders, or a relay of ours that does not tell from whom it had "
          "it).",
          "The client is not one of the site's trusted-forwarders." },
        { f.exempt, "The client or a signing domain is in the site's lists of exceptions (exempt-clients, exempt-dkim-domains).",
          NULL },
        { f.treat_as_reject, "The site's list treat-as-reject has the author's domain.", NULL },
        { f.never_reject, "The site's list never-reject has the author's domain.", NULL },
        { f.require_dkim, "The site's list require-dkim has the author's domain.", NULL },
    };
    page_title(p, "Evidence", "what else does the site know?");
    page_say(p, 0, "Mailing lists and forwarders make honest mail fail. A profile may spare mail that bears signs of them:");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].is || rows[i].no != NULL)
            page_item(p, 0, "-", "%s", rows[i].is ? rows[i].yes : rows[i].no);
}

static void say_rule(struct page *p, const struct json *r)
{
    const char *name = page_member(p, r, "rule");
    if (page_truth(r, "matched"))
        page_item(p, 0, "*", "%s: yes, all its conditions hold. Its action is %s.", name, page_member(p, r, "action"));
    else if (page_truth(r, "expired"))
        page_item(p, 0, "-", "%s: no, the rule has expired.", name);
    else if (page_text(r, "condition").n == 0)
        page_item(p, 0, "-", "%s: no, asking the sender to come back is no longer possible.", name);
    else
        page_item(p, 0, "-", "%s: no, it wants %s, but here it is %s.", name, page_member(p, r, "condition"),
                  page_text(r, "value").n > 0 ? page_member(p, r, "value") : "empty");
    if (page_text(r, "reason").n > 0)
        page_say(p, 2, "(%s%s%s)", page_member(p, r, "reason"), page_text(r, "owner").n > 0 ? "; owner: " : "",
                 page_member(p, r, "owner"));
}

static void say_rules(struct page *p)
{
    const struct json *rules = js_member(p->doc, "rules");
    if (js_count(rules) == 0)
        return;
    page_title(p, "Rules tried", "the first one whose conditions all hold decides");
    for (size_t i = 0; i < js_count(rules); i++)
        say_rule(p, js_item(rules, i));
}

static void say_profiles(struct page *p)
{
    const struct json *list = js_member(p->doc, "profiles");
    if (js_count(list) == 0)
        return;
    page_title(p, "Under other profiles", "the same facts, another policy");
    for (size_t i = 0; i < js_count(list); i++) {
        const struct json *o = js_item(list, i);
        if (page_text(o, "error").n > 0)
            page_item(p, 0, "-", "%s: cannot be read: %s", page_member(p, o, "profile"), page_member(p, o, "error"));
        else
            page_item(p, 0, "-", "%s: %s, by rule \"%s\"", page_member(p, o, "profile"), page_member(p, o, "action"),
                      page_member(p, o, "rule"));
    }
}

/* ---- what would be changed, and what was asked ---- */

/* A field value on one line. */
static const char *unfolded(struct page *p, struct str value)
{
    char *line = arena_copy(p->a, value.p, value.n);
    for (size_t i = 0; i < value.n; i++)
        if (char_is_space(line[i]))
            line[i] = ' ';
    return str_cstr(p->a, str_escape(p->a, (struct str){ line, value.n }, LIMIT_AUTHRES));
}

static void say_edits(struct page *p)
{
    const struct json *list = js_member(p->doc, "edits");
    if (js_count(list) == 0)
        return;
    page_title(p, "Header fields", tense(p, "what was changed in the message", "what would be changed in the message"));
    for (size_t i = 0; i < js_count(list); i++) {
        const struct json *e = js_item(list, i);
        if (page_is(e, "op", "delete"))
            page_item(p, 0, "-", "%s number %lld is removed: it bears the name of this site, and only this site may write it.",
                      page_member(p, e, "name"), (long long)js_integer(js_member(e, "index")));
        else
            page_item(p, 0, "+", "%s: %s", page_member(p, e, "name"), unfolded(p, page_text(e, "value")));
    }
}

static void say_given(struct page *p)
{
    const struct json *list = js_member(p->doc, "taken");
    if (js_count(list) == 0)
        return;
    page_title(p, "Taken from the message", "not given on the command line");
    for (size_t i = 0; i < js_count(list); i++) {
        const struct json *o = js_item(list, i);
        page_item(p, 0, "-", "%s: \"%s\", from %s", page_member(p, o, "what"), page_member(p, o, "value"),
                  page_member(p, o, "from"));
    }
}

/* One record; those with a shape of their own as one line of JSON. */
static void say_record(struct page *p, const char *name, const char *type, const struct json *record)
{
    struct str line;
    if (js_kind(record) == JS_TEXT)
        page_item(p, 0, "-", "%s %s \"%s\"", name, type, page_shown(p, js_text(record)));
    else if (js_line(p->a, record, LIMIT_LOG_LINE, &line))
        page_item(p, 0, "-", "%s %s %s", name, type, page_shown(p, line));
}

struct dns_name {
    struct page *page;
    const char *name;
};

static void say_type(void *ctx, struct str key, const struct json *value)
{
    const struct dns_name *n = ctx;
    struct page *p = n->page;
    const char *type = page_shown(p, key);
    if (js_kind(value) == JS_TEXT)
        page_item(p, 0, "-", "%s %s: %s", n->name, type,
                  str_eq(js_text(value), STR("NXDOMAIN"))  ? "there is no such name"
                  : str_eq(js_text(value), STR("TIMEOUT")) ? "no answer in time"
                                                           : page_shown(p, js_text(value)));
    else if (js_count(value) == 0)
        page_item(p, 0, "-", "%s %s: nothing of this type", n->name, type);
    for (size_t i = 0; i < js_count(value); i++)
        say_record(p, n->name, type, js_item(value, i));
}

static void say_name(void *ctx, struct str name, const struct json *types)
{
    struct page *p = ctx;
    struct dns_name n = { p, page_shown(p, name) };
    js_each(types, say_type, &n);
}

static void say_dns(struct page *p)
{
    const struct json *dns = js_member(p->doc, "dns");
    if (js_kind(dns) != JS_OBJECT)
        return;
    page_title(p, "DNS answers used", "");
    js_each(dns, say_name, p);
}

void explain_print(FILE *f, struct arena *a, const struct json *doc)
{
    struct page p = { .f = f, .a = a, .doc = doc };
    bool judged = js_kind(js_member(doc, "exempt")) != JS_TEXT;
    page_title(&p, "Decision", "");
    say_headline(&p);
    page_space(&p);
    say_summary(&p);
    say_given(&p);
    if (judged) {
        explain_author(&p);
        explain_spf(&p);
        explain_dkim(&p);
        explain_arc(&p);
        explain_dmarc(&p);
        say_evidence(&p);
    }
    say_rules(&p);
    say_profiles(&p);
    say_edits(&p);
    say_dns(&p);
}
