/*
 * str.h - counted spans of bytes, and tables of names.
 *
 * A struct str borrows its bytes, is passed by value and never assumes a NUL at its end. Case-insensitive means ASCII.
 */
#ifndef MAILSEAL_STR_H
#define MAILSEAL_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_NONE     ((struct str){ "", 0 })
#define STR_FMT(s)   (int)(s).n, (s).p /* for "%.*s" */

/* The span of a C string; NULL gives the empty span. */
struct str str_of(const char *c);

bool str_eq(struct str a, struct str b);
bool str_ieq(struct str a, struct str b);
bool str_istarts(struct str s, struct str prefix);
/* Like memcmp, shorter first, for sorting. */
int str_cmp(struct str a, struct str b);

/* The part from byte `from` on (empty when s is shorter), and the first n bytes at most. */
struct str str_skip(struct str s, size_t from);
struct str str_first(struct str s, size_t n);

/* Without white space (SP, HTAB, CR, LF) at both ends. */
struct str str_trim(struct str s);

/* Cuts at the first sep: true with both sides, or false with before = s and after empty. */
bool str_cut(struct str s, char sep, struct str *before, struct str *after);
/* The same at the last sep. */
bool str_rcut(struct str s, char sep, struct str *before, struct str *after);

/* A copy in the arena; str_lower() lowers ASCII letters; str_cstr() ends in NUL (an embedded NUL ends the C string early). */
struct str str_dup(struct arena *a, struct str s);
struct str str_lower(struct arena *a, struct str s);
const char *str_cstr(struct arena *a, struct str s);

/* Formats into the arena; LIMIT_LOG_LINE bytes at most, the rest is cut. */
struct str str_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Decimal digits only, no sign, no white space, at least one digit, value <= max. Leading zeros are allowed. */
bool str_to_uint(struct str s, uint64_t max, uint64_t *out) __attribute__((warn_unused_result));

bool char_is_wsp(char c);   /* SP or HTAB */
bool char_is_space(char c); /* SP, HTAB, CR or LF */
bool char_is_digit(char c);
bool char_is_alpha(char c);
bool char_is_alnum(char c);
char char_lower(char c);

/* Printable ASCII only, for logs and replies: other bytes become \xHH, a backslash is doubled; at most max bytes of output. */
struct str str_escape(struct arena *a, struct str s, size_t max);

/* A table of names ends with a NULL name. */
struct name_code {
    const char *name;
    int code;
};
/* The name of a code; a code that is not in the table is a mistake of ours (BUG). */
const char *name_of(const struct name_code *table, int code);
/* The code of a name, case-insensitive, or -1. */
int code_of(const struct name_code *table, struct str name);

#endif
