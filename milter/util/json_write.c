/* json_write.c - nodes to JSON text (RFC 8259): for people, or on one line of printable ASCII. */
#include "mailseal/arena.h"
#include "mailseal/buf.h"
#include "mailseal/log.h"

#include "json_int.h"

#define INDENT 2

struct writer {
    struct buf b;
    bool line;
};

/* RFC 8259 7: characters beyond the basic plane are two escapes. */
static void write_escaped(struct buf *b, const char *p, size_t n)
{
    static const unsigned char first_bits[] = { 0x7f, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t c = (unsigned char)p[0] & first_bits[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)p[i] & 0x3f);
    if (c >= 0x10000) {
        buf_printf(b, "\\u%04X", 0xd800 + ((c - 0x10000) >> 10));
        c = 0xdc00 + ((c - 0x10000) & 0x3ff);
    }
    buf_printf(b, "\\u%04X", c);
}

static void write_special(struct buf *b, const char *p, size_t n)
{
    static const struct name_code short_forms[] = { { "\\\"", '"' }, { "\\\\", '\\' }, { "\\b", '\b' }, { "\\f", '\f' },
                                                    { "\\n", '\n' }, { "\\r", '\r' },  { "\\t", '\t' }, { NULL, 0 } };
    for (const struct name_code *f = short_forms; f->name != NULL; f++)
        if (f->code == p[0]) {
            buf_puts(b, f->name);
            return;
        }
    write_escaped(b, p, n);
}

/* How many bytes at the front can stand as they are. */
static size_t plain(const struct writer *w, struct str s)
{
    const unsigned char last = w->line ? 0x7e : 0xff;
    size_t n = 0;
    for (unsigned char c; n < s.n; n++)
        if ((c = (unsigned char)s.p[n]) < 0x20 || c > last || c == '"' || c == '\\')
            break;
    return n;
}

static void write_text(struct writer *w, struct str s)
{
    buf_char(&w->b, '"');
    for (size_t n; (n = plain(w, s)) < s.n; s = str_skip(s, n)) {
        buf_str(&w->b, str_first(s, n));
        s = str_skip(s, n);
        n = js_utf8_length(s.p, s.n);
        if (n == 0)
            BUG("a key of JSON that is not UTF-8");
        write_special(&w->b, s.p, n);
    }
    buf_str(&w->b, s);
    buf_char(&w->b, '"');
}

static void write_break(struct writer *w, size_t depth)
{
    if (w->line)
        return;
    buf_char(&w->b, '\n');
    for (size_t i = 0; i < depth * INDENT; i++)
        buf_char(&w->b, ' ');
}

static void write_value(struct writer *w, const struct json *j, size_t depth);

static void write_members(struct writer *w, const struct json *j, size_t depth)
{
    bool keys = j->kind == JS_OBJECT;
    buf_char(&w->b, keys ? '{' : '[');
    for (const struct json *v = j->has.first; v != NULL && !w->b.full; v = v->next) {
        if (v != j->has.first)
            buf_char(&w->b, ',');
        write_break(w, depth + 1);
        if (keys) {
            write_text(w, v->key);
            buf_puts(&w->b, w->line ? ":" : ": ");
        }
        write_value(w, v, depth + 1);
    }
    if (j->has.n > 0)
        write_break(w, depth);
    buf_char(&w->b, keys ? '}' : ']');
}

static void write_value(struct writer *w, const struct json *j, size_t depth)
{
    switch (j->kind) {
    case JS_OBJECT:
    case JS_ARRAY:
        write_members(w, j, depth);
        break;
    case JS_TEXT:
        write_text(w, j->text);
        break;
    case JS_INTEGER:
        buf_printf(&w->b, "%lld", (long long)j->number);
        break;
    case JS_BOOL:
        buf_puts(&w->b, j->number != 0 ? "true" : "false");
        break;
    case JS_OTHER:
        buf_str(&w->b, j->text);
        break;
    case JS_NULL:
    case JS_ABSENT:
        buf_puts(&w->b, "null");
    }
}

bool js_write(FILE *f, const struct json *j)
{
    struct arena *a = arena_new();
    struct writer w = { .line = false };
    buf_init(&w.b, a, SIZE_MAX / 4);
    write_value(&w, j, 0);
    buf_char(&w.b, '\n');
    bool written = !w.b.full && fwrite(w.b.p, 1, w.b.n, f) == w.b.n && fflush(f) == 0;
    arena_free(a);
    return written;
}

bool js_line(struct arena *a, const struct json *j, size_t max, struct str *out)
{
    struct writer w = { .line = true };
    buf_init(&w.b, a, max);
    write_value(&w, j, 0);
    *out = buf_view(&w.b);
    return !w.b.full;
}
