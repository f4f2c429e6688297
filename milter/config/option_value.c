/*
 * option_value.c - one option's value: from text into its field, and back into text.
 *
 * Defaults go the same way as values from the file, so a default that its own row would refuse is a mistake found by the first
 * start. What is written reads back as the same value; relative paths are made absolute, so that this holds wherever the text
 * is put.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mailseal/domain.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"

#include "config_int.h"

#define REASON_VALUE_MAX 80 /* bytes of a wrong value that are repeated in the reason */
#define LIST_ON_ONE_LINE 8  /* values; a longer list gets a line for each, because lines have a maximum */

static bool refuse(struct arena *a, struct str value, const char *what, const char **reason)
{
    struct str shown = str_escape(a, value, REASON_VALUE_MAX);
    *reason = str_cstr(a, str_printf(a, "'%.*s' %s", STR_FMT(shown), what));
    return false;
}

bool option_is_list(const struct conf_option *o)
{
    return o->type == OPTION_STRINGS || o->type == OPTION_NETWORKS;
}

static bool is_text(const struct conf_option *o)
{
    return o->type == OPTION_STRING || o->type == OPTION_PATH || o->type == OPTION_PROFILE || o->type == OPTION_TABLE ||
           o->type == OPTION_LOOKUP || o->type == OPTION_DOMAIN;
}

/* ---- numbers and words ---- */

static bool octal_parse(struct str s, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '7')
            return false;
        *out = *out * 8 + (uint64_t)(s.p[i] - '0');
    }
    return s.n > 0 && s.n <= 8;
}

static bool set_number(const struct conf_option *o, void *at, struct arena *a, struct str s, const char **reason)
{
    uint64_t number;
    bool ok = o->type == OPTION_MODE ? octal_parse(s, &number) : str_to_uint(s, INT64_MAX, &number);
    if (!ok || (int64_t)number < o->limits.min || (int64_t)number > o->limits.max) {
        char what[80];
        if (o->type == OPTION_MODE)
            snprintf(what, sizeof what, "is no octal number up to 0%" PRIo64, o->limits.max);
        else
            snprintf(what, sizeof what, "is no number from %" PRId64 " to %" PRId64, o->limits.min, o->limits.max);
        return refuse(a, s, what, reason);
    }
    if (o->type == OPTION_UINT)
        *(unsigned *)at = (unsigned)number;
    else
        *(int64_t *)at = (int64_t)number;
    return true;
}

static bool set_word(const struct conf_option *o, void *at, struct arena *a, struct str s, const char **reason)
{
    int code = code_of(o->limits.words, s);
    if (code < 0) {
        struct buf what;
        buf_init(&what, a, REASON_VALUE_MAX);
        for (const struct name_code *w = o->limits.words; w->name != NULL; w++)
            buf_printf(&what, "%s%s", w == o->limits.words ? "is none of " : ", ", w->name);
        return refuse(a, s, what.p, reason);
    }
    if (o->type == OPTION_BOOL)
        *(bool *)at = code != 0;
    else
        *(int *)at = code;
    return true;
}

_Static_assert(offsetof(struct sign_key, body_canon) == offsetof(struct sign_key, header_canon) + sizeof(enum dkim_canon),
               "the canonicalizations are a pair");

/* The words of c= (RFC 6376 3.5), but here both must be there. */
static bool set_canon(enum dkim_canon *at, struct arena *a, struct str s, const char **reason)
{
    struct str header, body;
    bool two = str_cut(s, '/', &header, &body);
    int header_canon = code_of(dkim_canon_names, header);
    int body_canon = code_of(dkim_canon_names, body);
    if (!two || header_canon < 0 || body_canon < 0)
        return refuse(a, s, "is none of simple/simple, simple/relaxed, relaxed/simple, relaxed/relaxed", reason);
    at[0] = (enum dkim_canon)header_canon;
    at[1] = (enum dkim_canon)body_canon;
    return true;
}

/* ---- strings and lists ---- */

static const char *absolute(struct arena *a, const char *dir, const char *path)
{
    if (path[0] == '/' || path[0] == '\0')
        return path;
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    struct buf out;
    buf_init(&out, a, strlen(dir) + strlen(path) + 1);
    buf_printf(&out, "%s/%s", dir, path);
    return out.p;
}

static const char *absolute_table(struct arena *a, const char *dir, struct str s)
{
    struct str kind, path;
    if (!str_cut(s, ':', &kind, &path))
        return absolute(a, dir, str_cstr(a, s));
    struct buf out;
    buf_init(&out, a, strlen(dir) + s.n + 2);
    buf_printf(&out, "%.*s:%s", STR_FMT(kind), absolute(a, dir, str_cstr(a, path)));
    return out.p;
}

static bool set_string(const struct conf_option *o, const char **at, struct arena *a, const char *dir, struct str s,
                       const char **reason)
{
    const char *wrong = o->limits.check != NULL ? o->limits.check(s) : NULL;
    if (wrong != NULL)
        return refuse(a, s, wrong, reason);
    const char *text = str_cstr(a, s);
    if (o->type == OPTION_TABLE) {
        *at = absolute_table(a, dir, s);
        return true;
    }
    if (o->type == OPTION_LOOKUP) {
        *at = table_spec_below(a, dir, s);
        return true;
    }
    bool is_path = o->type == OPTION_PATH || (o->type == OPTION_PROFILE && strchr(text, '/') != NULL);
    *at = is_path ? absolute(a, dir, text) : text;
    return true;
}

static bool set_domain(const char **at, struct arena *a, struct str s, const char **reason)
{
    struct str name = STR_NONE;
    if (s.n > 0 && !domain_normalise(a, s, &name))
        return refuse(a, s, "is no domain name", reason);
    *at = str_cstr(a, name);
    return true;
}

static bool set_strings(const struct conf_option *o, struct strings *at, struct arena *a, struct strings text, const char **reason)
{
    at->v = ARENA_ARRAY(a, const char *, text.n);
    at->n = text.n;
    for (size_t i = 0; i < text.n; i++) {
        if (!set_string(o, &at->v[i], a, "", str_of(text.v[i]), reason))
            return false;
    }
    return true;
}

static bool set_networks(struct networks *at, struct arena *a, struct strings text, const char **reason)
{
    at->v = ARENA_ARRAY(a, struct network, text.n);
    at->n = text.n;
    for (size_t i = 0; i < text.n; i++) {
        if (!network_parse(str_of(text.v[i]), &at->v[i]))
            return refuse(a, str_of(text.v[i]), "is no network (ADDRESS or ADDRESS/BITS)", reason);
    }
    return true;
}

bool option_set(const struct conf_option *o, void *base, struct arena *a, const char *dir, struct strings text, const char **reason)
{
    void *at = (char *)base + o->offset;
    if (option_is_list(o)) {
        if (text.n > (uint64_t)o->limits.max) {
            *reason = str_cstr(a, str_printf(a, "more than %" PRId64 " values", o->limits.max));
            return false;
        }
        return o->type == OPTION_STRINGS ? set_strings(o, at, a, text, reason) : set_networks(at, a, text, reason);
    }
    struct str s = str_of(text.v[0]);
    switch (o->type) {
    case OPTION_BOOL:
    case OPTION_CHOICE:
        return set_word(o, at, a, s, reason);
    case OPTION_UINT:
    case OPTION_INT:
    case OPTION_MODE:
        return set_number(o, at, a, s, reason);
    case OPTION_CANON:
        return set_canon(at, a, s, reason);
    case OPTION_DOMAIN:
        return set_domain(at, a, s, reason);
    default:
        return set_string(o, at, a, dir, s, reason);
    }
}

/* ---- defaults ---- */

/* The values of a default, cut at blanks when it is a list. */
static struct strings default_text(const struct conf_option *o, struct arena *a)
{
    struct str rest = str_of(o->value), word;
    struct strings text = { ARENA_ARRAY(a, const char *, rest.n + 1), 0 };
    if (!option_is_list(o))
        text.v[text.n++] = o->value;
    while (option_is_list(o) && rest.n > 0) {
        (void)str_cut(rest, ' ', &word, &rest);
        text.v[text.n++] = str_cstr(a, word);
    }
    return text;
}

void options_default(const struct conf_option *table, void *base, struct arena *a)
{
    for (const struct conf_option *o = table; o->name != NULL; o++) {
        const char *reason;
        if (is_text(o) && o->value[0] == '\0') /* "not set" need not pass the checks */
            *(const char **)(void *)((char *)base + o->offset) = "";
        else if (!option_set(o, base, a, "", default_text(o, a), &reason))
            BUG("default of option %s: %s", o->name, reason);
    }
}

/* ---- back into text ---- */

static void write_quoted(struct buf *out, const char *value)
{
    buf_char(out, '"');
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\')
            buf_char(out, '\\');
        buf_char(out, *value);
    }
    buf_char(out, '"');
}

static void write_network(struct buf *out, const struct network *n)
{
    struct str ip = ip_text(out->arena, n->ip);
    buf_printf(out, "\"%.*s/%u\"", STR_FMT(ip), n->bits);
}

static void write_list(const struct conf_option *o, const void *at, struct buf *out)
{
    const struct strings *strings = at;
    const struct networks *networks = at;
    size_t n = o->type == OPTION_STRINGS ? strings->n : networks->n;
    const char *gap = n > LIST_ON_ONE_LINE ? "\n    " : " ";
    buf_puts(out, "{");
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%s%s", i == 0 ? "" : ",", gap);
        if (o->type == OPTION_STRINGS)
            write_quoted(out, strings->v[i]);
        else
            write_network(out, &networks->v[i]);
    }
    buf_puts(out, n == 0 ? "}" : " }");
}

void option_write(const struct conf_option *o, const void *base, struct buf *out)
{
    const void *at = (const char *)base + o->offset;
    switch (o->type) {
    case OPTION_BOOL:
        buf_printf(out, "\"%s\"", name_of(o->limits.words, *(const bool *)at));
        break;
    case OPTION_CHOICE:
        buf_printf(out, "\"%s\"", name_of(o->limits.words, *(const int *)at));
        break;
    case OPTION_UINT:
        buf_printf(out, "%u", *(const unsigned *)at);
        break;
    case OPTION_INT:
        buf_printf(out, "%" PRId64, *(const int64_t *)at);
        break;
    case OPTION_MODE:
        buf_printf(out, "0%" PRIo64, *(const int64_t *)at);
        break;
    case OPTION_CANON:
        buf_printf(out, "\"%s/%s\"", name_of(dkim_canon_names, (int)*(const enum dkim_canon *)at),
                   name_of(dkim_canon_names, (int)((const enum dkim_canon *)at)[1]));
        break;
    case OPTION_STRINGS:
    case OPTION_NETWORKS:
        write_list(o, at, out);
        break;
    default:
        write_quoted(out, *(const char *const *)at);
    }
}
