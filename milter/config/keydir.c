/*
 * keydir.c - the key directory: reading and changing the state of keys, so that a crash or a stranger leaves nothing half done.
 *
 * Everything happens below an open descriptor of the domain's directory, which was checked once: nobody but root and us can put a
 * link or another file in a name's place there. Which change is due is decided by `mailseal key rotate`.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailseal/arena.h"
#include "mailseal/buf.h"
#include "mailseal/domain.h"
#include "mailseal/keydir.h"

#define KEY_SUFFIX     ".pem"
#define STATE_SUFFIX   ".state"
#define AWAY_SUFFIX    ".pem.retired"
#define NEW_SUFFIX     ".state.new"
#define NEW_KEY_SUFFIX ".pem.new"
#define DIRECTORY_MODE 0700
#define FILE_MODE      0600

const struct name_code keydir_words[] = {
    { "pending", KEYDIR_PENDING }, { "active", KEYDIR_ACTIVE }, { "retired", KEYDIR_RETIRED }, { NULL, 0 }
};

/* ---- a state as text ---- */

static bool read_fact(struct keydir_state *s, struct str key, struct str value)
{
    const struct {
        struct str key;
        int64_t *to;
    } facts[] = { { STR("since"), &s->since },
                  { STR("seen"), &s->seen },
                  { STR("negttl"), &s->negttl },
                  { STR("retire-after"), &s->retire_after } };
    uint64_t number;
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        if (!str_eq(key, facts[i].key))
            continue;
        if (!str_to_uint(value, INT64_MAX / 2, &number))
            return false;
        *facts[i].to = (int64_t)number;
        return true;
    }
    if (str_eq(key, STR("switching"))) {
        s->switching = str_eq(value, STR("1"));
        return s->switching;
    }
    return true;
}

bool keydir_state_parse(struct str text, struct keydir_state *out, const char **reason)
{
    struct str line, rest, fact, key, value;
    memset(out, 0, sizeof(*out));
    *reason = NULL;
    if (str_cut(text, '\n', &line, &rest) && rest.n > 0)
        *reason = "more than one line";
    if (memchr(line.p, '\0', line.n) != NULL)
        *reason = "a NUL byte";
    bool more = str_cut(line, ' ', &fact, &rest);
    int word = code_of(keydir_words, fact);
    if (word < 0)
        *reason = "the first word is not pending, active or retired";
    else
        out->word = (enum keydir_word)word;
    while (*reason == NULL && more) {
        more = str_cut(rest, ' ', &fact, &rest);
        if (!str_cut(fact, '=', &key, &value) || key.n == 0)
            *reason = "a fact is not key=value";
        else if (!read_fact(out, key, value))
            *reason = "the value of a fact is not a number";
    }
    return *reason == NULL;
}

static void add_fact(struct buf *b, const char *key, int64_t value)
{
    if (value > 0)
        buf_printf(b, " %s=%lld", key, (long long)value);
}

struct str keydir_state_write(struct arena *a, const struct keydir_state *s)
{
    struct buf b;
    buf_init(&b, a, KEYDIR_STATE_MAX);
    buf_puts(&b, name_of(keydir_words, (int)s->word));
    add_fact(&b, "since", s->since);
    add_fact(&b, "seen", s->seen);
    add_fact(&b, "negttl", s->negttl);
    add_fact(&b, "retire-after", s->retire_after);
    add_fact(&b, "switching", s->switching ? 1 : 0);
    buf_char(&b, '\n');
    return buf_view(&b);
}

/* ---- directories ---- */

struct keydir {
    int fd;
    struct str path;
};

static void close_keydir(void *p)
{
    close(((struct keydir *)p)->fd);
}

static const char *say(struct arena *a, struct str path, const char *what)
{
    return str_cstr(a, str_printf(a, "'%.*s': %s", STR_FMT(path), what));
}

static const char *directory_refusal(const struct stat *st)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return "the directory belongs to another user";
    return (st->st_mode & (S_IWGRP | S_IWOTH)) != 0 ? "the directory can be written by group or others" : NULL;
}

/* A directory below `at`, checked; -1 with a reason. */
static int open_directory(struct arena *a, int at, const char *name, struct str path, bool make, const char **reason)
{
    struct stat st;
    const char *refusal = NULL;
    bool made = make && mkdirat(at, name, DIRECTORY_MODE) == 0;
    if (made && at != AT_FDCWD && fsync(at) != 0)
        refusal = strerror(errno);
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (refusal == NULL && fd < 0)
        refusal = errno == ENOTDIR ? "it is a symbolic link, or no directory" : strerror(errno);
    else if (refusal == NULL)
        refusal = fstat(fd, &st) == 0 ? directory_refusal(&st) : strerror(errno);
    if (refusal == NULL)
        return fd;
    *reason = say(a, path, refusal);
    if (fd >= 0)
        close(fd);
    return -1;
}

struct keydir *keydir_open(struct arena *a, const char *dir, struct str domain, bool make, const char **reason)
{
    struct str path = str_printf(a, "%s/%.*s", dir, STR_FMT(domain));
    int top = open_directory(a, AT_FDCWD, dir, str_of(dir), make, reason);
    if (top < 0)
        return NULL;
    int fd = open_directory(a, top, str_cstr(a, domain), path, make, reason);
    close(top);
    if (fd < 0)
        return NULL;
    struct keydir *k = ARENA_NEW(a, struct keydir);
    *k = (struct keydir){ .fd = fd, .path = path };
    arena_defer(a, close_keydir, k);
    return k;
}

bool keydir_lock(struct keydir *k, struct arena *a, const char **reason)
{
    if (flock(k->fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    *reason = say(a, k->path, errno == EWOULDBLOCK ? "another process is changing its keys" : strerror(errno));
    return false;
}

/* ---- lists ---- */

struct names {
    struct str *v;
    size_t n, room;
};

static void names_add(struct names *l, struct arena *a, struct str name)
{
    if (l->n == l->room) {
        struct str *larger = ARENA_ARRAY(a, struct str, l->room * 2 + 16);
        if (l->n > 0)
            memcpy(larger, l->v, l->n * sizeof(*l->v));
        l->v = larger;
        l->room = l->room * 2 + 16;
    }
    l->v[l->n++] = str_dup(a, name);
}

static int by_name(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

/* The names in a directory that are valid domain names (as selectors are, RFC 6376 3.1) before `suffix`, sorted. Takes fd. */
static bool list_names(struct arena *a, int fd, struct str suffix, struct names *out)
{
    const struct dirent *e;
    DIR *d = fdopendir(fd);
    if (d == NULL) {
        close(fd);
        return false;
    }
    rewinddir(d);
    while ((e = readdir(d)) != NULL) {
        struct str name = str_of(e->d_name);
        if (name.n <= suffix.n || !str_eq(str_skip(name, name.n - suffix.n), suffix))
            continue;
        name = str_first(name, name.n - suffix.n);
        if (domain_is_valid(name))
            names_add(out, a, name);
    }
    closedir(d);
    if (out->n > 1)
        qsort(out->v, out->n, sizeof(*out->v), by_name);
    return true;
}

bool keydir_domains(struct arena *a, const char *dir, struct str **domains, size_t *n, const char **reason)
{
    struct names found = { .n = 0 };
    struct stat st;
    int fd = open_directory(a, AT_FDCWD, dir, str_of(dir), false, reason);
    if (fd < 0)
        return false;
    int listed = dup(fd);
    bool done = listed >= 0 && list_names(a, listed, STR_NONE, &found);
    if (!done)
        *reason = say(a, str_of(dir), strerror(errno));
    *domains = ARENA_ARRAY(a, struct str, found.n);
    *n = 0;
    for (size_t i = 0; done && i < found.n; i++)
        if (fstatat(fd, str_cstr(a, found.v[i]), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
            (*domains)[(*n)++] = found.v[i];
    close(fd);
    return done;
}

static const char *file_name(struct arena *a, struct str selector, const char *suffix)
{
    return str_cstr(a, str_printf(a, "%.*s%s", STR_FMT(selector), suffix));
}

/* The state beside a key. Without a file it is active: keys put there by hand sign. */
static void read_state(const struct keydir *k, struct arena *a, struct keydir_key *key)
{
    char text[KEYDIR_STATE_MAX + 1];
    struct stat st;
    key->state = (struct keydir_state){ .word = KEYDIR_ACTIVE };
    int fd = openat(k->fd, file_name(a, key->selector, STATE_SUFFIX), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        if (errno != ENOENT)
            key->reason = errno == ELOOP ? "its state is a symbolic link" : "its state cannot be opened";
        return;
    }
    ssize_t n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read(fd, text, sizeof(text)) : -1;
    close(fd);
    if (n < 0)
        key->reason = "its state cannot be read";
    else if (n > KEYDIR_STATE_MAX)
        key->reason = "its state is too long";
    else if (!keydir_state_parse((struct str){ text, (size_t)n }, &key->state, &key->reason))
        key->reason = str_cstr(a, str_printf(a, "its state is not valid: %s", key->reason));
}

bool keydir_list(struct keydir *k, struct arena *a, struct keydir_key **keys, size_t *n, const char **reason)
{
    struct names found = { .n = 0 };
    int fd = openat(k->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || !list_names(a, fd, STR(KEY_SUFFIX), &found)) {
        *reason = say(a, k->path, strerror(errno));
        return false;
    }
    *n = found.n;
    *keys = ARENA_ARRAY(a, struct keydir_key, found.n);
    for (size_t i = 0; i < found.n; i++) {
        (*keys)[i].selector = found.v[i];
        read_state(k, a, &(*keys)[i]);
    }
    return true;
}

const char *keydir_path(const struct keydir *k, struct arena *a, struct str selector)
{
    return str_cstr(a, str_printf(a, "%.*s/%.*s" KEY_SUFFIX, STR_FMT(k->path), STR_FMT(selector)));
}

bool keydir_has(const struct keydir *k, struct str selector)
{
    static const char *const suffixes[] = { KEY_SUFFIX, STATE_SUFFIX, AWAY_SUFFIX, NEW_KEY_SUFFIX };
    struct arena *a = arena_new();
    struct stat st;
    bool has = false;
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
        has = has || fstatat(k->fd, file_name(a, selector, suffixes[i]), &st, AT_SYMLINK_NOFOLLOW) == 0;
    arena_free(a);
    return has;
}

/* ---- changes ---- */

static bool write_all(int fd, struct str s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        s = str_skip(s, (size_t)n);
    }
    return fsync(fd) == 0;
}

/* False with errno, and there is no such file if it was not there before. */
static bool write_new(int at, const char *name, struct str bytes)
{
    int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return false;
    bool done = write_all(fd, bytes);
    int error = errno;
    if (close(fd) != 0 && done) {
        error = errno;
        done = false;
    }
    if (!done)
        unlinkat(at, name, 0);
    errno = error;
    return done;
}

bool keydir_write_new(struct arena *a, const char *path, struct str bytes, const char **reason)
{
    bool done = write_new(AT_FDCWD, path, bytes);
    if (!done)
        *reason = say(a, str_of(path), strerror(errno));
    return done;
}

static bool failed(const struct keydir *k, struct arena *a, const char *name, const char **reason)
{
    struct str path = str_printf(a, "%.*s/%s", STR_FMT(k->path), name);
    *reason = say(a, path, strerror(errno));
    return false;
}

bool keydir_add(struct keydir *k, struct arena *a, struct str selector, struct str pem, const struct keydir_state *s,
                const char **reason)
{
    const char *state = file_name(a, selector, STATE_SUFFIX), *key = file_name(a, selector, KEY_SUFFIX);
    const char *next = file_name(a, selector, NEW_KEY_SUFFIX);
    struct stat st;
    if (fstatat(k->fd, key, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return failed(k, a, key, reason);
    }
    if (!write_new(k->fd, state, keydir_state_write(a, s)) || fsync(k->fd) != 0)
        return failed(k, a, state, reason);
    /* A key has its name only when it is whole. */
    if (!write_new(k->fd, next, pem) || renameat2(k->fd, next, k->fd, key, RENAME_NOREPLACE) != 0 || fsync(k->fd) != 0) {
        failed(k, a, key, reason);
        unlinkat(k->fd, next, 0);
        return false;
    }
    return true;
}

bool keydir_set(struct keydir *k, struct arena *a, struct str selector, const struct keydir_state *s, const char **reason)
{
    const char *state = file_name(a, selector, STATE_SUFFIX), *next = file_name(a, selector, NEW_SUFFIX);
    /* What a crash has left of an earlier change. */
    if (unlinkat(k->fd, next, 0) != 0 && errno != ENOENT)
        return failed(k, a, next, reason);
    if (!write_new(k->fd, next, keydir_state_write(a, s)))
        return failed(k, a, next, reason);
    if (renameat(k->fd, next, k->fd, state) != 0 || fsync(k->fd) != 0)
        return failed(k, a, state, reason);
    return true;
}

bool keydir_put_away(struct keydir *k, struct arena *a, struct str selector, const char **reason)
{
    const char *key = file_name(a, selector, KEY_SUFFIX), *away = file_name(a, selector, AWAY_SUFFIX);
    if (renameat(k->fd, key, k->fd, away) != 0 || fsync(k->fd) != 0)
        return failed(k, a, key, reason);
    return true;
}
