/* dkim_canon_test.c - canonical forms of header fields and bodies, however the body is cut. */
#include "tests/support/support.h"

#include "mailseal/buf.h"

#include "milter/dkim/dkim_int.h"

static void header_fields(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str in;
        struct str relaxed; /* simple is the input */
    } rows[] = {
        { "plain", STR("Subject: hello"), STR("subject:hello") },
        { "RFC 6376 3.4.5, A", STR("A: X"), STR("a:X") },
        { "RFC 6376 3.4.5, B", STR("B : Y\t\r\n\tZ  "), STR("b:Y Z") },
        { "no space after the colon", STR("Subject:hello"), STR("subject:hello") },
        { "runs inside", STR("Subject:  a \t  b\tc "), STR("subject:a b c") },
        { "fold", STR("Subject: a\r\n b"), STR("subject:a b") },
        { "fold with more white space", STR("Subject: a \r\n\t b"), STR("subject:a b") },
        { "fold first", STR("Message-ID:\r\n <1@x>"), STR("message-id:<1@x>") },
        { "fold last", STR("Subject: a\r\n "), STR("subject:a") },
        { "folds in a row", STR("Subject: a\r\n \r\n\t\r\n b"), STR("subject:a b") },
        { "empty", STR("Subject:"), STR("subject:") },
        { "white space only", STR("Subject: \t\r\n "), STR("subject:") },
        { "white space before the colon", STR("Subject \t: a"), STR("subject:a") },
        { "colons in the value", STR("Subject: a: b"), STR("subject:a: b") },
        /* DK-40 */
        { "VT, FF and NBSP are data", STR("Subject: \va\f\xc2\xa0 "), STR("subject:\va\f\xc2\xa0") },
        /* DK-41 */
        { "bare CR is data", STR("Subject: a\r b"), STR("subject:a\r b") },
        { "CRLF without white space is data", STR("Subject: a\r\nb"), STR("subject:a\r\nb") },
        { "CRLF at the end is data", STR("Subject: a\r\n"), STR("subject:a\r\n") },
        /* RFC 8616: only ASCII is lowered, and only in the name */
        { "8-bit and case", STR("SuBJecT: \xc3\x84 ABC"), STR("subject:\xc3\x84 ABC") },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct buf out;
        buf_init(&out, a, 1000);
        dkim_canon_header(DKIM_CANON_SIMPLE, rows[i].in, false, &out);
        ROW_STR(rows[i].name, buf_view(&out), rows[i].in);
        buf_cut(&out, 0);
        dkim_canon_header(DKIM_CANON_RELAXED, rows[i].in, false, &out);
        ROW_STR(rows[i].name, buf_view(&out), rows[i].relaxed);
        dkim_canon_header(DKIM_CANON_RELAXED, rows[i].in, true, &out);
        ROW_STR(rows[i].name, str_skip(buf_view(&out), 2 * rows[i].relaxed.n), STR("\r\n"));
        arena_free(a);
    }
}

static void sink(void *ctx, enum dkim_canon canon, const char *p, size_t n)
{
    (void)canon;
    buf_add(ctx, p, n);
}

/* The canonical form, the body being cut before bytes i and k. */
static struct str canonical(struct arena *a, enum dkim_canon canon, struct str body, size_t i, size_t k)
{
    struct buf out;
    struct canon_body *c = ARENA_NEW(a, struct canon_body);
    buf_init(&out, a, body.n + 2);
    c->canon = canon;
    c->sink = sink;
    c->ctx = &out;
    canon_body_update(c, body.p, i);
    canon_body_update(c, body.p + i, k - i);
    canon_body_update(c, body.p + k, body.n - k);
    canon_body_finish(c);
    assert_int_equal(c->length, out.n);
    assert_false(out.full);
    return buf_view(&out);
}

/* dkim.md section 5, DK-40, DK-41, DK-42 */
static const struct {
    const char *name;
    struct str in, simple, relaxed;
} bodies[] = {
    { "no body", STR(""), STR("\r\n"), STR("") },
    { "one empty line", STR("\r\n"), STR("\r\n"), STR("") },
    { "empty lines", STR("\r\n\r\n\r\n"), STR("\r\n"), STR("") },
    { "a line of white space", STR(" \t\r\n"), STR(" \t\r\n"), STR("") },
    { "white space without CRLF", STR(" \t"), STR(" \t\r\n"), STR("") },
    { "text without CRLF", STR("text"), STR("text\r\n"), STR("text\r\n") },
    { "text", STR("text\r\n"), STR("text\r\n"), STR("text\r\n") },
    { "text and empty lines", STR("text\r\n\r\n\r\n"), STR("text\r\n"), STR("text\r\n") },
    { "text and lines of white space", STR("text\r\n \r\n\t\r\n"), STR("text\r\n \r\n\t\r\n"), STR("text\r\n") },
    { "leading empty lines", STR("\r\n\r\ntext\r\n"), STR("\r\n\r\ntext\r\n"), STR("\r\n\r\ntext\r\n") },
    { "empty lines inside", STR("a\r\n\r\n\r\nb\r\n"), STR("a\r\n\r\n\r\nb\r\n"), STR("a\r\n\r\n\r\nb\r\n") },
    { "white space lines inside", STR("a\r\n \r\n\t \r\nb"), STR("a\r\n \r\n\t \r\nb\r\n"), STR("a\r\n\r\n\r\nb\r\n") },
    { "runs", STR("  a\tb \r\n"), STR("  a\tb \r\n"), STR(" a b\r\n") },
    { "one space stays", STR("a b\r\n c d\r\n"), STR("a b\r\n c d\r\n"), STR("a b\r\n c d\r\n") },
    { "tab becomes space", STR("a\tb\r\n"), STR("a\tb\r\n"), STR("a b\r\n") },
    { "trailing blanks, no CRLF", STR("a \t "), STR("a \t \r\n"), STR("a\r\n") },
    { "RFC 6376 3.4.5", STR(" C \r\nD \t E\r\n\r\n\r\n"), STR(" C \r\nD \t E\r\n"), STR(" C\r\nD E\r\n") },
    { "bare CR", STR("a\rb\r\n"), STR("a\rb\r\n"), STR("a\rb\r\n") },
    { "bare CR at the end", STR("a\r"), STR("a\r\r\n"), STR("a\r\r\n") },
    { "bare CR alone", STR("\r"), STR("\r\r\n"), STR("\r\r\n") },
    { "bare CR behind empty lines", STR("a\r\n\r\n\r"), STR("a\r\n\r\n\r\r\n"), STR("a\r\n\r\n\r\r\n") },
    { "bare CR behind a blank", STR("a \r b\r\n"), STR("a \r b\r\n"), STR("a \r b\r\n") },
    { "two CR and LF", STR("a\r\r\n\r\n"), STR("a\r\r\n"), STR("a\r\r\n") },
    { "bare LF", STR("a\nb\n\n"), STR("a\nb\n\n\r\n"), STR("a\nb\n\n\r\n") },
    { "bare LF behind blanks", STR("a  \nb\r\n"), STR("a  \nb\r\n"), STR("a \nb\r\n") },
    { "LF first", STR("\na"), STR("\na\r\n"), STR("\na\r\n") },
    { "NUL, VT, FF and NBSP", STR("\0 \v\f\xa0 \r\n"), STR("\0 \v\f\xa0 \r\n"), STR("\0 \v\f\xa0\r\n") },
    { "long words", STR("abcdefghijklmnop qrstuvwxyz0123456789  x\r\n"), STR("abcdefghijklmnop qrstuvwxyz0123456789  x\r\n"),
      STR("abcdefghijklmnop qrstuvwxyz0123456789 x\r\n") },
};

static void bodies_cut_anywhere(void **state)
{
    (void)state;
    for (size_t row = 0; row < ROWS(bodies); row++) {
        for (size_t i = 0; i <= bodies[row].in.n; i++) {
            for (size_t k = i; k <= bodies[row].in.n; k++) {
                struct arena *a = arena_new();
                ROW_STR(bodies[row].name, canonical(a, DKIM_CANON_SIMPLE, bodies[row].in, i, k), bodies[row].simple);
                ROW_STR(bodies[row].name, canonical(a, DKIM_CANON_RELAXED, bodies[row].in, i, k), bodies[row].relaxed);
                arena_free(a);
            }
        }
    }
}

/* The text of RFC 6376 3.4.3 and 3.4.4, line by line and without haste. */
static struct str by_the_book(struct arena *a, enum dkim_canon canon, struct str body)
{
    struct buf out;
    buf_init(&out, a, body.n + 2);
    size_t keep = 0; /* the end of the last line that is not empty */
    while (body.n > 0) {
        const char *end = memmem(body.p, body.n, "\r\n", 2);
        struct str line = str_first(body, end != NULL ? (size_t)(end - body.p) : body.n);
        body = str_skip(body, line.n + 2);
        size_t start = out.n;
        for (size_t i = 0; i < line.n; i++) {
            bool blank = canon == DKIM_CANON_RELAXED && char_is_wsp(line.p[i]);
            if (!blank)
                buf_char(&out, line.p[i]);
            else if (out.n == start || out.p[out.n - 1] != ' ')
                buf_char(&out, ' ');
        }
        if (canon == DKIM_CANON_RELAXED && out.n > start && out.p[out.n - 1] == ' ')
            buf_cut(&out, out.n - 1);
        if (out.n > start)
            keep = out.n;
        buf_puts(&out, "\r\n");
    }
    buf_cut(&out, keep);
    if (keep > 0 || canon == DKIM_CANON_SIMPLE)
        buf_puts(&out, "\r\n");
    return buf_view(&out);
}

static uint32_t random_next(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void random_bodies_are_as_by_the_book(void **state)
{
    (void)state;
    static const char alphabet[] = "aa  \t\r\n\r\n\v";
    uint32_t seed = 4711;
    for (int round = 0; round < 20000; round++) {
        struct arena *a = arena_new();
        char text[48];
        size_t n = random_next(&seed) % sizeof(text);
        for (size_t i = 0; i < n; i++)
            text[i] = alphabet[random_next(&seed) % (sizeof(alphabet) - 1)];
        struct str body = { text, n };
        size_t i = random_next(&seed) % (n + 1), k = i + random_next(&seed) % (n - i + 1);
        for (enum dkim_canon canon = DKIM_CANON_SIMPLE; canon <= DKIM_CANON_RELAXED; canon++)
            ROW_STR("random", canonical(a, canon, body, i, k), by_the_book(a, canon, body));
        arena_free(a);
    }
}

/* Spans longer than what is gathered go by whole. */
static void long_bodies(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct buf body;
    uint32_t seed = 42;
    buf_init(&body, a, 100000);
    while (!body.full) {
        for (size_t word = random_next(&seed) % 3000; word > 0; word--)
            buf_char(&body, 'x');
        buf_puts(&body, random_next(&seed) % 2 ? "\r\n" : " \t");
    }
    for (size_t i = 0; i < body.n; i += 997)
        for (enum dkim_canon canon = DKIM_CANON_SIMPLE; canon <= DKIM_CANON_RELAXED; canon++) {
            struct arena *b = arena_new();
            struct str got = canonical(b, canon, buf_view(&body), i, body.n), want = by_the_book(b, canon, buf_view(&body));
            assert_true(str_eq(got, want));
            arena_free(b);
        }
    arena_free(a);
}

static void count_only(void *ctx, enum dkim_canon canon, const char *p, size_t n)
{
    (void)canon;
    (void)p;
    *(uint64_t *)ctx += n;
}

/* faults-and-limits.md, "50 MB of blank lines or spaces": nothing is kept but counters. */
static void blanks_without_end_take_no_memory(void **state)
{
    (void)state;
    static char piece[65536];
    static const char *const patterns[] = { "\r\n", " ", "\t \r\n" };
    for (size_t i = 0; i < ROWS(patterns); i++) {
        size_t n = strlen(patterns[i]), used = sizeof(piece) / n * n;
        for (size_t k = 0; k < used; k += n)
            memcpy(piece + k, patterns[i], n);
        uint64_t out = 0;
        struct canon_body c = { .canon = DKIM_CANON_RELAXED, .sink = count_only, .ctx = &out };
        canon_body_update(&c, "a", 1);
        for (size_t total = 0; total < 50u << 20; total += used)
            canon_body_update(&c, piece, used);
        assert_int_equal(c.length, 1);
        canon_body_finish(&c);
        assert_int_equal(out, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_fields),
        cmocka_unit_test(bodies_cut_anywhere),
        cmocka_unit_test(random_bodies_are_as_by_the_book),
        cmocka_unit_test(long_bodies),
        cmocka_unit_test(blanks_without_end_take_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
