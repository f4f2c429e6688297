/*
 * str.c - counted spans and tables of names.
 *
 * All of it is ASCII: mail, DNS and SMTP define case and white space that way, whatever the locale.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"
#include "mailseal/str.h"

bool char_is_wsp(char c)
{
    return c == ' ' || c == '\t';
}

bool char_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool char_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool char_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool char_is_alnum(char c)
{
    return char_is_alpha(c) || char_is_digit(c);
}

char char_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

struct str str_of(const char *c)
{
    return c == NULL ? STR_NONE : (struct str){ c, strlen(c) };
}

bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_ieq(struct str a, struct str b)
{
    return a.n == b.n && str_istarts(a, b);
}

bool str_istarts(struct str s, struct str prefix)
{
    if (s.n < prefix.n)
        return false;
    for (size_t i = 0; i < prefix.n; i++)
        if (char_lower(s.p[i]) != char_lower(prefix.p[i]))
            return false;
    return true;
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n == 0 ? 0 : memcmp(a.p, b.p, n);
    return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

struct str str_skip(struct str s, size_t from)
{
    return from >= s.n ? STR_NONE : (struct str){ s.p + from, s.n - from };
}

struct str str_first(struct str s, size_t n)
{
    return (struct str){ s.p, s.n < n ? s.n : n };
}

struct str str_trim(struct str s)
{
    while (s.n > 0 && char_is_space(s.p[0]))
        s = (struct str){ s.p + 1, s.n - 1 };
    while (s.n > 0 && char_is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

static bool cut_at(struct str s, const char *at, struct str *before, struct str *after)
{
    if (at == NULL) {
        *before = s;
        *after = STR_NONE;
        return false;
    }
    size_t i = (size_t)(at - s.p);
    *before = (struct str){ s.p, i };
    *after = (struct str){ at + 1, s.n - i - 1 };
    return true;
}

bool str_cut(struct str s, char sep, struct str *before, struct str *after)
{
    return cut_at(s, s.n == 0 ? NULL : memchr(s.p, sep, s.n), before, after);
}

bool str_rcut(struct str s, char sep, struct str *before, struct str *after)
{
    return cut_at(s, s.n == 0 ? NULL : memrchr(s.p, sep, s.n), before, after);
}

struct str str_dup(struct arena *a, struct str s)
{
    return (struct str){ arena_copy(a, s.p, s.n), s.n };
}

struct str str_lower(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n);
    for (size_t i = 0; i < s.n; i++)
        p[i] = char_lower(s.p[i]);
    return (struct str){ p, s.n };
}

const char *str_cstr(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return p;
}

struct str str_printf(struct arena *a, const char *fmt, ...)
{
    char text[LIMIT_LOG_LINE + 1];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0)
        BUG("bad format '%s'", fmt);
    size_t len = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
    return str_dup(a, (struct str){ text, len });
}

bool str_to_uint(struct str s, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!char_is_digit(s.p[i]))
            return false;
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (v > (max - digit) / 10 && (v > max / 10 || v * 10 > max - digit))
            return false;
        v = v * 10 + digit;
    }
    if (v > max)
        return false;
    *out = v;
    return true;
}

struct str str_escape(struct arena *a, struct str s, size_t max)
{
    static const char hex[] = "0123456789abcdef";
    size_t room = s.n > max ? max : s.n;
    char *p = arena_alloc(a, room * 4 + 4);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char out[4] = { (char)c, 0, 0, 0 };
        size_t len = 1;
        if (c == '\\') {
            out[1] = '\\';
            len = 2;
        } else if (c < 0x20 || c > 0x7e) {
            memcpy(out, (char[]){ '\\', 'x', hex[c >> 4], hex[c & 15] }, 4);
            len = 4;
        }
        if (n + len > max)
            break;
        memcpy(p + n, out, len);
        n += len;
    }
    return (struct str){ p, n };
}

const char *name_of(const struct name_code *table, int code)
{
    for (; table->name != NULL; table++)
        if (table->code == code)
            return table->name;
    BUG("code %d has no name", code);
}

int code_of(const struct name_code *table, struct str name)
{
    for (; table->name != NULL; table++)
        if (str_ieq(str_of(table->name), name))
            return table->code;
    return -1;
}
