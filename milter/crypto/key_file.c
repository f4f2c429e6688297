/*
 * key_file.c - private keys from files that nobody else can have written or read.
 *
 * The directory is opened and checked, the file is opened below it, once, and everything is asked of the descriptors: nothing can
 * be swapped between check and use.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "mailseal/arena.h"
#include "mailseal/crypto.h"
#include "mailseal/limits.h"
#include "mailseal/str.h"

static bool owner_is_safe(const struct stat *st)
{
    return st->st_uid == 0 || st->st_uid == geteuid();
}

static const char *error_text(struct arena *a, const char *what)
{
    return str_cstr(a, str_printf(a, "%s: %s", what, strerror(errno)));
}

/* Who may write in the directory may put another key in the file's place, unless the sticky bit forbids it. */
static const char *directory_refusal(struct arena *a, int dir)
{
    struct stat st;
    if (fstat(dir, &st) != 0)
        return error_text(a, "cannot look at its directory");
    if (!owner_is_safe(&st))
        return "its directory belongs to another user";
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (st.st_mode & S_ISVTX) == 0)
        return "its directory can be written by group or others";
    return NULL;
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
    int dir = open(str_cstr(a, directory), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        *reason = error_text(a, "cannot open its directory");
        return NULL;
    }
    *reason = directory_refusal(a, dir);
    /* A link at the end would bypass the check of the directory. */
    if (*reason == NULL)
        k = key_of_open(a, openat(dir, str_cstr(a, name), OPEN_KEY | O_NOFOLLOW), NULL, reason);
    close(dir);
    return k;
}

struct privkey *privkey_read_named(struct arena *a, const char *path, const char **warning, const char **reason)
{
    *warning = NULL;
    return key_of_open(a, open(path, OPEN_KEY), warning, reason);
}
