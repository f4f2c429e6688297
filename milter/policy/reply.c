/*
 * reply.c - what the sender of a refused message is told: read from the profile, and written for one message.
 *
 * Reply codes: RFC 5321 4.2, RFC 3463 2, RFC 7372. Values in a reply may come from the sender: they are printed as letters, digits,
 * ".", "-", "_" and ":" only, but for an explanation of SPF, which has a line of its own behind one that says whose it is (RFC 7208
 * 8.4). Sending the reply is left to the filter.
 */
#include <stddef.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/buf.h"
#include "mailseal/limits.h"
#include "mailseal/str.h"
#include "mailseal/authres.h"
#include "mailseal/dmarc.h"
#include "mailseal/policy.h"

#include "policy_int.h"

struct variable {
    const char *name;
    void (*put)(struct buf *out, const struct rule *rule, const struct policy_facts *facts);
    size_t offset; /* without put: of the member in struct policy_facts */
};

static void put_safe(struct buf *out, struct str value)
{
    size_t begin = out->n;

    for (size_t i = 0; i < value.n && out->n - begin < POLICY_VALUE_MAX && !out->full; i++) {
        if (char_is_alnum(value.p[i]) || memchr(".-_:", value.p[i], 4) != NULL)
            buf_char(out, value.p[i]);
    }
    if (out->n == begin)
        buf_puts(out, "(unknown)");
}

static void put_rule(struct buf *out, const struct rule *rule, const struct policy_facts *facts)
{
    (void)facts;
    buf_puts(out, rule->name);
}

static void put_reason(struct buf *out, const struct rule *rule, const struct policy_facts *facts)
{
    (void)facts;
    buf_str(out, str_first(str_of(rule->reason), out->max - out->n));
}

static void put_fact(struct buf *out, const char *name, const struct policy_facts *facts)
{
    struct str value = policy_fact_value(policy_fact_find(str_of(name)), facts);

    buf_printf(out, " %s=%.*s", name, STR_FMT(value));
}

/* What a sender needs to see where it went wrong. That a pass was of no use is said, or the rest would read as a contradiction. */
static void put_why(struct buf *out, const struct rule *rule, const struct policy_facts *facts)
{
    bool passed = facts->spf == AUTH_PASS || facts->dkim == AUTH_PASS;

    (void)rule;
    buf_printf(out, "spf=%s", auth_code_name(facts->spf));
    put_fact(out, "dkim", facts);
    if (passed && !facts->aligned && facts->from == AUTHOR_ONE)
        put_fact(out, "aligned", facts);
    else if (facts->dkim == AUTH_PASS && facts->dkim_aligned != AUTH_PASS && facts->from == AUTHOR_ONE)
        put_fact(out, "dkim-aligned", facts);
    put_fact(out, "dmarc", facts);
    if (facts->dmarc == AUTH_FAIL)
        put_fact(out, "policy", facts);
    if (facts->from != AUTHOR_ONE)
        put_fact(out, "from", facts);
}

#define MEMBER(m) NULL, offsetof(struct policy_facts, m)

static const struct variable variables[] = {
    { "from-domain", MEMBER(from_domain) },
    { "spf-domain", MEMBER(spf_domain) },
    { "sender-domain", MEMBER(sender_domain) },
    { "client-ip", MEMBER(client_ip) },
    { "queue-id", MEMBER(queue_id) },
    { "rule", put_rule, 0 },
    { "reason", put_reason, 0 },
    { "why", put_why, 0 },
    { NULL, NULL, 0 },
};

static struct str explain(const struct policy_facts *facts, struct str text, struct arena *a)
{
    struct buf domain;
    struct str explanation = str_trim(str_first(facts->spf_explanation, LIMIT_REPLY));

    if (facts->spf != AUTH_FAIL || explanation.n == 0)
        return text;
    buf_init(&domain, a, POLICY_VALUE_MAX);
    put_safe(&domain, facts->spf_domain);
    return str_printf(a, "%.*s\nThe domain %.*s explains:\n%.*s", STR_FMT(text), STR_FMT(buf_view(&domain)), STR_FMT(explanation));
}

struct str reply_write(const struct rule *rule, const struct policy_facts *facts, struct arena *a)
{
    struct buf out;

    buf_init(&out, a, LIMIT_REPLY);
    for (size_t i = 0; i < rule->n_text; i++) {
        const struct piece *piece = &rule->text[i];
        struct str value;

        if (piece->variable == NULL) {
            buf_str(&out, str_first(piece->literal, LIMIT_REPLY - out.n));
        } else if (piece->variable->put != NULL) {
            piece->variable->put(&out, rule, facts);
        } else {
            memcpy(&value, (const char *)facts + piece->variable->offset, sizeof(value));
            put_safe(&out, value);
        }
    }
    return rule->explains ? explain(facts, buf_view(&out), a) : buf_view(&out);
}

static const char *add_variable(struct arena *a, struct str name, struct piece *out)
{
    for (const struct variable *v = variables; v->name != NULL; v++) {
        if (str_eq(name, str_of(v->name))) {
            out->variable = v;
            return NULL;
        }
    }
    if (str_eq(name, STR("spf-explanation")))
        return "%{spf-explanation} can only be the end of a reply";
    return str_cstr(a, str_printf(a, "there is no variable '%.*s'", STR_FMT(name)));
}

static bool starts_variable(struct str s)
{
    return s.n >= 2 && s.p[0] == '%' && s.p[1] == '{';
}

/* What a foreign domain says stands behind all that is ours. */
static struct str cut_explanation(struct str text, struct rule *rule)
{
    const struct str variable = STR("%{spf-explanation}");
    size_t n = text.n >= variable.n ? text.n - variable.n : 0;

    rule->explains = str_eq(str_skip(text, n), variable);
    return rule->explains ? str_trim(str_first(text, n)) : text;
}

static const char *parse_text(struct arena *a, struct str text, struct rule *rule)
{
    rule->text = ARENA_ARRAY(a, struct piece, POLICY_PIECES_MAX);
    while (text.n > 0) {
        struct piece *piece = &rule->text[rule->n_text];
        struct str name;
        const char *error;
        size_t n = 0;

        if (rule->n_text++ == POLICY_PIECES_MAX)
            return "the reply has too many variables";
        if (starts_variable(text)) {
            if (!str_cut(str_skip(text, 2), '}', &name, &text))
                return "a variable is written %{name}";
            error = add_variable(a, name, piece);
            if (error != NULL)
                return error;
            continue;
        }
        while (n < text.n && !starts_variable(str_skip(text, n)))
            n++;
        piece->literal = str_dup(a, str_first(text, n));
        text = str_skip(text, n);
    }
    return NULL;
}

/* RFC 3463 2: class "." subject "." detail */
static bool is_enhanced_code(struct str s)
{
    struct str rest, part;
    uint64_t value;

    if (!str_cut(s, '.', &part, &rest) || part.n != 1 || !str_to_uint(part, 9, &value))
        return false;
    if (!str_cut(rest, '.', &part, &rest) || part.n > 3 || !str_to_uint(part, 999, &value))
        return false;
    return rest.n <= 3 && str_to_uint(rest, 999, &value);
}

const char *reply_parse(struct arena *a, struct str reply, struct rule *rule)
{
    struct str code, xcode, text;
    uint64_t number;
    char class = rule->action == ACTION_REJECT ? '5' : '4';

    for (size_t i = 0; i < reply.n; i++) {
        if (reply.p[i] < 0x20 || reply.p[i] > 0x7e)
            return "a reply is printable ASCII";
    }
    if (reply.n > LIMIT_REPLY)
        return str_cstr(a, str_printf(a, "the reply is longer than %d characters", LIMIT_REPLY));
    if (!str_cut(reply, ' ', &code, &text) || code.n != 3 || !str_to_uint(code, 599, &number) ||
        !str_cut(text, ' ', &xcode, &text) || !is_enhanced_code(xcode) || (text = cut_explanation(str_trim(text), rule)).n == 0)
        return "a reply is a code, an enhanced code and a text: 550 5.7.1 Text";
    /* RFC 5321 4.2.1, RFC 3463 3.1: the class of the code is that of the action, and both codes agree */
    if (code.p[0] != class)
        return str_cstr(a, str_printf(a, "the action %s needs a reply code %cxx", name_of(action_names, rule->action), class));
    if (xcode.p[0] != class)
        return str_cstr(a, str_printf(a, "the enhanced code must begin with %c like the reply code", class));
    rule->code = (int)number;
    rule->xcode = str_cstr(a, xcode);
    return parse_text(a, text, rule);
}
