/*
 * explain_checks.c - what each check found, told to somebody who has never read an RFC: the middle of an explanation.
 *
 * Everything comes from the document that explain_json.c makes; the head and the policy are in explain_text.c.
 */
#include "engine_int.h"
#include "page.h"

/* What lies behind the reasons one meets most, and those that speak the language of the RFCs. */
struct hint {
    const char *reason, *hint;
};

static const char *hint_of(const struct hint *hints, const struct json *result)
{
    while (hints->reason != NULL && !page_is(result, "reason", hints->reason))
        hints++;
    return hints->hint;
}

/* ---- the author ---- */

void explain_author(struct page *p)
{
    const struct json *author = js_member(p->doc, "author");
    page_title(p, "Author", "whom do mail programs show as the sender?");
    if (page_is(author, "status", "one")) {
        page_say(p, 0,
                 "The From field names an address at %s. The checks below ask one thing: was this message really sent for %s?",
                 page_member(p, author, "domain"), page_member(p, author, "domain"));
        return;
    }
    page_say(p, 0, "The From field does not name exactly one author: %s.", page_member(p, author, "reason"));
    page_say(p, 0, "So there is no domain that could be asked whether it sent the message.");
}

/* ---- the client and SPF ---- */

static void say_client(struct page *p)
{
    static const struct {
        const char *class, *words;
    } rows[] = {
        { "outside", "a host outside the site" },
        { "internal", "a host of the site (internal-networks)" },
        { "local", "a program on this host" },
        { "relay", "a relay of the site (trusted-relays)" },
    };
    const struct json *client = js_member(p->doc, "client");
    const char *words = rows[0].words;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (page_is(client, "class", rows[i].class))
            words = rows[i].words;
    if (page_truth(client, "relayed"))
        words = "a host outside the site, by way of a relay of the site (trusted-relays)";
    page_say(p, 0, "The message was handed over by %s, %s, which called itself \"%s\" (HELO).",
             page_text(client, "ip").n > 0 ? page_member(p, client, "ip") : "an address that is not known", words,
             page_member(p, client, "helo"));
}

static void say_sender(struct page *p)
{
    const struct json *envelope = js_member(p->doc, "envelope");
    if (page_truth(envelope, "null_sender"))
        page_say(p, 0, "The envelope sender, where bounces go, is empty: the message is itself a bounce or a notice.");
    else if (page_text(envelope, "sender_domain").n == 0)
        page_say(p, 0, "The envelope sender, where bounces go, has no valid domain.");
    else
        page_say(p, 0, "The envelope sender, where bounces go, is an address at %s.", page_member(p, envelope, "sender_domain"));
}

/* What a result says about a host and a domain; NULL: only the reason can say it. */
static const char *spf_words(const struct json *spf)
{
    static const struct {
        const char *result, *words;
    } rows[] = {
        { "pass", "its SPF record lists this host" },
        { "fail", "its SPF record says that this host must not send for it" },
        { "softfail", "its SPF record says that this host probably should not send for it" },
        { "neutral", "its SPF record says nothing about this host" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (page_is(spf, "result", rows[i].result))
            return rows[i].words;
    return NULL;
}

static void say_spf(struct page *p, const char *name, const struct json *spf)
{
    const char *words = spf_words(spf), *domain = page_text(spf, "domain").n > 0 ? page_member(p, spf, "domain") : "(no domain)";
    if (words == NULL)
        page_item(p, 0, "-", "%s: %s for %s: %s.", name, page_member(p, spf, "result"), domain, page_member(p, spf, "reason"));
    else if (page_text(spf, "mechanism").n > 0 && !page_is(spf, "mechanism", "default"))
        page_item(p, 0, "-", "%s: %s for %s: %s, by the term \"%s\".", name, page_member(p, spf, "result"), domain, words,
                  page_member(p, spf, "mechanism"));
    else
        page_item(p, 0, "-", "%s: %s for %s: %s.", name, page_member(p, spf, "result"), domain, words);
    if (page_is(spf, "result", "fail") || page_is(spf, "result", "softfail"))
        page_say(p, 2, "A forwarder that passes mail on with the sender unchanged looks the same.");
    if (page_text(spf, "explanation").n > 0)
        page_say(p, 2, "%s explains: \"%s\"", domain, page_member(p, spf, "explanation"));
}

void explain_spf(struct page *p)
{
    const struct json *helo = js_member(p->doc, "helo");
    page_title(p, "Client and SPF", "may this host send for the envelope sender's domain?");
    say_client(p);
    say_sender(p);
    say_spf(p, "SPF", js_member(p->doc, "spf"));
    if (!page_truth(js_member(p->doc, "envelope"), "null_sender"))
        say_spf(p, "SPF of the HELO name (not used by DMARC)", helo);
}

/* ---- DKIM ---- */

static const struct hint dkim_hints[] = {
    { "body hash did not verify", "the text was changed after it was signed, as mailing lists do that add a footer" },
    { "signature did not verify",
      "a signed header field, often the subject, was changed on the way, or the signature was made up" },
    { "no key record", "the key is not published, or not any more: nobody can verify the signature" },
    { "key revoked", "the domain has withdrawn the key" },
    { "no answer to the key lookup", "the DNS did not answer, the signature may be good" },
    { "l= leaves the end of the body unsigned", "somebody may have added text below what was signed" },
    { NULL, NULL },
};

static void say_signature(struct page *p, const struct json *s)
{
    const char *hint = hint_of(dkim_hints, s), *domain = page_text(s, "domain").n > 0 ? page_member(p, s, "domain") : "(no domain)";
    const char *key = page_member(p, s, "selector"), *reason = page_member(p, s, "reason");
    if (page_is(s, "result", "pass"))
        page_item(p, 0, "-", "DKIM: pass for %s: the signature is good, made with its key \"%s\"%s%s.", domain, key,
                  reason[0] != '\0' ? "; remark: " : "", reason);
    else if (hint != NULL)
        page_item(p, 0, "-", "DKIM: %s for %s (key \"%s\"): %s. That is: %s.", page_member(p, s, "result"), domain, key, reason,
                  hint);
    else
        page_item(p, 0, "-", "DKIM: %s for %s (key \"%s\"): %s.", page_member(p, s, "result"), domain, key, reason);
}

void explain_dkim(struct page *p)
{
    const struct json *list = js_member(p->doc, "dkim");
    page_title(p, "DKIM", "who has signed the message, and is it unchanged?");
    if (js_count(list) == 0)
        page_say(p, 0, "The message bears no signature.");
    for (size_t i = 0; i < js_count(list); i++)
        say_signature(p, js_item(list, i));
}

/* ---- ARC ---- */

static void say_set(struct page *p, const struct json *set)
{
    page_item(p, 0, "-",
              "Seal %lld is of %s, which this site %s. It says that the message %s for the author's domain when it arrived there.",
              (long long)js_integer(js_member(set, "instance")), page_member(p, set, "domain"),
              page_truth(set, "trusted") ? "trusts (trusted-sealers)" : "does not trust (it is not in trusted-sealers)",
              page_truth(set, "reports_pass") ? "passed DMARC" : "had not passed DMARC");
}

void explain_arc(struct page *p)
{
    const struct json *arc = js_member(p->doc, "arc"), *sets = js_member(arc, "sets");
    page_title(p, "ARC", "what do hosts on the way say they saw?");
    if (page_is(arc, "result", "none")) {
        page_say(p, 0, "No forwarder or mailing list has sealed the message.");
        return;
    }
    if (page_is(arc, "result", "pass"))
        page_say(p, 0,
                 "The seals are good (ARC pass). Anybody can seal a message: a seal counts only from hosts this site trusts.");
    else
        page_say(p, 0, "The seals are not good, so what they say does not count: %s (ARC %s).", page_member(p, arc, "reason"),
                 page_member(p, arc, "result"));
    for (size_t i = 0; i < js_count(sets); i++)
        say_set(p, js_item(sets, i));
}

/* ---- DMARC ---- */

static void say_walk(struct page *p, const struct json *dmarc)
{
    const struct json *queries = js_member(dmarc, "queries");
    page_say(p, 0,
             "A domain publishes its wishes (its DMARC record) in the DNS under the name _dmarc.DOMAIN. What was asked, from the"
             " author's domain upwards:");
    for (size_t i = 0; i < js_count(queries); i++) {
        const struct json *q = js_item(queries, i);
        const char *mark = str_cstr(p->a, str_printf(p->a, "%zu.", i + 1));
        if (js_kind(js_member(q, "text")) == JS_TEXT)
            page_item(p, 2, mark, "_dmarc.%s: %s, \"%s\"", page_member(p, q, "name"), page_member(p, q, "why"),
                      page_member(p, q, "text"));
        else
            page_item(p, 2, mark, "_dmarc.%s: %s", page_member(p, q, "name"), page_member(p, q, "why"));
    }
}

/* Whose mail the policy is about. */
static const char *whose(struct page *p, const struct json *dmarc)
{
    const char *author = page_member(p, dmarc, "from_domain");
    const char *below = page_is(dmarc, "tag", "np")               ? ", a name below it that does not exist,"
                        : page_is(dmarc, "record_domain", author) ? ""
                                                                  : ", a name below it,";
    return str_cstr(p->a, str_printf(p->a, "%s%s", author, below));
}

static void say_policy(struct page *p, const struct json *dmarc)
{
    const struct json *record = js_member(dmarc, "record");
    const char *owner = page_member(p, record, "domain"), *from = whose(p, dmarc), *tag = page_member(p, dmarc, "tag");
    if (page_is(dmarc, "policy", "reject"))
        page_say(p, 0, "The record of %s asks to refuse mail from %s that is not confirmed (%s=reject).", owner, from, tag);
    else if (page_is(dmarc, "policy", "quarantine"))
        page_say(p, 0, "The record of %s asks to treat mail from %s that is not confirmed as suspicious (%s=quarantine).", owner,
                 from, tag);
    else
        page_say(p, 0,
                 "The record of %s asks for nothing to be done about mail from %s that is not confirmed, only for reports"
                 " (%s=none).",
                 owner, from, tag);
    if (page_is(record, "t", "y"))
        page_say(p, 0, "It also says t=y: the domain is only trying this out, and one step less is to be done (%s).",
                 page_member(p, dmarc, "applied"));
    if (page_text(record, "remark").n > 0)
        page_say(p, 0, "A fault of the record: %s.", page_member(p, record, "remark"));
}

static void say_organization(struct page *p, const struct json *dmarc)
{
    const char *org = page_member(p, dmarc, "org_domain");
    if (org[0] != '\0' && page_text(dmarc, "org_domain_why").n > 0)
        page_say(p, 0, "The author's organization is everything at and below %s (%s).", org,
                 page_member(p, dmarc, "org_domain_why"));
}

static void say_mode(struct page *p, const char *check, const struct json *dmarc, const char *tag)
{
    if (page_is(js_member(dmarc, "record"), tag, "s"))
        page_say(p, 0,
                 "For %s the record wants the very domain %s (%s=s, strict); another name of the organization does not count.",
                 check, page_member(p, dmarc, "from_domain"), tag);
}

static void say_aligned(struct page *p, const char *check, const struct json *result, bool aligned)
{
    const struct json *dmarc = js_member(p->doc, "dmarc");
    const char *domain = page_text(result, "domain").n > 0 ? page_member(p, result, "domain") : "(no domain)";
    bool settled = page_is(dmarc, "result", "pass") && page_text(dmarc, "org_domain_why").n == 0;
    if (!page_is(result, "result", "pass"))
        page_item(p, 0, "-", "%s for %s did not pass (%s), so it does not count.", check, domain, page_member(p, result, "result"));
    else if (aligned)
        page_item(p, 0, "-", "%s passed for %s: it counts.", check, domain);
    else if (settled)
        page_item(p, 0, "-", "%s passed for %s: it was not needed any more.", check, domain);
    else
        page_item(p, 0, "-", "%s passed for %s, which is not the author's domain: it does not count.", check, domain);
}

static void say_alignment(struct page *p, const struct json *dmarc)
{
    const struct json *list = js_member(p->doc, "dkim");
    page_say(p, 0,
             "A check counts when it passed for the author's domain or another name of its organization (\"alignment\"), and one"
             " that counts is enough.");
    say_mode(p, "SPF", dmarc, "aspf");
    say_mode(p, "DKIM", dmarc, "adkim");
    say_aligned(p, "SPF", js_member(p->doc, "spf"), page_truth(dmarc, "spf_aligned"));
    if (js_count(list) == 0)
        page_item(p, 0, "-", "DKIM: there is no signature that could count.");
    for (size_t i = 0; i < js_count(list); i++)
        say_aligned(p, "DKIM", js_item(list, i), page_truth(js_item(list, i), "aligned"));
}

static const struct hint dmarc_hints[] = {
    { "SPF and DKIM are aligned", "both passed for the author's domain or its organization" },
    { "SPF is aligned", "SPF passed for the author's domain or its organization" },
    { "DKIM is aligned", "a signature of the author's domain or its organization is good" },
    { "no aligned identifier passed", "no check passed for the author's domain or its organization" },
    { "no aligned identifier among the first domains looked at",
      "no check passed for the author's domain or its organization, as far as was looked: there are too many signatures" },
    { "an identifier might align, but the DNS did not answer",
      "a check may have passed for the author's domain or its organization, but nobody can tell without the answer" },
    { "the DMARC record has no valid policy and no valid rua: it does not apply",
      "the record does not say what is to be done, nor where reports go, so it is as if there were none" },
    { NULL, NULL },
};

void explain_dmarc(struct page *p)
{
    const struct json *dmarc = js_member(p->doc, "dmarc");
    const char *hint = hint_of(dmarc_hints, dmarc);
    page_title(p, "DMARC", "do the checks that passed belong to the author?");
    bool applies = page_text(dmarc, "tag").n > 0;
    if (js_count(js_member(dmarc, "queries")) > 0)
        say_walk(p, dmarc);
    if (applies)
        say_policy(p, dmarc);
    say_organization(p, dmarc);
    if (applies)
        say_alignment(p, dmarc);
    page_say(p, 0, "Result: DMARC %s: %s.%s%s%s", page_member(p, dmarc, "result"), page_member(p, dmarc, "reason"),
             hint != NULL ? " That is: " : "", hint != NULL ? hint : "", hint != NULL ? "." : "");
}
