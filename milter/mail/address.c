/*
 * address.c - the author of a message: the From field (RFC 5322 3.4, 3.6.2, 4.4; groups RFC 6854; UTF-8 RFC 6532), and the one
 * domain it names (RFC 9989 5.3.1).
 *
 * Strict wherever two readers could find different domains, for there somebody is lying to one of them; tolerant where the
 * domain is beyond doubt, as with dots in a display name. Which policy the domain has is left to dmarc, what becomes of a
 * message without an author domain to the profile.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/buf.h"
#include "mailseal/ip.h"
#include "mailseal/limits.h"
#include "mailseal/domain.h"
#include "mailseal/address.h"

#include "mail_int.h"

struct reader {
    struct lex lex;
    struct arena *arena;
    struct author *out;
    size_t groups, literals, domains; /* domains counts up to 2: one, several */
    struct buf local;                 /* the words read last, as a local part */
};

/* A sequence of atoms, quoted strings and dots: a display name or a local part, as what follows will tell. */
struct words {
    bool any;
    bool is_local; /* no two words without a dot between them */
};

static bool read_words(struct reader *r, struct words *words)
{
    struct lex *l = &r->lex;
    bool after_word = false;
    *words = (struct words){ .is_local = true };
    buf_cut(&r->local, 0);
    r->local.full = false;
    for (;;) {
        if (!lex_cfws(l))
            return false;
        struct str word = lex_run(l, char_is_atext);
        if (word.n == 0 && lex_peek(l) == '"' && !lex_quoted(l, &word))
            return false;
        if (word.n > 0) {
            words->is_local = words->is_local && !after_word;
            words->any = after_word = true;
            buf_str(&r->local, word);
        } else if (lex_take(l, '.')) {
            after_word = false;
            buf_char(&r->local, '.');
        } else {
            return true;
        }
    }
}

/* RFC 5322 3.4.1. What stands between "[" and "]" is nothing DMARC could use. */
static bool read_literal(struct lex *l, struct str *text)
{
    size_t from = l->i;
    for (l->i++; l->i < l->s.n; l->i++) {
        char c = l->s.p[l->i];
        if (c == ']') {
            l->i++;
            *text = (struct str){ l->s.p + from, l->i - from };
            return true;
        }
        if (c == '[' || c == '\\')
            break;
    }
    return lex_fail(l, "malformed address literal");
}

static bool char_is_domain(char c)
{
    return char_is_atext(c) || c == '.';
}

/* The domain behind an "@", as written, and the white space behind it. */
static bool read_domain(struct lex *l, struct str *text)
{
    if (!lex_cfws(l))
        return false;
    if (lex_peek(l) == '[') {
        if (!read_literal(l, text))
            return false;
    } else {
        *text = lex_run(l, char_is_domain);
        if (text->n == 0)
            return lex_fail(l, "no domain behind '@'");
    }
    if (!lex_cfws(l))
        return false;
    int c = lex_peek(l);
    if (c == '@')
        return lex_fail(l, "second '@' in an address");
    /* RFC 5322 4.4 once allowed white space and comments inside a domain. Readers who stop there see another domain. */
    if (c != LEX_END && (char_is_domain((char)c) || c == '"' || c == '['))
        return lex_fail(l, "text behind the domain of an address");
    return true;
}

/* Counts the domain of an address. */
static bool add_domain(struct reader *r, struct str text)
{
    struct str name;
    struct ip ip;
    if (text.p[0] == '[') {
        r->literals++;
        return true;
    }
    /* RFC 9989 5.3.1: U-labels become A-labels before anything is compared. */
    if (!domain_normalise(r->arena, text, &name))
        return lex_fail(&r->lex, "invalid domain name in an address");
    if (ip_parse(name, &ip)) {
        r->literals++;
    } else if (r->domains == 0) {
        r->out->domain = name;
        r->domains = 1;
    } else if (!str_eq(name, r->out->domain)) {
        r->domains = 2;
    }
    return true;
}

/* "local-part@domain", its local part already read. */
static bool read_rest_of_address(struct reader *r, const struct words *words, struct str *text)
{
    if (!words->any || !words->is_local)
        return lex_fail(&r->lex, "malformed local part of an address");
    if (r->local.full)
        return lex_fail(&r->lex, "local part too long");
    /* RFC 2047 5 (3): never inside an address; a reader that decodes it would see another address. */
    struct str local = buf_view(&r->local);
    if (memmem(local.p, local.n, "=?", 2) != NULL)
        return lex_fail(&r->lex, "encoded word in an address");
    r->lex.i++;
    return read_domain(&r->lex, text) && add_domain(r, *text);
}

static bool count_mailbox(struct reader *r, struct str domain_text)
{
    if (r->out->mailboxes == LIMIT_MAILBOXES)
        return lex_fail(&r->lex, "too many mailboxes");
    if (r->out->mailboxes++ > 0)
        return true;
    struct buf address;
    buf_init(&address, r->arena, LIMIT_HEADER_FIELD);
    buf_str(&address, buf_view(&r->local));
    buf_char(&address, '@');
    buf_str(&address, domain_text);
    r->out->address = buf_view(&address);
    return true;
}

/* RFC 5322 4.4: "@relay,@relay:", to be ignored. */
static bool skip_route(struct lex *l)
{
    struct str relay;
    do {
        if (!lex_cfws(l))
            return false;
        if (lex_take(l, '@') && !read_domain(l, &relay))
            return false;
    } while (lex_take(l, ','));
    return lex_take(l, ':') || lex_fail(l, "malformed source route");
}

/* "<" ... ">" of an address. */
static bool read_angle(struct reader *r)
{
    struct lex *l = &r->lex;
    struct words words;
    struct str text;
    l->i++;
    if (!lex_cfws(l))
        return false;
    if (lex_peek(l) == '>')
        return lex_fail(l, "empty address");
    if (lex_peek(l) == '@' && !skip_route(l))
        return false;
    if (!read_words(r, &words))
        return false;
    if (lex_peek(l) != '@')
        return lex_fail(l, "no '@' in an address");
    if (!read_rest_of_address(r, &words, &text))
        return false;
    if (!lex_take(l, '>'))
        return lex_fail(l, "no '>' behind an address");
    return lex_cfws(l) && count_mailbox(r, text);
}

/* An address in display position. RFC 9989 11.4 leaves display names alone, but this one is not quoted: D-116, readers differ on
 * which of the two is the author, so both domains are candidates. */
static bool read_bare_address(struct reader *r, const struct words *words)
{
    struct str text;
    if (!read_rest_of_address(r, words, &text))
        return false;
    return lex_peek(&r->lex) == '<' ? read_angle(r) : count_mailbox(r, text);
}

static bool read_mailbox(struct reader *r, const struct words *words)
{
    switch (lex_peek(&r->lex)) {
    case '@':
        return read_bare_address(r, words);
    case '<':
        return read_angle(r);
    case LEX_END:
    case ',':
    case ';':
        return lex_fail(&r->lex, "no '@' in an address");
    default:
        return lex_fail(&r->lex, "character not allowed in an address");
    }
}

/* RFC 6854 2.1: groups do not nest. The ":" is here. */
static bool read_group(struct reader *r, const struct words *words)
{
    struct lex *l = &r->lex;
    struct words member;
    if (!words->any)
        return lex_fail(l, "group without a name");
    if (r->groups++ == LIMIT_MAILBOXES)
        return lex_fail(l, "too many groups");
    l->i++;
    do {
        if (!read_words(r, &member))
            return false;
        bool is_empty = !member.any && (lex_peek(l) == ',' || lex_peek(l) == ';');
        if (!is_empty && !read_mailbox(r, &member))
            return false;
    } while (lex_take(l, ','));
    if (!lex_take(l, ';'))
        return lex_fail(l, "group not closed");
    return lex_cfws(l);
}

/* RFC 5322 4.4: list elements may be empty. */
static bool read_list(struct reader *r)
{
    struct lex *l = &r->lex;
    struct words words;
    do {
        if (!read_words(r, &words))
            return false;
        bool is_empty = !words.any && (lex_peek(l) == ',' || lex_peek(l) == LEX_END);
        if (is_empty)
            continue;
        if (!(lex_peek(l) == ':' ? read_group(r, &words) : read_mailbox(r, &words)))
            return false;
    } while (lex_take(l, ','));
    if (l->i < l->s.n)
        return lex_fail(l, "text behind an address");
    return r->out->mailboxes + r->groups > 0 || lex_fail(l, "no address");
}

/* Bytes no reader agrees on. NULL when there are none. */
static const char *find_bad_byte(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\0')
            return "NUL byte";
        if (c == '\r') {
            if (i + 2 >= s.n || s.p[i + 1] != '\n' || !char_is_wsp(s.p[i + 2]))
                return "CR that is no fold";
            i++;
        } else if (c == '\n') {
            return "LF that is no fold";
        } else if (c != '\t' && char_is_control(c)) {
            return "control character";
        }
    }
    return NULL;
}

static void judge(const struct reader *r)
{
    struct author *out = r->out;
    /* RFC 9989 5.3.1: domains count, not mailboxes. An address literal is none (D-47), but not the domain beside it either. */
    if (r->domains == 1 && r->literals == 0) {
        out->status = AUTHOR_ONE;
    } else if (r->domains > 1) {
        out->status = AUTHOR_SEVERAL;
        out->reason = "several domains";
    } else if (r->domains == 1) {
        out->status = AUTHOR_SEVERAL;
        out->reason = "a domain and an address literal";
    } else {
        out->status = AUTHOR_NONE;
        out->reason = r->literals > 0 ? "address literal" : "empty group";
    }
}

void author_parse(struct arena *a, struct str value, struct author *out)
{
    struct reader r = { .lex = { .s = value }, .arena = a, .out = out };
    *out = (struct author){ .status = AUTHOR_MALFORMED, .domain = STR_NONE, .address = STR_NONE };
    buf_init(&r.local, a, LIMIT_ADDRESS);
    out->reason = find_bad_byte(value);
    if (out->reason != NULL)
        return;
    if (read_list(&r))
        judge(&r);
    else
        out->reason = r.lex.reason;
}

/* "From", white space, ":" at the start of s. */
static bool starts_from_field(struct str s)
{
    if (!str_istarts(s, STR("From")))
        return false;
    size_t i = 4;
    while (i < s.n && char_is_wsp(s.p[i]))
        i++;
    return i < s.n && s.p[i] == ':';
}

/* A From field that only some readers see: behind a CR or LF that is no fold, inside another field. */
static bool hides_from_field(struct str raw)
{
    for (size_t i = 0; i < raw.n; i++)
        if ((raw.p[i] == '\r' || raw.p[i] == '\n') && starts_from_field(str_skip(raw, i + 1)))
            return true;
    return false;
}

void author_read(struct arena *a, const struct headers *h, struct author *out)
{
    const struct header *from = headers_get(h, STR("From"), 0);
    *out = (struct author){ .status = AUTHOR_NONE, .domain = STR_NONE, .address = STR_NONE };
    if (from != NULL)
        author_parse(a, from->value, out);
    else
        out->reason = "no From field";

    bool hidden = false;
    for (size_t i = 0; i < h->n && !hidden; i++)
        hidden = hides_from_field(h->v[i].raw);
    /* RFC 9989 4.4: repeated From fields name no author, be they equal (D-113). */
    if (headers_count(h, STR("From")) > 1) {
        out->status = AUTHOR_REPEATED;
        out->reason = "several From fields";
    } else if (hidden) {
        out->status = AUTHOR_REPEATED;
        out->reason = "From field hidden in another field";
    } else if (h->overflow) {
        /* One more From field may be among those not kept. */
        out->status = AUTHOR_MALFORMED;
        out->reason = "header too large";
    }
}
