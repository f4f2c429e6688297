/* fuzz_table.c - the text of a table file, of each kind: one that is taken finds what stands in it, another has an error with its
 * file. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mailseal/domain.h"
#include "mailseal/table_file.h"

#include "../../milter/table/table_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each first word is there again. */
static void find_all(struct arena *a, const struct table_entries *e, enum table_kind kind, const char *path)
{
    struct table_file f;
    struct str entry, word, value, name;
    struct network net;
    if (!table_file_open(&f, a, a, path))
        abort();
    while (table_file_next(&f, &entry)) {
        table_file_cut(entry, &word, &value);
        bool found;
        if (kind == TABLE_TEXT)
            found = table_entries_get(e, a, word, &entry) && str_eq(entry, value);
        else if (kind == TABLE_CLIENTS && network_parse(word, &net))
            found = table_entries_has_ip(e, net.ip);
        else if (word.p[0] == '.')
            found = domain_normalise(a, str_skip(word, 1), &name) &&
                    table_entries_has_domain(e, str_printf(a, "x.%.*s", STR_FMT(name)));
        else
            found = domain_normalise(a, word, &name) && table_entries_has_domain(e, name);
        if (!found)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    int fd = memfd_create("table", 0);
    if (fd < 0 || (size > 0 && write(fd, data, size) != (ssize_t)size))
        abort();
    const char *path = str_cstr(a, str_printf(a, "/proc/self/fd/%d", fd)), *error = NULL;
    for (int kind = TABLE_DOMAINS; kind <= TABLE_TEXT; kind++) {
        const struct table_entries *e = table_entries_read(a, path, (enum table_kind)kind, &error);
        if (e != NULL)
            find_all(a, e, (enum table_kind)kind, path);
        else if (strncmp(error, path, strlen(path)) != 0)
            abort();
    }
    close(fd);
    arena_free(a);
    return 0;
}
