/*
 * authres_parse.c - Authentication-Results read (RFC 8601 2.2), and the fields that claim to be ours (RFC 8601 5).
 *
 * The reader keeps the grammar but for two things seen everywhere that nobody can misread: a ";" at the end, and bare values with
 * characters of base64 and IP addresses. Whether method, result and property are known words is left to those who use them.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/limits.h"
#include "mailseal/authres.h"
#include "mailseal/domain.h"

#include "mail_int.h"

#define READ_RESULTS 128 /* results of one field; with more it counts as malformed */
#define READ_PROPS   64  /* properties of one result */
#define CLAIM_WORDS  512 /* words an id may be cut into */
#define CLAIM_BYTES  512 /* and their length */

static bool char_is_ldh(char c)
{
    return char_is_alnum(c) || c == '-';
}

static bool char_is_bare(char c)
{
    return char_is_atext(c) || (c != '\0' && strchr(".:[]", c) != NULL);
}

static bool char_is_domain(char c)
{
    return char_is_alnum(c) || (unsigned char)c >= 0x80 || c == '-' || c == '_' || c == '.';
}

/* RFC 5321 4.1.2, Ldh-str: the hyphens are inside. */
static bool read_keyword(struct lex *l, struct str *word)
{
    *word = lex_run(l, char_is_ldh);
    return word->n > 0 && word->p[0] != '-' && word->p[word->n - 1] != '-';
}

/* RFC 2045 5.1, value: a token or a quoted string. */
static bool read_value(struct lex *l, struct arena *a, struct str *value)
{
    struct str raw;
    if (lex_peek(l) != '"') {
        *value = lex_run(l, char_is_token);
        return value->n > 0;
    }
    if (!lex_quoted(l, &raw))
        return false;
    *value = lex_unquote(a, raw);
    return true;
}

/* RFC 8601 2.2, pvalue. A quoted local part keeps its quotes: they are part of the address. */
static bool read_pvalue(struct lex *l, struct arena *a, struct str *value)
{
    struct str local;
    if (!lex_cfws(l))
        return false;
    size_t from = l->i;
    if (lex_peek(l) != '"') {
        lex_run(l, char_is_bare);
    } else if (!lex_quoted(l, &local)) {
        return false;
    } else if (lex_peek(l) != '@') {
        *value = lex_unquote(a, local);
        return true;
    }
    if (lex_take(l, '@') && lex_run(l, char_is_domain).n == 0)
        return false;
    *value = (struct str){ l->s.p + from, l->i - from };
    return value->n > 0;
}

/* What ends an id: white space, a comment, ";" or the end of the field. */
static bool is_end_of_id(const struct lex *l)
{
    int c = lex_peek(l);
    return c == LEX_END || c == ';' || c == '(' || char_is_space((char)c);
}

static bool read_id(struct lex *l, struct arena *a, struct str *id)
{
    return lex_cfws(l) && read_value(l, a, id) && id->n > 0 && is_end_of_id(l);
}

static bool read_digits(struct lex *l, struct str *digits)
{
    *digits = lex_run(l, char_is_digit);
    return digits->n > 0 && lex_cfws(l);
}

/* "." property "=" pvalue, the ptype already read. */
static bool read_prop(struct lex *l, struct arena *a, struct authres_prop *prop)
{
    return lex_take(l, '.') && lex_cfws(l) && read_keyword(l, &prop->property) && lex_cfws(l) && lex_take(l, '=') &&
           read_pvalue(l, a, &prop->value) && lex_cfws(l);
}

/* The reason, if any, which comes first, and the properties. */
static bool read_details(struct lex *l, struct arena *a, struct authres_result *r)
{
    struct authres_prop props[READ_PROPS];
    struct str word;
    bool first = true;
    for (; lex_peek(l) != LEX_END && lex_peek(l) != ';'; first = false) {
        if (!read_keyword(l, &word) || !lex_cfws(l))
            return false;
        if (first && str_ieq(word, STR("reason")) && lex_take(l, '=')) {
            if (!lex_cfws(l) || !read_value(l, a, &r->reason) || !lex_cfws(l))
                return false;
            continue;
        }
        if (r->n_props == READ_PROPS)
            return false;
        props[r->n_props].ptype = word;
        if (!read_prop(l, a, &props[r->n_props++]))
            return false;
    }
    r->props = arena_copy(a, props, r->n_props * sizeof(props[0]));
    return true;
}

/* resinfo without its ";", the method already read. */
static bool read_result(struct lex *l, struct arena *a, struct authres_result *r)
{
    if (!lex_cfws(l))
        return false;
    if (lex_take(l, '/') && (!lex_cfws(l) || !read_digits(l, &r->version)))
        return false;
    return lex_take(l, '=') && lex_cfws(l) && read_keyword(l, &r->result) && lex_cfws(l) && read_details(l, a, r);
}

static bool read_results(struct lex *l, struct arena *a, struct authres *out)
{
    struct authres_result results[READ_RESULTS];
    size_t n = 0;
    while (lex_take(l, ';')) {
        if (!lex_cfws(l))
            return false;
        if (lex_peek(l) == LEX_END)
            break;
        if (n == READ_RESULTS)
            return false;
        struct authres_result *r = &results[n];
        *r = (struct authres_result){ .version = STR_NONE, .result = STR_NONE, .reason = STR_NONE };
        if (!read_keyword(l, &r->method) || !lex_cfws(l))
            return false;
        if (n == 0 && lex_peek(l) == LEX_END && str_ieq(r->method, STR("none"))) {
            out->none = true;
            return true;
        }
        if (!read_result(l, a, r))
            return false;
        n++;
    }
    if (n == 0 || lex_peek(l) != LEX_END)
        return false;
    out->results = arena_copy(a, results, n * sizeof(results[0]));
    out->n_results = n;
    return true;
}

bool authres_parse(struct arena *a, struct str value, struct authres *out)
{
    struct lex l = { .s = value };
    *out = (struct authres){ .authserv_id = STR_NONE, .version = STR_NONE };
    if (!read_id(&l, a, &out->authserv_id)) {
        out->authserv_id = STR_NONE;
        return false;
    }
    if (!lex_cfws(&l))
        return false;
    if (lex_peek(&l) != LEX_END && char_is_digit((char)lex_peek(&l)) && !read_digits(&l, &out->version))
        return false;
    return read_results(&l, a, out);
}

/* The form in which two spellings of an id are the same bytes. */
static struct str comparable_id(struct arena *a, struct str id)
{
    char *text = arena_alloc(a, id.n);
    struct str plain = { text, 0 }, name;
    for (size_t i = 0; i < id.n; i++)
        if (!char_is_space(id.p[i]))
            text[plain.n++] = id.p[i];
    while (plain.n > 0 && plain.p[plain.n - 1] == '.')
        plain.n--;
    /* RFC 8601 2.5, RFC 8616 5: U-labels and A-labels are the same name. */
    return domain_normalise(a, plain, &name) ? name : str_lower(a, plain);
}

static bool is_among(struct arena *a, struct str id, const struct str *own, size_t n)
{
    struct str claimed = comparable_id(a, id);
    for (size_t i = 0; i < n; i++)
        if (str_eq(claimed, own[i]))
            return true;
    return false;
}

/* The id so far may be the beginning of one of ours. Of part of a U-label nobody can tell what A-label the whole will be. */
static bool may_become(struct arena *a, struct str id, const struct str *own, size_t n)
{
    struct str claimed = comparable_id(a, id);
    for (size_t i = 0; i < n; i++)
        if (str_istarts(own[i], claimed) || (own[i].n > 4 && memmem(own[i].p, own[i].n, "xn--", 4) != NULL))
            return true;
    return false;
}

/* RFC 8601 5: a field of a version nobody knows says nothing anyone may trust, whosever id it bears. */
static bool has_unknown_version(struct arena *a, struct str value)
{
    struct authres r;
    uint64_t version = 1;
    bool valid = authres_parse(a, value, &r); /* the version counts in a field that goes wrong behind it, too */
    return (valid || r.authserv_id.n > 0) && r.version.n > 0 && (!str_to_uint(r.version, UINT64_MAX, &version) || version != 1);
}

bool authres_claims(struct arena *a, struct str value, const struct str *ids, size_t n_ids)
{
    struct lex l = { .s = value };
    struct str word;
    if (has_unknown_version(a, value))
        return true;
    /* RFC 8601 5: who made the field cannot be told, so it cannot be left for others to trust. */
    if (!read_id(&l, a, &word))
        return true;
    struct str *own = ARENA_ARRAY(a, struct str, n_ids);
    for (size_t i = 0; i < n_ids; i++)
        own[i] = comparable_id(a, ids[i]);

    /* The id is the first word. A careless reader drops comments, quotes and folds anywhere, so an id that they cut into words,
     * down to its letters, counts too, and so does one whose rest cannot be read. */
    struct buf id;
    buf_init(&id, a, CLAIM_BYTES);
    for (size_t words = 0; words < CLAIM_WORDS && !id.full; words++) {
        buf_str(&id, word);
        if (is_among(a, buf_view(&id), own, n_ids))
            return true;
        if (!may_become(a, buf_view(&id), own, n_ids))
            return false;
        if (!lex_cfws(&l))
            return true;
        if (lex_peek(&l) == LEX_END || lex_peek(&l) == ';')
            return false;
        if (!read_value(&l, a, &word))
            return true;
    }
    return true;
}
