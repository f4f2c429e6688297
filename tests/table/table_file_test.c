/* table_file_test.c - lines of a table: comments, white space, line numbers; what is no text file is not read. */
#include "mailseal/table_file.h"

#include "../support/files.h"

static void entries_come_with_their_lines(void **state)
{
    (void)state;
    static const struct {
        const char *entry, *word, *rest;
        int line;
        bool continues;
    } want[] = { { "a  b c", "a", "b c", 2, false }, { "d", "d", "", 4, true }, { "e\tf", "e", "f", 5, false } };
    struct arena *a = arena_new();
    const char *dir = make_directory(a);
    struct table_file f;
    struct str entry, word, rest;
    assert_true(table_file_open(&f, a, a, write_file(a, dir, "t", STR("# x\na  b c # d\n  \t\n d\r\ne\tf"), 0644)));
    for (size_t i = 0; i < ROWS(want); i++) {
        assert_true(table_file_next(&f, &entry));
        table_file_cut(entry, &word, &rest);
        ROW_STR("entry", entry, str_of(want[i].entry));
        ROW_STR("word", word, str_of(want[i].word));
        ROW_STR("rest", rest, str_of(want[i].rest));
        ROW_INT(want[i].entry, f.line, want[i].line);
        ROW_INT(want[i].entry, f.continues, want[i].continues);
    }
    assert_false(table_file_next(&f, &entry));
    remove_directory(a, dir);
    arena_free(a);
}

/* X03: neither hang nor read what is no file. */
static void only_text_files_are_read(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *dir = make_directory(a);
    struct table_file f;
    const char *fifo = str_cstr(a, str_printf(a, "%s/fifo", dir));
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_false(table_file_open(&f, a, a, fifo));
    ROW_STR("FIFO", str_of(f.text.error), str_printf(a, "%s: is no regular file", fifo));
    const char *binary = write_file(a, dir, "b", (struct str){ "a b\0c", 5 }, 0644);
    assert_false(table_file_open(&f, a, a, binary));
    ROW_STR("NUL", str_of(f.text.error), str_printf(a, "%s: is no text file", binary));
    remove_directory(a, dir);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(entries_come_with_their_lines),
                                        cmocka_unit_test(only_text_files_are_read) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
