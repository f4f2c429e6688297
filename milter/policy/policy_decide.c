/*
 * policy_decide.c - the facts a rule can ask about, and the first rule that matches. Pure: same facts, same decision.
 *
 * Domains in a reply come from the sender: they are printed as letters, digits, ".", "-" and "_" only. Sending the reply is left to
 * the filter.
 */
#include <stddef.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/buf.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"
#include "mailseal/str.h"
#include "mailseal/authres.h"
#include "mailseal/dmarc.h"
#include "mailseal/policy.h"

#include "policy_int.h"

const struct name_code action_names[] = {
    { "accept", ACTION_ACCEPT },
    { "label", ACTION_LABEL },
    { "quarantine", ACTION_QUARANTINE },
    { "tempfail", ACTION_TEMPFAIL },
    { "reject", ACTION_REJECT },
    { "discard", ACTION_DISCARD },
    { NULL, 0 },
};

static const struct name_code from_names[] = {
    { "one", AUTHOR_ONE },           { "none", AUTHOR_NONE },           { "several", AUTHOR_SEVERAL },
    { "repeated", AUTHOR_REPEATED }, { "malformed", AUTHOR_MALFORMED }, { NULL, 0 },
};
static const struct name_code yes_no_names[] = { { "no", false }, { "yes", true }, { NULL, 0 } };
static const struct name_code sealer_names[] = { { "other", false }, { "trusted", true }, { NULL, 0 } };
static const struct name_code temperror_names[] = { { "accept", false }, { "tempfail", true }, { NULL, 0 } };

#define MEMBER(m) offsetof(struct policy_facts, m), sizeof(((struct policy_facts *)NULL)->m)

const struct fact policy_fact_table[] = {
    { "dmarc", auth_code_names, MEMBER(dmarc) },
    { "policy", dmarc_policy_names, MEMBER(policy) },
    { "from", from_names, MEMBER(from) },
    { "spf", auth_code_names, MEMBER(spf) },
    { "helo", auth_code_names, MEMBER(helo) },
    { "dkim", auth_code_names, MEMBER(dkim) },
    { "list", yes_no_names, MEMBER(list) },
    { "arc", auth_code_names, MEMBER(arc) },
    { "sealer", sealer_names, MEMBER(sealer) },
    { "forwarder", yes_no_names, MEMBER(forwarder) },
    { "temperror-option", temperror_names, MEMBER(tempfail_wanted) },
    { NULL, NULL, 0, 0 },
};

const struct variable policy_variables[] = {
    { "from-domain", offsetof(struct policy_facts, from_domain) },
    { "spf-domain", offsetof(struct policy_facts, spf_domain) },
    { NULL, 0 },
};

_Static_assert(sizeof(enum auth_code) == sizeof(unsigned) && sizeof(enum dmarc_policy) == sizeof(unsigned) &&
                   sizeof(enum author_status) == sizeof(unsigned),
               "a fact is a bool or an unsigned");

unsigned policy_fact(const struct fact *f, const struct policy_facts *facts)
{
    const char *member = (const char *)facts + f->offset;
    unsigned value;
    bool flag;

    if (f->size == sizeof(flag)) {
        memcpy(&flag, member, sizeof(flag));
        return flag;
    }
    memcpy(&value, member, sizeof(value));
    return value;
}

static bool matches(const struct rule *rule, const struct policy_facts *facts)
{
    for (size_t i = 0; i < rule->n_when; i++) {
        if ((rule->when[i].values >> policy_fact(rule->when[i].fact, facts) & 1) == 0)
            return false;
    }
    return true;
}

static void add_domain(struct buf *out, struct str domain)
{
    size_t begin = out->n;

    for (size_t i = 0; i < domain.n && out->n - begin < POLICY_DOMAIN_MAX; i++) {
        if (char_is_alnum(domain.p[i]) || memchr(".-_", domain.p[i], 3) != NULL)
            buf_char(out, domain.p[i]);
    }
    if (out->n == begin)
        buf_puts(out, "(unknown)");
}

static struct str expand(const struct rule *rule, const struct policy_facts *facts, struct arena *a)
{
    struct buf out;

    buf_init(&out, a, LIMIT_REPLY);
    for (size_t i = 0; i < rule->n_text; i++) {
        const struct piece *piece = &rule->text[i];
        struct str domain;

        if (piece->variable != NULL) {
            memcpy(&domain, (const char *)facts + piece->variable->offset, sizeof(domain));
            add_domain(&out, domain);
        } else {
            buf_str(&out, str_first(piece->literal, LIMIT_REPLY - out.n));
        }
    }
    return buf_view(&out);
}

void policy_decide(const struct policy *p, const struct policy_facts *f, struct arena *a, struct policy_decision *out)
{
    for (size_t i = 0; i < p->n_rules; i++) {
        const struct rule *rule = &p->rules[i];

        if (!matches(rule, f))
            continue;
        *out = (struct policy_decision){
            .action = rule->action, .rule = rule->name, .code = rule->code, .xcode = rule->xcode, .reason = ""
        };
        if (rule->code != 0)
            out->text = expand(rule, f, a);
        return;
    }
    BUG("no rule of '%s' matches", p->name);
}
