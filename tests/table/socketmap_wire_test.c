/* socketmap_wire_test.c - requests as bytes, and every kind of reply: whole, in pieces, wrong, too long. */
#include "../../milter/table/table_int.h"

#include "../support/support.h"

static void a_request_is_a_netstring(void **state)
{
    (void)state;
    char key[SOCKETMAP_KEY_MAX];
    struct arena *a = arena_new();
    ROW_STR("request", socketmap_request(a, STR("list"), STR("a b")), STR("8:list a b,"));
    memset(key, 'x', sizeof key);
    struct str request = socketmap_request(a, STR("list"), (struct str){ key, sizeof key });
    ROW_STR("head", str_first(request, 11), STR("1029:list x"));
    assert_int_equal(request.n, 5 + 1029 + 1);
    assert_int_equal(request.p[request.n - 1], ',');
    arena_free(a);
}

static void replies_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        enum socketmap_parsed parsed;
        enum table_answer answer;
        const char *text;
    } rows[] = {
        { "8:OK a b c,", SOCKETMAP_DONE, TABLE_YES, "a b c" },
        { "3:OK ,", SOCKETMAP_DONE, TABLE_YES, "" },
        { "2:OK,", SOCKETMAP_DONE, TABLE_YES, "" },
        { "9:NOTFOUND ,", SOCKETMAP_DONE, TABLE_NO, "" },
        { "8:NOTFOUND,", SOCKETMAP_DONE, TABLE_NO, "" },
        { "8:TEMP why,", SOCKETMAP_DONE, TABLE_UNKNOWN, "why" },
        { "11:TIMEOUT why,", SOCKETMAP_DONE, TABLE_UNKNOWN, "why" },
        { "8:PERM why,", SOCKETMAP_DONE, TABLE_UNKNOWN, "why" },
        { "", SOCKETMAP_MORE, TABLE_UNKNOWN, "" },
        { "8", SOCKETMAP_MORE, TABLE_UNKNOWN, "" },
        { "8:OK a b c", SOCKETMAP_MORE, TABLE_UNKNOWN, "" },
        { "8192:OK", SOCKETMAP_MORE, TABLE_UNKNOWN, "" },
        { "8193:OK", SOCKETMAP_BAD, TABLE_UNKNOWN, "" },
        { "8193", SOCKETMAP_BAD, TABLE_UNKNOWN, "" },
        { "99999999999999999999", SOCKETMAP_BAD, TABLE_UNKNOWN, "" },
        { "08:OK a b c,", SOCKETMAP_BAD, TABLE_UNKNOWN, "" },
        { ":,", SOCKETMAP_BAD, TABLE_UNKNOWN, "" },
        { "0:,", SOCKETMAP_BAD, TABLE_UNKNOWN, "" },
        { "-1:,", SOCKETMAP_BAD, TABLE_UNKNOWN, "" },
        { "8:OK a b cx", SOCKETMAP_BAD, TABLE_UNKNOWN, "" },
        { "8:OK a b c,2:OK,", SOCKETMAP_BAD, TABLE_UNKNOWN, "" },
        { "8:YES a bc,", SOCKETMAP_BAD, TABLE_UNKNOWN, "" },
        { "500 go away\r\n", SOCKETMAP_BAD, TABLE_UNKNOWN, "" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct socketmap_reply reply;
        ROW_INT(rows[i].bytes, socketmap_reply_parse(str_of(rows[i].bytes), &reply), rows[i].parsed);
        if (rows[i].parsed != SOCKETMAP_DONE)
            continue;
        ROW_INT(rows[i].bytes, reply.answer, rows[i].answer);
        ROW_STR(rows[i].bytes, reply.text, str_of(rows[i].text));
    }
}

static void the_longest_reply_fits(void **state)
{
    (void)state;
    static char bytes[SOCKETMAP_WIRE_MAX];
    struct socketmap_reply reply;
    size_t n = (size_t)snprintf(bytes, sizeof bytes, "%d:OK ", SOCKETMAP_REPLY_MAX);
    memset(bytes + n, 'x', sizeof bytes - n);
    n = strlen("8192:") + SOCKETMAP_REPLY_MAX;
    bytes[n] = ',';
    assert_true(n + 1 <= sizeof bytes);
    assert_int_equal(socketmap_reply_parse((struct str){ bytes, n + 1 }, &reply), SOCKETMAP_DONE);
    assert_int_equal(reply.text.n, SOCKETMAP_REPLY_MAX - 3);
    assert_int_equal(socketmap_reply_parse((struct str){ bytes, n }, &reply), SOCKETMAP_MORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_request_is_a_netstring), cmocka_unit_test(replies_are_read),
                                        cmocka_unit_test(the_longest_reply_fits) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
