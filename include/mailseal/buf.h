/*
 * buf.h - growing text that cannot outgrow its maximum.
 *
 * There is no buffer without a maximum. What does not fit is dropped and sets `full`: writers go on without checking, and the one
 * who began the buffer asks once at the end. The bytes belong to the arena.
 */
#ifndef MAILSEAL_BUF_H
#define MAILSEAL_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "mailseal/str.h"

struct buf {
    char *p; /* n bytes, always followed by a NUL that is not counted */
    size_t n, max, room;
    bool full;
    struct arena *arena;
};

void buf_init(struct buf *b, struct arena *a, size_t max);
void buf_add(struct buf *b, const void *p, size_t n); /* all n bytes or none */
void buf_str(struct buf *b, struct str s);
void buf_puts(struct buf *b, const char *c);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Cuts the text back to its first n bytes; `full` stays as it is. */
void buf_cut(struct buf *b, size_t n);
struct str buf_view(const struct buf *b);

#endif
