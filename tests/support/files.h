/* files.h - a directory of a test's own, and files in it. */
#ifndef TESTS_FILES_H
#define TESTS_FILES_H

#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

/* A directory that goes with remove_directory(), and files in it. */
static inline const char *make_directory(struct arena *a)
{
    char *path = arena_copy(a, "/tmp/mailseal-test-XXXXXX", sizeof "/tmp/mailseal-test-XXXXXX");
    assert_non_null(mkdtemp(path));
    return path;
}

static inline void remove_directory(struct arena *a, const char *dir)
{
    int failed = system(str_cstr(a, str_printf(a, "rm -r '%s'", dir)));
    assert_int_equal(failed, 0);
}

static inline const char *write_file(struct arena *a, const char *dir, const char *name, struct str text, unsigned mode)
{
    const char *path = str_cstr(a, str_printf(a, "%s/%s", dir, name));
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

#endif
