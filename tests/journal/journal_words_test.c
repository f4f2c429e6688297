/* journal_words_test.c - the dictionaries: they fit the window of deflate, and make entries of the usual kind much smaller. */
#include "journal_support.h"

#define WINDOW (32768 - 262) /* RFC 1951; the rest is zlib's look-ahead */

static void all_words_can_be_used(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < JOURNAL_TEXTS; kind++) {
        struct str words = str_of(journal_words[kind]);
        assert_in_range(words.n, 500, WINDOW);
        for (size_t i = 0; i < words.n; i++)
            assert_in_range(words.p[i], ' ', '~');
    }
}

static void entries_become_small(void **state)
{
    (void)state;
    static const struct {
        enum journal_text kind;
        const char *text;
        size_t at_most; /* bytes; without the words 6 in 10 remain of such texts */
    } rows[] = {
        { JOURNAL_DETAIL,
          "{\"client\":{\"ip\":\"203.0.113.9\",\"helo\":\"mx7.shop.example\",\"class\":\"outside\",\"relayed\":false},\"envelope\":"
          "{\"sender_domain\":\"shop.example\",\"null_sender\":false,\"recipients\":1},\"author\":{\"status\":\"one\",\"domain\":"
          "\"shop.example\",\"reason\":\"\"},\"spf\":{\"result\":\"pass\",\"domain\":\"shop.example\",\"identity\":\"mailfrom\"",
          120 },
        { JOURNAL_FACTS,
          "from=one from-domain=shop.example sender-domain=shop.example recipient-domain=site.example require-dkim=no dkim-aligned="
          "pass dmarc=pass temperror-option=accept never-reject=no policy=none treat-as-reject=no aligned=yes list=no arc=none",
          80 },
    };
    struct journal_pack *p = journal_pack_new();
    for (size_t i = 0; i < ROWS(rows); i++)
        assert_in_range(journal_pack(p, rows[i].kind, str_of(rows[i].text)).n, 10, rows[i].at_most);
    journal_pack_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(all_words_can_be_used), cmocka_unit_test(entries_become_small) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
