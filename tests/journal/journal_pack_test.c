/* journal_pack_test.c - texts come back as they were packed; damaged ones do not. */
#include "journal_support.h"

static struct str own_words(void *ctx, uint32_t id)
{
    if (ctx != NULL)
        *(uint32_t *)ctx = id;
    for (int kind = 0; kind < JOURNAL_TEXTS; kind++) {
        uint32_t mine;
        struct str w = journal_pack_words((enum journal_text)kind, &mine);
        if (id == mine)
            return w;
    }
    return STR_NONE;
}

static struct str no_words(void *ctx, uint32_t id)
{
    (void)ctx, (void)id;
    return STR_NONE;
}

static void texts_come_back(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    uint32_t asked = 0, mine;
    const struct journal_words words = { own_words, &asked };
    struct journal_pack *p = journal_pack_new();
    struct journal_unpack *u = journal_unpack_new(&words);
    char *largest = arena_alloc(a, LIMIT_JOURNAL_ENTRY), *any = arena_alloc(a, LIMIT_JOURNAL_ENTRY);
    for (size_t i = 0; i < LIMIT_JOURNAL_ENTRY; i++)
        any[i] = (char)(i * 2654435761U >> 13);
    const struct row {
        const char *name;
        struct str text;
    } rows[] = {
        { "empty", STR_NONE },
        { "a word", STR("\"result\":\"pass\"") },
        { "bytes", STR("\0\xff\n") },
        { "the largest", { largest, LIMIT_JOURNAL_ENTRY } },
        { "the largest, without order", { any, LIMIT_JOURNAL_ENTRY } },
    };
    for (size_t i = 0; i < JOURNAL_TEXTS * ROWS(rows); i++) {
        enum journal_text kind = i < ROWS(rows) ? JOURNAL_FACTS : JOURNAL_DETAIL;
        const struct row *row = &rows[i % ROWS(rows)];
        struct str text, packed = journal_pack(p, kind, row->text);
        journal_pack_words(kind, &mine);
        if (!journal_unpack(u, packed, &text))
            fail_msg("%s: damaged", row->name);
        ROW_STR(row->name, text, row->text);
        ROW_INT(row->name, asked, mine);
    }
    journal_unpack_free(u);
    journal_pack_free(p);
    journal_pack_free(NULL);
    journal_unpack_free(NULL);
    arena_free(a);
}

static void damaged_texts_are_refused(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const struct journal_words words = { own_words, NULL }, none = { no_words, NULL };
    struct journal_pack *p = journal_pack_new();
    struct journal_unpack *u = journal_unpack_new(&words), *poor = journal_unpack_new(&none);
    struct str text, packed = str_dup(a, journal_pack(p, JOURNAL_FACTS, STR("spf=pass dkim=none dmarc=pass")));
    assert_false(journal_unpack(u, STR_NONE, &text));
    assert_false(journal_unpack(u, STR("garbage"), &text));
    assert_false(journal_unpack(poor, packed, &text));
    for (size_t n = 0; n < packed.n; n++)
        assert_false(journal_unpack(u, str_first(packed, n), &text));
    for (size_t i = 0; i < packed.n; i++) {
        char *broken = arena_copy(a, packed.p, packed.n);
        broken[i] ^= 0x10;
        /* The last byte of the deflated text has bits that mean nothing. */
        if (journal_unpack(u, (struct str){ broken, packed.n }, &text))
            ROW_STR("damaged", text, STR("spf=pass dkim=none dmarc=pass"));
    }
    assert_true(journal_unpack(u, packed, &text));
    journal_unpack_free(u);
    journal_unpack_free(poor);
    journal_pack_free(p);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(texts_come_back), cmocka_unit_test(damaged_texts_are_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
