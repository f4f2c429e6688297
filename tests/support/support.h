/* support.h - what every test shares: cmocka with its includes, where the source tree is, and small comparisons. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mailseal/arena.h"
#include "mailseal/str.h"

#define ROWS(v) (sizeof(v) / sizeof((v)[0]))

/* A path below the source tree: test_path(a, "tests/dns/x.json"). make check sets srcdir. */
static inline const char *test_path(struct arena *a, const char *path)
{
    const char *top = getenv("srcdir");
    return str_cstr(a, str_printf(a, "%s/%s", top != NULL ? top : ".", path));
}

/* Fails with the row's name, what was wanted and what came. */
#define ROW_STR(name, got, want)                                                                                                   \
    do {                                                                                                                           \
        struct str got_ = (got), want_ = (want);                                                                                   \
        if (!str_eq(got_, want_))                                                                                                  \
            fail_msg("%s: want '%.*s', got '%.*s'", (name), STR_FMT(want_), STR_FMT(got_));                                        \
    } while (0)
#define ROW_INT(name, got, want)                                                                                                   \
    do {                                                                                                                           \
        long long got_ = (long long)(got), want_ = (long long)(want);                                                              \
        if (got_ != want_)                                                                                                         \
            fail_msg("%s: want %lld, got %lld", (name), want_, got_);                                                              \
    } while (0)

#endif
