/*
 * transit_tidy.c - address fields that Sendmail does not rewrite when it delivers (RFC 5322 3.4).
 *
 * After the milters Sendmail takes From, Sender, Reply-To, To, Cc and their Resent- forms apart and writes them anew: one comma and
 * one space between addresses, folds of its own, quotes around names with .'@[];\ in them (MustQuoteChars as it is shipped), its
 * own name behind addresses without a domain, nothing longer than 255 bytes. What is not of the plain forms below counts as untidy,
 * although some of it would stay as it is.
 */
#include "mailseal/transit.h"

#include "mail_int.h"

#define MAILBOX_MAX 240 /* bytes of one mailbox, its name included */

/* Not "'": it is quoted. */
static bool char_is_name(char c)
{
    return char_is_atext(c) && c != '\'';
}

static bool char_is_host(char c)
{
    return char_is_alnum(c) || c == '-' || (unsigned char)c >= 0x80;
}

/* Words one after the other with c between them: atoms, or labels. How many; 0: it is no such text. */
static size_t dotted(struct lex *l, bool (*is_in)(char))
{
    size_t n = 0;
    do {
        if (lex_run(l, is_in).n == 0)
            return 0;
        n++;
    } while (lex_take(l, '.'));
    return n;
}

/* local@domain without white space. A domain of one label may be the host's own short name, which is completed. */
static bool tidy_address(struct lex *l)
{
    struct str word;
    bool local = lex_peek(l) == '"' ? lex_quoted(l, &word) : dotted(l, char_is_atext) > 0;
    return local && lex_take(l, '@') && dotted(l, char_is_host) > 1;
}

/* Words of a display name, if any, and white space behind them. */
static bool tidy_name(struct lex *l)
{
    struct str word;
    for (;;) {
        if (!lex_cfws(l))
            return false;
        if (lex_peek(l) == '"') {
            if (!lex_quoted(l, &word))
                return false;
        } else if (lex_run(l, char_is_name).n == 0) {
            return true;
        }
    }
}

static bool tidy_mailbox(struct lex *l)
{
    if (!lex_cfws(l))
        return false;
    size_t from = l->i;
    bool ok = tidy_address(l);
    if (!ok) {
        l->i = from;
        ok = tidy_name(l) && lex_take(l, '<') && tidy_address(l) && lex_take(l, '>');
    }
    /* Space is put between an address and its comment. */
    return ok && l->i - from <= MAILBOX_MAX && lex_peek(l) != '(';
}

/* "undisclosed-recipients:;" and the like. */
static bool empty_group(struct str value)
{
    struct lex l = { .s = value };
    return tidy_name(&l) && lex_take(&l, ':') && lex_cfws(&l) && lex_take(&l, ';') && lex_peek(&l) == LEX_END;
}

bool address_list_is_tidy(struct str value, bool exact)
{
    struct lex l = { .s = exact ? value : str_trim(value) };
    struct str line, rest;
    if (exact && str_cut(value, '\n', &line, &rest))
        return false;
    if (empty_group(l.s))
        return true;
    for (;;) {
        if (!tidy_mailbox(&l))
            return false;
        if (lex_peek(&l) == LEX_END)
            return true;
        size_t end = l.i;
        if (!lex_cfws(&l) || (end < l.i && char_is_space(l.s.p[l.i - 1])))
            return false;
        if (lex_peek(&l) == LEX_END)
            return true;
        if (exact || !lex_take(&l, ',') || lex_peek(&l) == LEX_END || !char_is_space((char)lex_peek(&l)))
            return false;
    }
}
