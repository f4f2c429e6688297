/*
 * lex.c - the words of structured header fields: white space and comments, atoms, tokens, quoted strings (RFC 5322 3.2 with
 * RFC 6532, RFC 2045 5.1).
 *
 * White space is taken in any form; who wants its line ends checked does so beforehand. The grammars are left to the callers.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/limits.h"

#include "mail_int.h"

bool lex_fail(struct lex *l, const char *reason)
{
    l->reason = reason;
    return false;
}

int lex_peek(const struct lex *l)
{
    return l->i < l->s.n ? (unsigned char)l->s.p[l->i] : LEX_END;
}

bool lex_take(struct lex *l, char c)
{
    if (lex_peek(l) != (unsigned char)c)
        return false;
    l->i++;
    return true;
}

/* RFC 5322 3.2.2: comments nest. */
bool lex_comment(struct lex *l)
{
    size_t depth = 0;
    for (; l->i < l->s.n; l->i++) {
        char c = l->s.p[l->i];
        if (c == '\\') {
            l->i++;
        } else if (c == '(') {
            if (++depth > LIMIT_COMMENT_DEPTH)
                return lex_fail(l, "comments nested too deep");
        } else if (c == ')' && --depth == 0) {
            l->i++;
            return true;
        }
    }
    l->i = l->s.n;
    return lex_fail(l, "comment not closed");
}

bool lex_cfws(struct lex *l)
{
    for (;;) {
        int c = lex_peek(l);
        if (c == '(') {
            if (!lex_comment(l))
                return false;
        } else if (c != LEX_END && char_is_space((char)c)) {
            l->i++;
        } else {
            return true;
        }
    }
}

struct str lex_run(struct lex *l, bool (*is_in)(char))
{
    size_t from = l->i;
    while (l->i < l->s.n && is_in(l->s.p[l->i]))
        l->i++;
    return (struct str){ l->s.p + from, l->i - from };
}

bool lex_quoted(struct lex *l, struct str *raw)
{
    size_t from = l->i;
    for (l->i++; l->i < l->s.n; l->i++) {
        char c = l->s.p[l->i];
        if (l->i - from > LIMIT_QUOTED_STRING)
            return lex_fail(l, "quoted string too long");
        if (c == '"') {
            l->i++;
            *raw = (struct str){ l->s.p + from, l->i - from };
            return true;
        }
        bool is_pair = c == '\\' && l->i + 1 < l->s.n;
        if (is_pair)
            c = l->s.p[++l->i];
        if (char_is_control(c) && (is_pair ? c != '\t' : !char_is_space(c)))
            return lex_fail(l, "control character in a quoted string");
    }
    return lex_fail(l, "quoted string not closed");
}

struct str lex_unquote(struct arena *a, struct str raw)
{
    struct str inner = { raw.p + 1, raw.n - 2 };
    bool plain = true;
    for (size_t i = 0; i < inner.n; i++)
        plain = plain && inner.p[i] != '\\' && inner.p[i] != '\r' && inner.p[i] != '\n';
    if (plain)
        return inner;
    char *text = arena_alloc(a, inner.n);
    size_t n = 0;
    for (size_t i = 0; i < inner.n; i++) {
        if (inner.p[i] == '\r' || inner.p[i] == '\n')
            continue;
        if (inner.p[i] == '\\')
            i++;
        text[n++] = inner.p[i];
    }
    return (struct str){ text, n };
}

bool char_is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

bool char_is_atext(char c)
{
    return char_is_alnum(c) || (unsigned char)c >= 0x80 || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

bool char_is_token(char c)
{
    return c != ' ' && !char_is_control(c) && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}
