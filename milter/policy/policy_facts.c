/*
 * policy_facts.c - the facts a rule can ask about, and all of them as one line of text and back.
 *
 * The text is a list of conditions that the facts fulfil, "dmarc=fail from-domain=example.org sender-domain=<>": one space between
 * two, and bytes that could be taken for anything else as %HH.
 */
#include <stddef.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/buf.h"
#include "mailseal/limits.h"
#include "mailseal/str.h"
#include "mailseal/domain.h"
#include "mailseal/authres.h"
#include "mailseal/dmarc.h"
#include "mailseal/policy.h"

#include "policy_int.h"

const struct name_code author_status_names[] = {
    { "one", AUTHOR_ONE },           { "none", AUTHOR_NONE },           { "several", AUTHOR_SEVERAL },
    { "repeated", AUTHOR_REPEATED }, { "malformed", AUTHOR_MALFORMED }, { NULL, 0 },
};
static const struct name_code direction_names[] = { { "inbound", DIRECTION_INBOUND },
                                                    { "outbound", DIRECTION_OUTBOUND },
                                                    { NULL, 0 } };
const struct name_code client_class_names[] = { { "outside", CLIENT_OUTSIDE },
                                                { "internal", CLIENT_INTERNAL },
                                                { "local", CLIENT_LOCAL },
                                                { "relay", CLIENT_RELAY },
                                                { NULL, 0 } };
static const struct name_code yes_no_names[] = { { "no", false }, { "yes", true }, { NULL, 0 } };
static const struct name_code sealer_names[] = { { "other", false }, { "trusted", true }, { NULL, 0 } };
static const struct name_code temperror_names[] = { { "accept", false }, { "tempfail", true }, { NULL, 0 } };

#define MEMBER(m) offsetof(struct policy_facts, m), sizeof(((struct policy_facts *)NULL)->m)

/* In the order in which the tables of tests/policy/golden tell them apart: what settles most comes first. */
const struct fact policy_fact_table[] = {
    { "direction", FACT_WORD, direction_names, MEMBER(direction) },
    { "client", FACT_WORD, client_class_names, MEMBER(client) },
    { "authenticated", FACT_WORD, yes_no_names, MEMBER(authenticated) },
    { "daemon", FACT_NAME, NULL, MEMBER(daemon) },
    { "exempt", FACT_WORD, yes_no_names, MEMBER(exempt) },
    { "from", FACT_WORD, author_status_names, MEMBER(from) },
    { "from-domain", FACT_DOMAIN, NULL, MEMBER(from_domain) },
    { "sender-domain", FACT_DOMAIN, NULL, MEMBER(sender_domain) },
    { "recipient-domain", FACT_DOMAIN, NULL, MEMBER(recipient_domain) },
    { "require-dkim", FACT_WORD, yes_no_names, MEMBER(require_dkim) },
    { "dkim-aligned", FACT_WORD, auth_code_names, MEMBER(dkim_aligned) },
    { "dmarc", FACT_WORD, auth_code_names, MEMBER(dmarc) },
    { "temperror-option", FACT_WORD, temperror_names, MEMBER(tempfail_wanted) },
    { "never-reject", FACT_WORD, yes_no_names, MEMBER(never_reject) },
    { "policy", FACT_WORD, dmarc_policy_names, MEMBER(policy) },
    { "treat-as-reject", FACT_WORD, yes_no_names, MEMBER(treat_as_reject) },
    { "aligned", FACT_WORD, yes_no_names, MEMBER(aligned) },
    { "list", FACT_WORD, yes_no_names, MEMBER(list) },
    { "arc", FACT_WORD, auth_code_names, MEMBER(arc) },
    { "sealer", FACT_WORD, sealer_names, MEMBER(sealer) },
    { "forwarder", FACT_WORD, yes_no_names, MEMBER(forwarder) },
    { "spf", FACT_WORD, auth_code_names, MEMBER(spf) },
    { "helo", FACT_WORD, auth_code_names, MEMBER(helo) },
    { "dkim", FACT_WORD, auth_code_names, MEMBER(dkim) },
    { NULL, FACT_WORD, NULL, 0, 0 },
};

_Static_assert(sizeof(enum auth_code) == sizeof(unsigned) && sizeof(enum dmarc_policy) == sizeof(unsigned) &&
                   sizeof(enum author_status) == sizeof(unsigned) && sizeof(enum client_class) == sizeof(unsigned) &&
                   sizeof(enum direction) == sizeof(unsigned),
               "a fact of words is a bool or an unsigned");

const struct fact *policy_fact_find(struct str name)
{
    for (const struct fact *f = policy_fact_table; f->name != NULL; f++) {
        if (str_eq(name, str_of(f->name)))
            return f;
    }
    return NULL;
}

unsigned policy_fact_code(const struct fact *f, const struct policy_facts *facts)
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

struct str policy_fact_text(const struct fact *f, const struct policy_facts *facts)
{
    struct str text;

    memcpy(&text, (const char *)facts + f->offset, sizeof(text));
    return text;
}

struct str policy_fact_value(const struct fact *f, const struct policy_facts *facts)
{
    struct str text;

    if (f->kind == FACT_WORD)
        return str_of(name_of(f->values, (int)policy_fact_code(f, facts)));
    text = policy_fact_text(f, facts);
    return text.n > 0 ? text : STR(POLICY_NOTHING);
}

static void set_code(const struct fact *f, unsigned code, struct policy_facts *out)
{
    bool flag = code != 0;

    memcpy((char *)out + f->offset, f->size == sizeof(flag) ? (const void *)&flag : (const void *)&code, f->size);
}

static bool is_plain(char c)
{
    return c > 0x20 && c < 0x7f && c != '%' && c != '<' && c != '>';
}

static void add_text(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n && i < POLICY_VALUE_MAX; i++) {
        if (is_plain(text.p[i]))
            buf_char(out, text.p[i]);
        else
            buf_printf(out, "%%%02X", (unsigned char)text.p[i]);
    }
}

struct str policy_facts_write(struct arena *a, const struct policy_facts *facts)
{
    struct buf out;

    buf_init(&out, a, LIMIT_POLICY_FACTS);
    for (const struct fact *f = policy_fact_table; f->name != NULL; f++) {
        buf_puts(&out, out.n > 0 ? " " : "");
        buf_puts(&out, f->name);
        buf_char(&out, '=');
        if (f->kind == FACT_WORD || policy_fact_text(f, facts).n == 0)
            buf_str(&out, policy_fact_value(f, facts));
        else
            add_text(&out, policy_fact_text(f, facts));
    }
    return buf_view(&out);
}

static int hex_digit(char c)
{
    return char_is_digit(c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_text(struct arena *a, struct str word, struct str *text)
{
    char *out = arena_alloc(a, word.n);
    size_t n = 0;

    for (size_t i = 0; i < word.n; i++) {
        out[n++] = word.p[i];
        if (word.p[i] == '%') {
            if (word.n - i < 3 || hex_digit(word.p[i + 1]) < 0 || hex_digit(word.p[i + 2]) < 0)
                return false;
            out[n - 1] = (char)(hex_digit(word.p[i + 1]) * 16 + hex_digit(word.p[i + 2]));
            i += 2;
        } else if (!is_plain(word.p[i])) {
            return false;
        }
    }
    *text = (struct str){ out, n };
    return n > 0 && n <= POLICY_VALUE_MAX;
}

static bool read_fact(struct arena *a, const struct fact *f, struct str value, struct policy_facts *out)
{
    struct str text = STR_NONE;
    int code;

    if (f->kind == FACT_WORD) {
        code = code_of(f->values, value);
        if (code >= 0)
            set_code(f, (unsigned)code, out);
        return code >= 0;
    }
    if (!str_eq(value, STR(POLICY_NOTHING)) && (!read_text(a, value, &text) || (f->kind == FACT_DOMAIN && !domain_is_valid(text))))
        return false;
    memcpy((char *)out + f->offset, &text, sizeof(text));
    return true;
}

bool policy_facts_read(struct arena *a, struct str text, struct policy_facts *out)
{
    struct policy_facts facts = *out;
    bool any = false;

    while (text.n > 0) {
        struct str word, name, value;
        const struct fact *f;

        str_cut(text, ' ', &word, &text);
        if (!str_cut(word, '=', &name, &value) || name.n == 0)
            return false;
        f = policy_fact_find(name);
        if (f != NULL && !read_fact(a, f, value, &facts))
            return false;
        any = any || f != NULL;
    }
    if (any)
        *out = facts;
    return any;
}
