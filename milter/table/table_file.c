/*
 * table_file.c - tables of other programs: text files with one entry a line, as OpenDKIM and Postfix write them.
 *
 * A table may have a line for each of very many domains, so it is read into one piece of memory and its entries point there.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailseal/arena.h"
#include "mailseal/table_file.h"

static bool read_all(struct table_file *f, struct arena *a, int fd)
{
    struct stat st;
    size_t n = 0;
    if (fstat(fd, &st) != 0)
        return conf_text_fail(&f->text, 0, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return conf_text_fail(&f->text, 0, "is no regular file");
    if ((size_t)st.st_size > TABLE_FILE_MAX)
        return conf_text_fail(&f->text, 0, "is larger than %zu bytes", TABLE_FILE_MAX);
    char *p = arena_alloc(a, (size_t)st.st_size);
    while (n < (size_t)st.st_size) {
        ssize_t got = read(fd, p + n, (size_t)st.st_size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return conf_text_fail(&f->text, 0, "%s", strerror(errno));
        if (got == 0)
            break;
        n += (size_t)got;
    }
    if (memchr(p, '\0', n) != NULL)
        return conf_text_fail(&f->text, 0, "is no text file");
    f->rest = (struct str){ p, n };
    return true;
}

bool table_file_open(struct table_file *f, struct arena *a, struct arena *scratch, const char *path)
{
    *f = (struct table_file){ .line = 0 };
    conf_text_init(&f->text, scratch, path);
    /* O_NONBLOCK: a FIFO must not stop a reload */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return conf_text_fail(&f->text, 0, "%s", strerror(errno));
    bool ok = read_all(f, a, fd);
    close(fd);
    return ok;
}

bool table_file_next(struct table_file *f, struct str *entry)
{
    while (f->rest.n > 0) {
        struct str line, comment;
        (void)str_cut(f->rest, '\n', &line, &f->rest);
        f->line++;
        f->continues = line.n > 0 && char_is_wsp(line.p[0]);
        (void)str_cut(line, '#', entry, &comment);
        *entry = str_trim(*entry);
        if (entry->n > 0)
            return true;
    }
    return false;
}

void table_file_cut(struct str entry, struct str *word, struct str *rest)
{
    size_t n = 0;
    while (n < entry.n && !char_is_space(entry.p[n]))
        n++;
    *word = str_first(entry, n);
    *rest = str_trim(str_skip(entry, n));
}
