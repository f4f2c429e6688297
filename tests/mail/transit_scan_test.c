/* transit_scan_test.c - long lines, 8-bit and NUL bytes, wherever a text is cut. */
#include "tests/support/support.h"

#include "mailseal/transit.h"

/* A text is made of lines of these lengths, each with CRLF, and of a last one without. */
static const struct {
    const char *name;
    size_t lines[6], n;
    size_t last, want;
} rows[] = {
    { "empty", { 0 }, 0, 0, 0 },
    { "short lines", { 0, 1, 78, 0, 500 }, 5, 3, 0 },
    { "998 is allowed", { 998, 998, 998 }, 3, 998, 0 },
    { "999 is not", { 5, 999, 5 }, 3, 0, 999 },
    { "the longest counts", { 1000, 5000, 1203 }, 3, 0, 5000 },
    { "longest first", { 1203, 999, 0, 998 }, 4, 0, 1203 },
    { "the last without an end", { 5 }, 1, 999, 999 },
    { "998 without an end", { 5 }, 1, 998, 0 },
    { "a longer one before the end", { 2000 }, 1, 1500, 2000 },
    { "a longer one at the end", { 1500 }, 1, 2000, 2000 },
    { "many that fit", { 997, 996, 3, 995, 998 }, 5, 0, 0 },
};

static struct str text_of(struct arena *a, size_t row)
{
    size_t room = rows[row].last, n = 0;
    for (size_t i = 0; i < rows[row].n; i++)
        room += rows[row].lines[i] + 2;
    char *p = arena_alloc(a, room);
    memset(p, 'x', room);
    for (size_t i = 0; i < rows[row].n; i++) {
        n += rows[row].lines[i];
        memcpy(p + n, "\r\n", 2);
        n += 2;
    }
    return (struct str){ p, room };
}

/* In pieces of `size` bytes. */
static struct text_scan scan_of(struct str text, size_t size)
{
    struct text_scan s = { 0 };
    for (; text.n > 0; text = str_skip(text, size))
        text_scan_update(&s, text.p, text.n < size ? text.n : size);
    text_scan_update(&s, "", 0);
    return s;
}

static void long_lines_are_seen_however_they_are_cut(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 2, 3, 7, 64, 333, 999, 1000, 1001, 4096, 100000 };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ROWS(rows) * ROWS(sizes); i++) {
        size_t row = i / ROWS(sizes), size = sizes[i % ROWS(sizes)];
        struct text_scan s = scan_of(text_of(a, row), size);
        const char *name = str_cstr(a, str_printf(a, "%s, in pieces of %zu", rows[row].name, size));
        ROW_INT(name, text_scan_longest(&s), rows[row].want);
        ROW_INT(name, s.eight_bit || s.nul, false);
    }
    arena_free(a);
}

/* At every place of a text that is no multiple of a machine word. */
static void single_bytes_are_seen_anywhere(void **state)
{
    (void)state;
    char text[37];
    for (size_t at = 0; at < sizeof(text); at++) {
        for (size_t size = 1; size <= sizeof(text); size += 5) {
            memset(text, 0x7f, sizeof(text));
            struct text_scan s = scan_of((struct str){ text, sizeof(text) }, size);
            assert_false(s.eight_bit || s.nul);
            text[at] = (char)0x80;
            s = scan_of((struct str){ text, sizeof(text) }, size);
            assert_true(s.eight_bit && !s.nul);
            text[at] = '\0';
            s = scan_of((struct str){ text, sizeof(text) }, size);
            assert_true(s.nul && !s.eight_bit);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(long_lines_are_seen_however_they_are_cut),
                                        cmocka_unit_test(single_bytes_are_seen_anywhere) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
