/* fuzz_sign_table.c - OpenDKIM's tables and the login map: a table that is taken answers, another has an error with its file. The
 * input is a key table, a byte 0xff, and a signing table or login map. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mailseal/limits.h"

#include "../../milter/config/config_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *file_of(struct arena *a, struct str text)
{
    int fd = memfd_create("table", 0);
    if (fd < 0 || (text.n > 0 && write(fd, text.p, text.n) != (ssize_t)text.n))
        abort();
    return str_cstr(a, str_printf(a, "/proc/self/fd/%d", fd));
}

static void close_file(const char *path)
{
    close(atoi(strrchr(path, '/') + 1));
}

static void look_up(struct arena *a, const struct sign_table *t)
{
    static const char *const domains[] = { "a.example", "x.y.a.example", "example", "b.example" };
    for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
        struct sign_found found = { .n = 0 };
        sign_table_find(t, a, STR("Ann"), str_of(domains[i]), &found);
        for (size_t j = 0; j < found.n; j++)
            if (found.v[j]->domain[0] == '\0' || found.v[j]->selector[0] == '\0')
                abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct conf c = { .arena = a };
    struct str keys, patterns;
    const char *error = NULL;
    (void)str_cut((struct str){ (const char *)data, size }, (char)0xff, &keys, &patterns);
    c.key_table = file_of(a, keys);
    const char *path = file_of(a, patterns);
    for (int all = 0; all < 2; all++) {
        c.sign_all_matches = all == 1;
        c.signing_table = str_cstr(a, str_printf(a, "%s%s", all == 1 ? "refile:" : "file:", path));
        struct sign_table *t = sign_table_read(a, a, &c, &error);
        if (t != NULL)
            look_up(a, t);
        else if (strncmp(error, "/proc/self/fd/", 14) != 0)
            abort();
    }
    struct login_map *m = login_map_read(a, a, NULL, path, &error);
    if (m != NULL && login_map_ask(m, STR("ann"), STR("ann"), STR("a.example")) == TABLE_YES && patterns.n < 3)
        abort();
    close_file(path);
    close_file(c.key_table);
    arena_free(a);
    return 0;
}
