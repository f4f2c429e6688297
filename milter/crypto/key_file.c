/*
 * key_file.c - private keys from files that nobody else can have written or read.
 *
 * Every directory on the way is opened below the one before it and checked, the file is opened in the last, once, and everything is
 * asked of the descriptors: nothing can be swapped between check and use.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "mailseal/arena.h"
#include "mailseal/crypto.h"
#include "mailseal/limits.h"
#include "mailseal/str.h"

#define LINKS_MAX 8 /* symbolic links followed */

static bool owner_is_safe(const struct stat *st)
{
    return st->st_uid == 0 || st->st_uid == geteuid();
}

static const char *error_text(struct arena *a, const char *what)
{
    return str_cstr(a, str_printf(a, "%s: %s", what, strerror(errno)));
}

/* Who may write in a directory may put another one, or another key, in a name's place, unless the sticky bit forbids it. */
static const char *directory_refusal(struct arena *a, const struct stat *st)
{
    if (!S_ISDIR(st->st_mode)) {
        errno = ENOTDIR;
        return error_text(a, "cannot open its directory");
    }
    if (!owner_is_safe(st))
        return "its directory, or one above it, belongs to another user";
    if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0 && (st->st_mode & S_ISVTX) == 0)
        return "its directory, or one above it, can be written by group or others";
    return NULL;
}

/* The way to a directory: where we are, and what is left of it. */
struct way {
    struct arena *arena;
    int fd;
    struct str rest;
    unsigned links;
    const char *refusal;
};

static void way_enter(struct way *w, int fd)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = fd;
}

/* A link of root's or ours is followed, one step at a time: what it leads to is checked like everything else. */
static void way_follow(struct way *w, int link)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(link, "", target, sizeof(target));
    if (n < 0 || (size_t)n == sizeof(target) || ++w->links > LINKS_MAX) {
        errno = n < 0 ? errno : ELOOP;
        w->refusal = error_text(w->arena, "cannot open its directory");
        return;
    }
    w->rest = str_printf(w->arena, "%.*s/%.*s", (int)n, target, STR_FMT(w->rest));
    if (target[0] != '/')
        return;
    int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top >= 0)
        way_enter(w, top);
    else
        w->refusal = error_text(w->arena, "cannot open its directory");
}

static void way_step(struct way *w, struct str name)
{
    struct stat st;
    int next = openat(w->fd, str_cstr(w->arena, name), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0 || fstat(next, &st) != 0)
        w->refusal = error_text(w->arena, "cannot open its directory");
    else if (S_ISLNK(st.st_mode) && !owner_is_safe(&st))
        w->refusal = "a symbolic link on the way to it belongs to another user";
    else if (S_ISLNK(st.st_mode))
        way_follow(w, next);
    else if ((w->refusal = directory_refusal(w->arena, &st)) == NULL) {
        way_enter(w, next);
        return;
    }
    if (next >= 0)
        close(next);
}

/* The directory `path` leads to; -1 with a reason. */
static int open_directory(struct arena *a, struct str path, const char **reason)
{
    struct way w = { .arena = a, .rest = path };
    struct str name;
    struct stat st;
    bool absolute = str_istarts(path, STR("/"));
    w.fd = open(absolute ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (w.fd < 0 || fstat(w.fd, &st) != 0)
        w.refusal = error_text(a, "cannot open its directory");
    else
        w.refusal = directory_refusal(a, &st);
    while (w.refusal == NULL && w.rest.n > 0) {
        (void)str_cut(w.rest, '/', &name, &w.rest);
        if (name.n > 0)
            way_step(&w, name);
    }
    if (w.refusal != NULL)
        way_enter(&w, -1);
    *reason = w.refusal;
    return w.fd;
}

/* What can be no key file at all. */
static const char *kind_refusal(const struct stat *st)
{
    if (!S_ISREG(st->st_mode))
        return "it is not a regular file";
    if (st->st_size == 0)
        return "it is empty";
    return st->st_size > LIMIT_KEY_FILE ? "it is too long" : NULL;
}

/* Who else can have written or read it. */
static const char *access_refusal(const struct stat *st)
{
    if (!owner_is_safe(st))
        return "it belongs to another user";
    if ((st->st_mode & S_IRWXO) != 0)
        return "others have access to it (want mode 0600 or 0640)";
    return (st->st_mode & S_IWGRP) != 0 ? "its group can write it (want mode 0600 or 0640)" : NULL;
}

/* A file that shrinks while it is read is only shorter; one that grows is not followed. */
static bool read_all(int fd, char *p, size_t size, size_t *n)
{
    for (*n = 0; *n < size;) {
        ssize_t got = read(fd, p + *n, size - *n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        *n += (size_t)got;
    }
    return true;
}

/* The key in an open file. Where `warning` is NULL, unsafe access is a refusal. */
static struct privkey *key_of_file(struct arena *a, int fd, const char **warning, const char **reason)
{
    struct stat st;
    size_t n;
    struct privkey *k = NULL;
    if (fstat(fd, &st) != 0) {
        *reason = error_text(a, "cannot look at it");
        return NULL;
    }
    *reason = kind_refusal(&st);
    if (warning != NULL)
        *warning = access_refusal(&st);
    else if (*reason == NULL)
        *reason = access_refusal(&st);
    if (*reason != NULL)
        return NULL;
    size_t size = (size_t)st.st_size;
    char *text = arena_alloc(a, size);
    if (read_all(fd, text, size, &n))
        k = privkey_parse((struct str){ text, n }, reason);
    else
        *reason = error_text(a, "cannot read it");
    OPENSSL_cleanse(text, size);
    return k;
}

/* Takes fd, which may be the -1 of a failed open. */
static struct privkey *key_of_open(struct arena *a, int fd, const char **warning, const char **reason)
{
    if (fd < 0) {
        *reason = errno == ELOOP ? "it is a symbolic link" : error_text(a, "cannot open it");
        return NULL;
    }
    struct privkey *k = key_of_file(a, fd, warning, reason);
    close(fd);
    return k;
}

/* O_NONBLOCK: a FIFO must not hold us. */
#define OPEN_KEY (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

struct privkey *privkey_read(struct arena *a, const char *path, const char **reason)
{
    struct str directory, name;
    struct privkey *k = NULL;
    if (!str_rcut(str_of(path), '/', &directory, &name)) {
        name = directory;
        directory = STR(".");
    } else if (directory.n == 0) {
        directory = STR("/");
    }
    int dir = open_directory(a, directory, reason);
    if (dir < 0)
        return NULL;
    /* A link at the end would lead past the check of the directory. */
    k = key_of_open(a, openat(dir, str_cstr(a, name), OPEN_KEY | O_NOFOLLOW), NULL, reason);
    close(dir);
    return k;
}

struct privkey *privkey_read_named(struct arena *a, const char *path, const char **warning, const char **reason)
{
    *warning = NULL;
    return key_of_open(a, open(path, OPEN_KEY), warning, reason);
}
