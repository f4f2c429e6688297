/* buf.c - growing text that cannot outgrow its maximum. */
#include <stdio.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/buf.h"
#include "mailseal/log.h"

void buf_init(struct buf *b, struct arena *a, size_t max)
{
    size_t room = max < 256 ? max : 256;
    *b = (struct buf){ .p = arena_alloc(a, room + 1), .max = max, .room = room, .arena = a };
}

/* Doubles: the old bytes stay in the arena, which costs at most as much again. */
static void grow(struct buf *b, size_t need)
{
    size_t room = b->room;
    while (room < need)
        room *= 2;
    if (room > b->max)
        room = b->max;
    char *p = arena_alloc(b->arena, room + 1);
    memcpy(p, b->p, b->n);
    b->p = p;
    b->room = room;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    if (n > b->max - b->n) {
        b->full = true;
        return;
    }
    if (n == 0)
        return;
    if (b->n + n > b->room)
        grow(b, b->n + n);
    memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = '\0';
}

void buf_str(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}

void buf_puts(struct buf *b, const char *c)
{
    buf_add(b, c, strlen(c));
}

void buf_char(struct buf *b, char c)
{
    if (b->n >= b->room) {
        buf_add(b, &c, 1);
        return;
    }
    b->p[b->n++] = c;
    b->p[b->n] = '\0';
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    size_t left = b->room - b->n;
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(b->p + b->n, left + 1, fmt, ap);
    va_end(ap);
    if (n < 0)
        BUG("bad format '%s'", fmt);
    if ((size_t)n > left) {
        b->p[b->n] = '\0';
        if ((size_t)n > b->max - b->n) {
            b->full = true;
            n = 0;
        } else {
            grow(b, b->n + (size_t)n);
            vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
        }
    }
    b->n += (size_t)n;
    va_end(again);
}

void buf_cut(struct buf *b, size_t n)
{
    if (n > b->n)
        BUG("cut to %zu of %zu bytes", n, b->n);
    b->n = n;
    b->p[n] = '\0';
}

struct str buf_view(const struct buf *b)
{
    return (struct str){ b->p, b->n };
}
