/*
 * dkim_fold.c - write a header field in lines of at most 78 characters where that can be (RFC 5322 2.1.1).
 *
 * The text begins with "Name:", so that it can be hashed as it stands; line ends are CRLF. What goes in is left to the callers.
 */
#include <string.h>

#include "dkim_int.h"

#define LINE_LENGTH 78

void dkim_fold_init(struct dkim_folder *f, struct arena *a, const char *name, size_t max)
{
    *f = (struct dkim_folder){ .column = 0 };
    buf_init(&f->buf, a, strlen(name) + 1 + max);
    dkim_fold_add(f, str_of(name));
    dkim_fold_add(f, STR(":"));
}

void dkim_fold_add(struct dkim_folder *f, struct str s)
{
    buf_str(&f->buf, s);
    f->column += s.n;
}

static void fold(struct dkim_folder *f)
{
    buf_puts(&f->buf, "\r\n");
    f->column = 0;
    dkim_fold_add(f, STR(" "));
}

void dkim_fold_word(struct dkim_folder *f, size_t n)
{
    if (f->column + 1 + n > LINE_LENGTH)
        fold(f);
    else
        dkim_fold_add(f, STR(" "));
}

void dkim_fold_tag(struct dkim_folder *f, const char *tag, struct str value)
{
    dkim_fold_word(f, strlen(tag) + 1 + value.n + 1);
    dkim_fold_add(f, str_of(tag));
    dkim_fold_add(f, STR("="));
    dkim_fold_add(f, value);
    dkim_fold_add(f, STR(";"));
}

/* RFC 6376 3.5 h=: a fold may stand behind a colon. */
void dkim_fold_names(struct dkim_folder *f, const struct str *names, size_t n)
{
    dkim_fold_word(f, sizeof("h=") + names[0].n);
    dkim_fold_add(f, STR("h="));
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && f->column + names[i].n + 1 > LINE_LENGTH)
            fold(f);
        dkim_fold_add(f, names[i]);
        dkim_fold_add(f, i + 1 < n ? STR(":") : STR(";"));
    }
}

/* Base64 may be cut anywhere. */
void dkim_fold_base64(struct dkim_folder *f, struct str text)
{
    while (text.n > 0) {
        if (f->column >= LINE_LENGTH)
            fold(f);
        struct str part = str_first(text, LINE_LENGTH - f->column);
        dkim_fold_add(f, part);
        text = str_skip(text, part.n);
    }
}
