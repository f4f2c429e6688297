/* page.c - paragraphs wrapped at the width of a terminal, and a short way to the members of a document. */
#include <stdarg.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/limits.h"

#include "page.h"

#define WIDTH     78
#define TEXT_LONG 320 /* bytes of one text of somebody else that are worth reading */

void page_title(struct page *p, const char *title, const char *about)
{
    size_t n = strlen(title);
    if (p->sections++ > 0)
        fputc('\n', p->f);
    fprintf(p->f, about[0] != '\0' ? "%s - %s\n" : "%s%s\n", title, about);
    n += about[0] != '\0' ? strlen(about) + 3 : 0;
    while (n-- > 0)
        fputc('-', p->f);
    fputc('\n', p->f);
}

void page_space(struct page *p)
{
    fputc('\n', p->f);
}

__attribute__((format(printf, 2, 0))) static const char *format(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    char *text = arena_alloc(a, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    return text;
}

/* Words one after the other; one that is longer than a line stands on its own. */
static void wrap(FILE *f, unsigned column, unsigned indent, const char *text)
{
    bool first = true;
    while (*text != '\0') {
        size_t n = strcspn(text, " ");
        if (!first && column + 1 + n > WIDTH) {
            fprintf(f, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!first) {
            fputc(' ', f);
            column++;
        }
        fwrite(text, 1, n, f);
        column += (unsigned)n;
        first = false;
        text += n;
        text += strspn(text, " ");
    }
    fputc('\n', f);
}

void page_say(struct page *p, unsigned indent, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(p->f, "%*s", (int)indent, "");
    wrap(p->f, indent, indent, format(p->a, fmt, ap));
    va_end(ap);
}

void page_item(struct page *p, unsigned indent, const char *mark, const char *fmt, ...)
{
    va_list ap;
    unsigned hang = indent + (unsigned)strlen(mark) + 1;
    va_start(ap, fmt);
    fprintf(p->f, "%*s%s ", (int)indent, "", mark);
    wrap(p->f, hang, hang, format(p->a, fmt, ap));
    va_end(ap);
}

const char *page_shown(struct page *p, struct str s)
{
    struct str shown = str_escape(p->a, s, TEXT_LONG);
    if (s.n > TEXT_LONG)
        shown = str_printf(p->a, "%.*s... (%zu bytes)", STR_FMT(str_escape(p->a, s, TEXT_LONG / 2)), s.n);
    return str_cstr(p->a, shown);
}

struct str page_text(const struct json *j, const char *key)
{
    return js_text(js_member(j, key));
}

const char *page_member(struct page *p, const struct json *j, const char *key)
{
    return page_shown(p, page_text(j, key));
}

bool page_is(const struct json *j, const char *key, const char *word)
{
    return str_eq(page_text(j, key), str_of(word));
}

bool page_truth(const struct json *j, const char *key)
{
    return js_truth(js_member(j, key));
}
