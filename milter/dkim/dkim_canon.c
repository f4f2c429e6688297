/*
 * dkim_canon.c - canonicalization of header fields and of the body (RFC 6376 3.4).
 *
 * The body passes in pieces cut anywhere and in constant memory: what may turn out to be the end of a line or of the body (CR,
 * blanks, empty lines) is only counted until data follows. Runs of bytes that stay as they are are found first and passed on
 * whole. White space is SP and HTAB alone, and a CR or LF by itself is data.
 */
#include <string.h>

#include "mailseal/buf.h"
#include "mailseal/str.h"

#include "dkim_int.h"

const struct name_code dkim_canon_names[] = { { "simple", DKIM_CANON_SIMPLE }, { "relaxed", DKIM_CANON_RELAXED }, { NULL, 0 } };

/* The length of the white space at s.p[i]: a blank, or the CRLF of a fold. */
static size_t white_at(struct str s, size_t i)
{
    if (char_is_wsp(s.p[i]))
        return 1;
    return i + 2 < s.n && s.p[i] == '\r' && s.p[i + 1] == '\n' && char_is_wsp(s.p[i + 2]) ? 2 : 0;
}

/* RFC 6376 3.4.2: unfold, one SP for each run of white space, none at either end (erratum 5839). */
static void relax_value(struct str value, struct buf *out)
{
    bool empty = true, pending = false;
    for (size_t i = 0; i < value.n;) {
        size_t white = white_at(value, i);
        if (white > 0) {
            pending = true;
            i += white;
            continue;
        }
        size_t start = i;
        while (i < value.n && white_at(value, i) == 0)
            i++;
        if (pending && !empty)
            buf_char(out, ' ');
        buf_add(out, value.p + start, i - start);
        empty = pending = false;
    }
}

void dkim_canon_header(enum dkim_canon canon, struct str raw, bool crlf, struct buf *out)
{
    if (canon == DKIM_CANON_SIMPLE) {
        buf_str(out, raw);
    } else {
        struct str name, value;
        str_cut(raw, ':', &name, &value);
        name = str_trim(name);
        for (size_t i = 0; i < name.n; i++)
            buf_char(out, char_lower(name.p[i]));
        buf_char(out, ':');
        relax_value(value, out);
    }
    if (crlf)
        buf_puts(out, "\r\n");
}

static void flush(struct canon_body *c)
{
    if (c->n > 0)
        c->sink(c->ctx, c->canon, c->out, c->n);
    c->n = 0;
}

static void put(struct canon_body *c, const char *p, size_t n)
{
    c->length += n;
    if (n > sizeof(c->out) - c->n)
        flush(c);
    if (n > sizeof(c->out) / 4) {
        flush(c);
        c->sink(c->ctx, c->canon, p, n);
    } else {
        memcpy(c->out + c->n, p, n);
        c->n += n;
    }
}

/* What was only counted so far belongs to the body: data follows. */
static void put_pending(struct canon_body *c)
{
    for (; c->crlfs >= 4; c->crlfs -= 4)
        put(c, "\r\n\r\n\r\n\r\n", 8);
    for (; c->crlfs > 0; c->crlfs--)
        put(c, "\r\n", 2);
    if (c->wsp)
        put(c, " ", 1);
    c->wsp = false;
}

/* RFC 6376 3.4.3: only the line ends at the end of the body change, so everything but the last ones of a piece is passed on. */
static void simple_update(struct canon_body *c, const char *p, size_t n)
{
    if (c->cr) {
        c->cr = false;
        if (p[0] == '\n') {
            c->crlfs++;
            p++;
            n--;
        } else {
            put_pending(c);
            put(c, "\r", 1);
        }
    }
    bool cr = n > 0 && p[n - 1] == '\r';
    uint64_t crlfs = 0;
    if (cr)
        n--;
    for (; n >= 2 && p[n - 2] == '\r' && p[n - 1] == '\n'; n -= 2)
        crlfs++;
    if (n > 0) {
        put_pending(c);
        put(c, p, n);
    }
    c->crlfs += crlfs;
    c->cr = cr;
}

/* The top bit of each of the eight bytes that equals c. */
static uint64_t lanes_equal(uint64_t word, char c)
{
    const uint64_t low = 0x7f7f7f7f7f7f7f7f;
    uint64_t differs = word ^ (low / 0x7f * (uint8_t)c);
    return ~(((differs & low) + low) | differs | low);
}

static uint64_t lanes_special(uint64_t word)
{
    return lanes_equal(word, ' ') | lanes_equal(word, '\t') | lanes_equal(word, '\r');
}

static uint64_t word_at(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    return word;
}

/* True when all of the eight bytes stay as they are, given the two behind them: no branch for each space or line. */
static bool word_is_verbatim(const char *p)
{
    uint64_t here = word_at(p);
    if (lanes_special(here) == 0)
        return true;
    uint64_t next = word_at(p + 1);
    uint64_t blank = lanes_equal(here, ' ') & lanes_special(next);
    uint64_t line = lanes_equal(here, '\r') & ~(lanes_equal(next, '\n') & ~lanes_special(word_at(p + 2)));
    return (blank | line | lanes_equal(here, '\t')) == 0;
}

static bool is_special(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Where the bytes that stay as they are end: before white space to be reduced, a line end that may be the last one, or the
 * piece's end. */
static size_t verbatim_end(const char *p, size_t i, size_t n)
{
    for (;;) {
        while (i + 10 <= n && word_is_verbatim(p + i))
            i += 8;
        while (i < n && !is_special(p[i]))
            i++;
        if (i + 1 >= n)
            return i;
        if (p[i] == ' ' && !is_special(p[i + 1]))
            i += 2;
        else if (p[i] == '\r' && p[i + 1] != '\n')
            i += 1;
        else if (p[i] == '\r' && i + 2 < n && !is_special(p[i + 2]))
            i += 3;
        else
            return i;
    }
}

/* Counts white space and line ends; stops at data, having passed on what was counted. */
static size_t pend(struct canon_body *c, const char *p, size_t i, size_t n)
{
    for (; i < n; i++) {
        if (c->cr && p[i] == '\n') {
            /* RFC 6376 3.4.4: white space at the end of a line goes. */
            c->wsp = c->cr = false;
            c->crlfs++;
        } else if (c->cr) {
            put_pending(c);
            put(c, "\r", 1);
            c->cr = false;
            return i;
        } else if (p[i] == '\r') {
            c->cr = true;
        } else if (char_is_wsp(p[i])) {
            c->wsp = true;
        } else {
            put_pending(c);
            return i;
        }
    }
    return i;
}

static void relaxed_update(struct canon_body *c, const char *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        if (c->crlfs == 0 && !c->wsp && !c->cr) {
            size_t end = verbatim_end(p, i, n);
            put(c, p + i, end - i);
            i = end;
        }
        i = pend(c, p, i, n);
    }
}

void canon_body_update(struct canon_body *c, const char *p, size_t n)
{
    if (n == 0)
        return;
    if (c->canon == DKIM_CANON_SIMPLE)
        simple_update(c, p, n);
    else
        relaxed_update(c, p, n);
}

void canon_body_finish(struct canon_body *c)
{
    if (c->cr) {
        put_pending(c);
        put(c, "\r", 1);
    }
    /* RFC 6376 3.4.3: an empty body becomes CRLF. 3.4.4: it stays empty, and a body of blank lines is empty too. */
    if (c->canon == DKIM_CANON_SIMPLE || c->length > 0)
        put(c, "\r\n", 2);
    flush(c);
}
