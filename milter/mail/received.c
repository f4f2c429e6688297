/*
 * received.c - Received fields (RFC 5321 4.4) as the mail servers write them (received.h).
 *
 * Part of the text is the client's own: HELO, names from its DNS, the user of a certificate. An address counts only where the
 * receiving host writes one, in brackets or alone in a comment, and only when no other one stands beside it: who tries to write a
 * second one gets none.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/limits.h"
#include "mailseal/received.h"

#include "mail_int.h"

/* Indexes of the values a field has. */
enum clause { CLAUSE_FROM, CLAUSE_BY, CLAUSE_WITH, CLAUSE_NONE, CLAUSE_DATE };

struct reading {
    struct lex lex;
    enum clause clause;
    struct str value[CLAUSE_NONE]; /* the word behind "from", "by", "with" */
    bool client_says;              /* a comment says what HELO, or ident, was: the word behind "from" is not the client's */
    struct str helo;               /* what that was */
    struct ip client;
    bool conflict; /* several addresses are written */
};

static void claim(struct reading *r, struct ip ip)
{
    if (r->client.family != 0 && memcmp(&r->client, &ip, sizeof(ip)) != 0)
        r->conflict = true;
    r->client = ip;
}

/* [IP], [IPv6:IP], and with the port behind it. */
static bool is_literal(struct str word, struct ip *ip)
{
    struct str inside, rest;
    uint64_t port;
    if (word.n == 0 || word.p[0] != '[' || !str_cut(str_skip(word, 1), ']', &inside, &rest))
        return false;
    if (rest.n > 0 && (rest.p[0] != ':' || !str_to_uint(str_skip(rest, 1), UINT16_MAX, &port)))
        return false;
    return ip_parse(str_istarts(inside, STR("IPv6:")) ? str_skip(inside, 5) : inside, ip);
}

static bool is_gap(char c)
{
    return char_is_space(c) || c == '(' || c == ')';
}

static bool is_comment_word(char c)
{
    return !is_gap(c);
}

static bool is_word(char c)
{
    return !is_gap(c) && c != ';';
}

static struct str comment_word(struct lex *l)
{
    (void)lex_run(l, is_gap);
    return lex_run(l, is_comment_word);
}

/* Words that HELO, or ident, stands behind, or begins in. */
static bool is_clients(struct reading *r, struct lex *l, struct str word)
{
    if (str_ieq(word, STR("HELO")) || str_ieq(word, STR("EHLO")))
        r->helo = comment_word(l);
    else if (str_istarts(word, STR("helo=")))
        r->helo = str_skip(word, 5);
    else if (!str_istarts(word, STR("ident=")))
        return false;
    return true;
}

/* The text of one comment, with those inside it. All behind HELO may be the client's. */
static void read_comment(struct reading *r, struct str text)
{
    struct lex l = { .s = text };
    struct str word;
    struct ip ip;
    if (ip_parse(str_trim(text), &ip))
        claim(r, ip);
    while ((word = comment_word(&l)).n > 0) {
        if (is_clients(r, &l, word)) {
            r->client_says = true;
            return;
        }
        if (is_literal(word, &ip))
            claim(r, ip);
    }
}

/* Only the comments behind "from" tell about the client. */
static bool take_comment(struct reading *r)
{
    size_t from = r->lex.i;
    if (!lex_comment(&r->lex))
        return false;
    if (r->clause == CLAUSE_FROM)
        read_comment(r, (struct str){ r->lex.s.p + from + 1, r->lex.i - from - 2 });
    return true;
}

/* False for a clause in the wrong place: a field has one "from" and then one "by". */
static bool take_word(struct reading *r, struct str word)
{
    if (str_ieq(word, STR("from"))) {
        if (r->clause != CLAUSE_NONE)
            return false;
        r->clause = CLAUSE_FROM;
    } else if (str_ieq(word, STR("by"))) {
        if (r->clause != CLAUSE_NONE && r->clause != CLAUSE_FROM)
            return false;
        r->clause = CLAUSE_BY;
    } else if (r->clause == CLAUSE_NONE) {
        return false;
    } else if (str_ieq(word, STR("with")) && r->clause == CLAUSE_BY) {
        r->clause = CLAUSE_WITH;
    } else if (r->clause != CLAUSE_DATE && r->value[r->clause].n == 0) {
        r->value[r->clause] = word;
    }
    return true;
}

static bool read_field(struct reading *r)
{
    for (;;) {
        (void)lex_run(&r->lex, char_is_space);
        int c = lex_peek(&r->lex);
        if (c == LEX_END)
            return r->value[CLAUSE_BY].n > 0;
        if (lex_take(&r->lex, ';'))
            r->clause = CLAUSE_DATE;
        else if (c == ')' || !(c == '(' ? take_comment(r) : take_word(r, lex_run(&r->lex, is_word))))
            return false;
    }
}

bool received_parse(struct arena *a, struct str value, struct received *out)
{
    struct reading r = { .lex = { .s = value }, .clause = CLAUSE_NONE };
    struct ip ip;
    *out = (struct received){ .helo = STR_NONE, .by = STR_NONE, .with = STR_NONE };
    if (value.n > LIMIT_RECEIVED || !read_field(&r))
        return false;
    if (r.client_says && is_literal(r.value[CLAUSE_FROM], &ip))
        claim(&r, ip);
    if (!r.conflict)
        out->client = r.client;
    out->helo = str_dup(a, r.helo.n > 0 ? r.helo : r.value[CLAUSE_FROM]);
    out->by = str_dup(a, r.value[CLAUSE_BY]);
    out->with = str_dup(a, r.value[CLAUSE_WITH]);
    return true;
}
