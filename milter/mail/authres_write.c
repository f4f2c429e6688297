/*
 * authres_write.c - Authentication-Results written (RFC 8601 2.2), and the names of the results (RFC 8601 2.7).
 *
 * Values come from senders: whatever they hold, the field keeps its syntax and says the same to every reader. Which results and
 * properties there are is left to the caller.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/limits.h"
#include "mailseal/authres.h"
#include "mailseal/domain.h"

#include "mail_int.h"

#define LINE_WIDTH 78                                       /* RFC 5322 2.1.1 */
#define NAME_WIDTH (sizeof("Authentication-Results: ") - 1) /* what stands before the value */
#define TAB_WIDTH  8

const struct name_code auth_code_names[] = {
    { "none", AUTH_NONE },           { "pass", AUTH_PASS },           { "fail", AUTH_FAIL },
    { "softfail", AUTH_SOFTFAIL },   { "neutral", AUTH_NEUTRAL },     { "policy", AUTH_POLICY },
    { "temperror", AUTH_TEMPERROR }, { "permerror", AUTH_PERMERROR }, { NULL, 0 },
};

const char *auth_code_name(enum auth_code c)
{
    return name_of(auth_code_names, (int)c);
}

/* Control and 8-bit bytes become "?". */
static struct str make_printable(struct arena *a, struct str s)
{
    char *text = arena_alloc(a, s.n);
    for (size_t i = 0; i < s.n; i++)
        text[i] = char_is_control(s.p[i]) || (unsigned char)s.p[i] >= 0x80 ? '?' : s.p[i];
    return (struct str){ text, s.n };
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!char_is_token(s.p[i]))
            return false;
    return s.n > 0;
}

static bool is_dot_atom(struct str s)
{
    struct str atom, rest = s;
    bool more;
    do {
        more = str_cut(rest, '.', &atom, &rest);
        for (size_t i = 0; i < atom.n; i++)
            if (!char_is_atext(atom.p[i]))
                return false;
        if (atom.n == 0)
            return false;
    } while (more);
    return true;
}

static bool is_quoted_string(struct str s)
{
    struct lex l = { .s = s };
    struct str raw;
    return lex_peek(&l) == '"' && lex_quoted(&l, &raw) && raw.n == s.n;
}

/* RFC 8601 2.2, pvalue: [[local-part] "@"] domain-name. Without the "@" it is a token. */
static bool is_mailbox(struct arena *a, struct str s)
{
    struct str local, domain;
    if (!str_rcut(s, '@', &local, &domain))
        return false;
    return domain_is_valid(str_lower(a, domain)) && (local.n == 0 || is_dot_atom(local) || is_quoted_string(local));
}

static void add_quoted(struct buf *b, struct str s)
{
    buf_char(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_char(b, '\\');
        buf_char(b, s.p[i]);
    }
    buf_char(b, '"');
}

static void element_init(struct buf *b, const struct authres_writer *w)
{
    buf_init(b, w->buf.arena, LIMIT_AUTHRES);
}

/* Adds an element behind a separator that stays on the line or ends it. No room: the result it belongs to goes. */
static void add_element(struct authres_writer *w, const struct buf *element, bool new_line)
{
    bool fold = new_line || w->column + 1 + element->n > LINE_WIDTH;
    if (element->full || w->buf.n + 2 + element->n > LIMIT_AUTHRES) {
        buf_cut(&w->buf, w->mark);
        w->open = false;
        w->count--;
        return;
    }
    buf_puts(&w->buf, fold ? "\n\t" : " ");
    w->column = (fold ? TAB_WIDTH : w->column + 1) + element->n;
    buf_str(&w->buf, buf_view(element));
}

void authres_begin(struct authres_writer *w, struct arena *a, struct str authserv_id)
{
    struct str id;
    *w = (struct authres_writer){ .column = NAME_WIDTH };
    buf_init(&w->buf, a, LIMIT_AUTHRES);
    /* RFC 8616 5: A-labels are right in every message. */
    if (!domain_normalise(a, authserv_id, &id))
        id = make_printable(a, authserv_id);
    if (is_token(id))
        buf_str(&w->buf, id);
    else
        add_quoted(&w->buf, id);
}

void authres_add(struct authres_writer *w, const char *method, enum auth_code code)
{
    struct buf element;
    w->open = w->count < LIMIT_AUTHRES_RESULTS && w->buf.n < LIMIT_AUTHRES;
    if (!w->open)
        return;
    w->count++;
    w->mark = w->buf.n;
    buf_char(&w->buf, ';');
    element_init(&element, w);
    buf_puts(&element, method);
    buf_char(&element, '=');
    buf_puts(&element, auth_code_name(code));
    add_element(w, &element, true);
}

void authres_comment(struct authres_writer *w, struct str text)
{
    if (!w->open)
        return;
    struct buf element;
    struct str printable = make_printable(w->buf.arena, str_first(text, LIMIT_AUTHRES_VALUE));
    element_init(&element, w);
    buf_char(&element, '(');
    for (size_t i = 0; i < printable.n; i++) {
        if (strchr("()\\", printable.p[i]) != NULL)
            buf_char(&element, '\\');
        buf_char(&element, printable.p[i]);
    }
    buf_char(&element, ')');
    add_element(w, &element, false);
}

void authres_reason(struct authres_writer *w, struct str text)
{
    if (!w->open)
        return;
    struct buf element;
    element_init(&element, w);
    buf_puts(&element, "reason=");
    add_quoted(&element, make_printable(w->buf.arena, str_first(text, LIMIT_AUTHRES_VALUE)));
    add_element(w, &element, false);
}

void authres_prop(struct authres_writer *w, const char *ptype, const char *property, struct str value)
{
    /* A value cut short would name somebody else: better none. */
    if (!w->open || value.n > LIMIT_AUTHRES_VALUE)
        return;
    struct buf element;
    struct str printable = make_printable(w->buf.arena, value);
    element_init(&element, w);
    buf_puts(&element, ptype);
    buf_char(&element, '.');
    buf_puts(&element, property);
    buf_char(&element, '=');
    if (is_token(printable) || is_mailbox(w->buf.arena, printable))
        buf_str(&element, printable);
    else
        add_quoted(&element, printable);
    add_element(w, &element, false);
}

struct str authres_end(struct authres_writer *w)
{
    if (w->count == 0)
        buf_puts(&w->buf, "; none");
    return buf_view(&w->buf);
}
