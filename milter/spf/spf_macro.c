/*
 * spf_macro.c - macro-strings of SPF: syntax and expansion (RFC 7208 7).
 *
 * A piece is taken off the text at a time, by the parser of records to check it and by the expander to write it; so both follow one
 * grammar. Expansions need no memory beyond a fixed buffer. Which name %{p} is, and when a term must not be expanded at all, is
 * left to the evaluator.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/buf.h"
#include "mailseal/domain.h"

#include "spf_int.h"

static bool fail(const char **reason, const char *why)
{
    *reason = why;
    return false;
}

/* RFC 7208 7.1: transformers and delimiters, up to the closing brace. */
static bool parse_transformers(struct str s, struct spf_macro *out, const char **reason)
{
    size_t i = 0;
    for (; i < s.n && char_is_digit(s.p[i]); i++)
        if (out->keep < SPF_MACRO_KEEP_MAX)
            out->keep = out->keep * 10 + (unsigned)(s.p[i] - '0');
    /* RFC 7208 7.1: the number of parts must not be zero. */
    if (i > 0 && out->keep == 0)
        return fail(reason, "macro keeps 0 parts");
    if (i < s.n && char_lower(s.p[i]) == 'r') {
        out->reverse = true;
        i++;
    }
    out->delims = i < s.n ? str_skip(s, i) : STR(".");
    for (; i < s.n; i++)
        if (strchr(".-+,/_=", s.p[i]) == NULL || s.p[i] == '\0')
            return fail(reason, "macro has a faulty transformer or delimiter");
    return true;
}

static bool parse_braces(struct str *rest, bool exp, struct spf_macro *out, const char **reason)
{
    struct str body;
    if (!str_cut(str_skip(*rest, 2), '}', &body, rest))
        return fail(reason, "macro without closing brace");
    char letter = body.n > 0 ? char_lower(body.p[0]) : '\0';
    if (letter == '\0' || strchr("slodipvhcrt", letter) == NULL)
        return fail(reason, "unknown macro letter");
    /* RFC 7208 7.2: c, r and t are for explanation texts. */
    if (!exp && strchr("crt", letter) != NULL)
        return fail(reason, "macro letter allowed in explanations only");
    out->letter = letter;
    out->escape = letter != body.p[0];
    return parse_transformers(str_skip(body, 1), out, reason);
}

static bool is_literal(char c, bool exp)
{
    return (c > ' ' && c <= '~' && c != '%') || (exp && c == ' ');
}

bool spf_macro_next(struct str *rest, bool exp, struct spf_macro *out, const char **reason)
{
    *out = (struct spf_macro){ 0 };
    struct str s = *rest;
    size_t n = 0;
    while (n < s.n && is_literal(s.p[n], exp))
        n++;
    if (n > 0) {
        out->text = str_first(s, n);
        *rest = str_skip(s, n);
        return true;
    }
    if (s.n == 0 || s.p[0] != '%')
        return fail(reason, "character that is not allowed");
    switch (s.n > 1 ? s.p[1] : '\0') {
    case '{':
        return parse_braces(rest, exp, out, reason);
    case '%':
        out->text = STR("%");
        break;
    case '_':
        out->text = STR(" ");
        break;
    case '-':
        out->text = STR("%20");
        break;
    default:
        /* RFC 7208 7.1: a "%" that begins no macro is a syntax error. */
        return fail(reason, "percent sign that begins no macro");
    }
    *rest = str_skip(s, 2);
    return true;
}

bool spf_macro_uses(struct str text, const char *letters)
{
    struct spf_macro m;
    const char *reason;
    while (text.n > 0 && spf_macro_next(&text, true, &m, &reason))
        if (m.letter != '\0' && strchr(letters, m.letter) != NULL)
            return true;
    return false;
}

static void put(struct spf_text *out, char c)
{
    if (out->n == out->max) {
        if (!out->keep_end)
            return;
        memmove(out->p, out->p + out->max / 2, out->max - out->max / 2);
        out->n = out->max - out->max / 2;
    }
    out->p[out->n++] = c;
}

/* RFC 7208 7.3: upper case letters escape all that RFC 3986 2.3 does not call unreserved. */
static void put_value(struct spf_text *out, const struct spf_macro *m, char c)
{
    static const char hex[] = "0123456789ABCDEF";
    if (!m->escape || char_is_alnum(c) || (c != '\0' && strchr("-._~", c) != NULL)) {
        put(out, c);
        return;
    }
    put(out, '%');
    put(out, hex[(unsigned char)c >> 4]);
    put(out, hex[(unsigned char)c & 15]);
}

static bool is_delim(const struct spf_macro *m, char c)
{
    return memchr(m->delims.p, c, m->delims.n) != NULL;
}

/* The first `keep` parts of the value, last first. */
static void put_reversed(struct spf_text *out, const struct spf_macro *m, struct str value)
{
    size_t end = 0;
    unsigned parts = 0;
    for (; end < value.n; end++)
        if (is_delim(m, value.p[end]) && ++parts == m->keep)
            break;
    for (;;) {
        size_t begin = end;
        while (begin > 0 && !is_delim(m, value.p[begin - 1]))
            begin--;
        for (size_t i = begin; i < end; i++)
            put_value(out, m, value.p[i]);
        if (begin == 0)
            return;
        put_value(out, m, '.');
        end = begin - 1;
    }
}

/* The last `keep` parts of the value. */
static void put_forward(struct spf_text *out, const struct spf_macro *m, struct str value)
{
    size_t begin = value.n;
    unsigned parts = 0;
    for (; begin > 0; begin--)
        if (is_delim(m, value.p[begin - 1]) && ++parts == m->keep)
            break;
    for (size_t i = begin; i < value.n; i++)
        put_value(out, m, is_delim(m, value.p[i]) ? '.' : value.p[i]);
}

/* RFC 7208 7.3: dotted quad, or 32 nibbles with dots between them. */
static struct str dotted(struct ip ip, struct arena *a)
{
    static const char hex[] = "0123456789ABCDEF";
    if (ip.family != 6)
        return ip_text(a, ip);
    char text[64];
    for (size_t i = 0; i < 32; i++) {
        text[2 * i] = hex[(ip.b[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 15];
        text[2 * i + 1] = '.';
    }
    return str_dup(a, (struct str){ text, 63 });
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] > '~')
            return false;
    return true;
}

void spf_vars_init(struct spf_vars *vars, const struct spf_input *in, struct str local, struct str sender_domain, struct arena *a)
{
    struct buf sender;
    buf_init(&sender, a, local.n + sender_domain.n + 1);
    buf_str(&sender, local);
    buf_char(&sender, '@');
    buf_str(&sender, sender_domain);

    /* RFC 8616 4: domain names are written as A-labels. */
    struct str helo = str_first(in->helo, LIMIT_ADDRESS), normal;
    if (!is_ascii(helo) && domain_normalise(a, helo, &normal))
        helo = normal;

    *vars = (struct spf_vars){ 0 };
    vars->value[SPF_VAR('s')] = buf_view(&sender);
    vars->value[SPF_VAR('l')] = local;
    vars->value[SPF_VAR('o')] = sender_domain;
    vars->value[SPF_VAR('i')] = dotted(in->client, a);
    vars->value[SPF_VAR('v')] = in->client.family == 6 ? STR("ip6") : STR("in-addr");
    vars->value[SPF_VAR('h')] = helo;
    vars->value[SPF_VAR('c')] = ip_text(a, in->client);
    vars->value[SPF_VAR('r')] = in->receiver.n > 0 ? in->receiver : STR("unknown");
    vars->value[SPF_VAR('t')] = str_printf(a, "%lld", (long long)in->now);
}

bool spf_macro_expand(struct str text, bool exp, const struct spf_vars *vars, struct spf_text *out)
{
    struct spf_macro m;
    const char *reason;
    out->n = 0;
    while (text.n > 0) {
        if (!spf_macro_next(&text, exp, &m, &reason))
            return false;
        if (m.letter != '\0') {
            struct str value = vars->value[SPF_VAR(m.letter)];
            m.reverse ? put_reversed(out, &m, value) : put_forward(out, &m, value);
        }
        for (size_t i = 0; i < m.text.n; i++)
            put(out, m.text.p[i]);
    }
    return true;
}

/* RFC 1035 2.3.4. Any printable character may be in a label: RFC 7208 asks for names, not for host names. */
bool spf_name_can_exist(struct str name)
{
    size_t label = 0;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '.' && label == 0)
            return false;
        label = name.p[i] == '.' ? 0 : label + 1;
        if (label > LIMIT_LABEL || name.p[i] < ' ' || name.p[i] > '~')
            return false;
    }
    return label > 0;
}

bool spf_macro_domain(struct str spec, const struct spf_vars *vars, struct arena *a, struct str *out)
{
    struct spf_text text = { .max = SPF_TEXT_MAX, .keep_end = true };
    if (!spf_macro_expand(spec, false, vars, &text))
        return false;
    struct str name = { text.p, text.n };
    if (name.n > 0 && name.p[name.n - 1] == '.')
        name.n--;
    /* RFC 7208 7.3: labels go from the left until 253 octets are left. */
    while (name.n > LIMIT_DOMAIN) {
        struct str label;
        if (!str_cut(name, '.', &label, &name))
            return false;
    }
    *out = str_dup(a, name);
    return spf_name_can_exist(name);
}
