/* journal_support.h - a journal in a directory of its own, entries for it, and what the commands read of it. */
#ifndef TESTS_JOURNAL_SUPPORT_H
#define TESTS_JOURNAL_SUPPORT_H

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailseal/clock.h"
#include "mailseal/journal.h"
#include "mailseal/limits.h"

#include "milter/journal/journal_int.h"
#include "tests/support/support.h"

#define NOW 1780000000

struct place {
    struct arena *a;
    const char *dir, *path;
    struct journal_params params;
};

static inline struct place place_new(void)
{
    struct arena *a = arena_new();
    char dir[] = "/tmp/mailseal-journal-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct place p = { .a = a, .dir = str_cstr(a, str_of(dir)) };
    p.path = str_cstr(a, str_printf(a, "%s/journal.db", dir));
    p.params = (struct journal_params){ p.path, 64 * 1024 * 1024, 30 * 86400 };
    clock_fix(NOW);
    return p;
}

/* The files of the directory whose names begin so; they are removed when `unlinked`. */
static inline size_t place_files(const struct place *p, const char *prefix, bool unlinked)
{
    size_t n = 0;
    DIR *d = opendir(p->dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.' && strncmp(e->d_name, prefix, strlen(prefix)) == 0) {
            n++;
            if (unlinked)
                unlinkat(dirfd(d), e->d_name, 0);
        }
    closedir(d);
    return n;
}

static inline void place_free(struct place *p)
{
    chmod(p->dir, 0700);
    place_files(p, "", true);
    rmdir(p->dir);
    arena_free(p->a);
    clock_fix(0);
}

static inline struct journal_entry entry_at(int64_t time, const char *queue_id)
{
    return (struct journal_entry){ .time = time,
                                   .queue_id = str_of(queue_id),
                                   .domain = STR("shop.example"),
                                   .action = STR("quarantine"),
                                   .rule = STR("dmarc-fail"),
                                   .policy = STR("standard"),
                                   .facts = STR("spf=fail dmarc=fail"),
                                   .detail = STR("{\"spf\":{\"result\":\"fail\"}}") };
}

static inline bool count_one(void *ctx, const struct journal_entry *e)
{
    (void)e;
    ++*(size_t *)ctx;
    return true;
}

static inline size_t entries_in(const struct place *p)
{
    const char *error;
    size_t n = 0;
    if (!journal_each(p->a, p->path, 0, count_one, &n, &error))
        fail_msg("%s", error);
    return n;
}

/* Bytes over part of a file. */
static inline void overwrite(const char *path, off_t from, size_t n)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(pwrite(fd, "\xa5", 1, from + (off_t)i), 1);
    close(fd);
}

/* Another program that uses the file. */
static inline sqlite3 *other_program(const char *path, const char *sql)
{
    sqlite3 *h;
    assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
    if (sqlite3_exec(h, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(h));
    return h;
}

static inline void run_other(const char *path, const char *sql)
{
    sqlite3_close(other_program(path, sql));
}

#endif
