/*
 * json.c - reading and writing JSON over jansson.
 *
 * jansson refuses text that is not UTF-8, and mail is not always UTF-8: every text is made valid before it is handed over.
 */
#include <sys/stat.h>

#include <jansson.h>

#include "mailseal/arena.h"
#include "mailseal/buf.h"
#include "mailseal/json.h"
#include "mailseal/log.h"

/* struct json is jansson's json_t under our name: the pointers are the same. */
static json_t *node(const struct json *j)
{
    return (json_t *)(uintptr_t)j;
}

static struct json *ours(json_t *j)
{
    if (j == NULL)
        BUG("out of memory for JSON");
    return (struct json *)(void *)j;
}

static void drop(void *p)
{
    json_decref((json_t *)p);
}

static struct json *owned(struct arena *a, json_t *j)
{
    struct json *root = ours(j);
    arena_defer(a, drop, root);
    return root;
}

static const struct json *loaded(struct arena *a, json_t *root, const char *path, const json_error_t *e, const char **error)
{
    if (root != NULL)
        return owned(a, root);
    *error = str_cstr(a, str_printf(a, "%s:%d: %s", path, e->line > 0 ? e->line : 1, e->text));
    return NULL;
}

const struct json *js_read_file(struct arena *a, const char *path, size_t max, const char **error)
{
    json_error_t e;
    struct stat st;
    FILE *f = fopen(path, "re");
    if (f == NULL || fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size > max) {
        *error = str_cstr(a, str_printf(a, "%s:1: %s", path, f == NULL ? "cannot be opened" : "is no regular file or too large"));
        if (f != NULL)
            fclose(f);
        return NULL;
    }
    json_t *root = json_loadf(f, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
    fclose(f);
    return loaded(a, root, path, &e, error);
}

const struct json *js_read(struct arena *a, struct str text, const char **error)
{
    json_error_t e;
    return loaded(a, json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e), "json", &e, error);
}

enum js_kind js_kind(const struct json *j)
{
    if (j == NULL)
        return JS_ABSENT;
    switch (json_typeof(node(j))) {
    case JSON_STRING:
        return JS_TEXT;
    case JSON_INTEGER:
        return JS_INTEGER;
    case JSON_TRUE:
    case JSON_FALSE:
        return JS_BOOL;
    case JSON_ARRAY:
        return JS_ARRAY;
    case JSON_OBJECT:
        return JS_OBJECT;
    case JSON_NULL:
        return JS_NULL;
    default:
        return JS_OTHER;
    }
}

struct str js_text(const struct json *j)
{
    if (js_kind(j) != JS_TEXT)
        return STR_NONE;
    return (struct str){ json_string_value(node(j)), json_string_length(node(j)) };
}

int64_t js_integer(const struct json *j)
{
    return js_kind(j) == JS_INTEGER ? json_integer_value(node(j)) : 0;
}

bool js_truth(const struct json *j)
{
    return js_kind(j) == JS_BOOL && json_is_true(node(j));
}

size_t js_count(const struct json *j)
{
    return js_kind(j) == JS_ARRAY ? json_array_size(node(j)) : 0;
}

const struct json *js_item(const struct json *j, size_t i)
{
    json_t *v = js_kind(j) == JS_ARRAY ? json_array_get(node(j), i) : NULL;
    return v != NULL ? ours(v) : NULL;
}

const struct json *js_member(const struct json *j, const char *key)
{
    json_t *v = js_kind(j) == JS_OBJECT ? json_object_get(node(j), key) : NULL;
    return v != NULL ? ours(v) : NULL;
}

void js_each(const struct json *j, void (*fn)(void *ctx, struct str key, const struct json *value), void *ctx)
{
    if (js_kind(j) != JS_OBJECT)
        return;
    for (void *i = json_object_iter(node(j)); i != NULL; i = json_object_iter_next(node(j), i))
        fn(ctx, str_of(json_object_iter_key(i)), ours(json_object_iter_value(i)));
}

struct json *js_object(struct arena *a)
{
    return owned(a, json_object());
}

struct json *js_array(struct arena *a)
{
    return owned(a, json_array());
}

/* The parent takes over the only reference. */
static struct json *add(struct json *parent, const char *key, json_t *child)
{
    struct json *c = ours(child);
    int failed = key == NULL ? json_array_append_new(node(parent), child) : json_object_set_new(node(parent), key, child);
    if (failed != 0)
        BUG("cannot add '%s' to JSON", key != NULL ? key : "element");
    return c;
}

struct json *js_add_object(struct json *parent, const char *key)
{
    return add(parent, key, json_object());
}

struct json *js_add_array(struct json *parent, const char *key)
{
    return add(parent, key, json_array());
}

/* Length of the UTF-8 sequence at p (RFC 3629), or 0. */
static size_t utf8_length(const unsigned char *p, size_t n)
{
    size_t len = p[0] < 0x80                   ? 1
                 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
                 : (p[0] & 0xf0) == 0xe0       ? 3
                 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                               : 0;
    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool beyond = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    return overlong || beyond ? 0 : len;
}

static bool is_utf8(struct str s)
{
    size_t i = 0;
    for (size_t len = 1; i < s.n && len > 0; i += len)
        len = utf8_length((const unsigned char *)s.p + i, s.n - i);
    return i >= s.n;
}

void js_add_text(struct json *parent, const char *key, struct str s)
{
    if (is_utf8(s)) {
        add(parent, key, json_stringn(s.n > 0 ? s.p : "", s.n));
        return;
    }
    struct arena *a = arena_new();
    struct buf b;
    buf_init(&b, a, s.n * 3 + 1);
    for (size_t i = 0, len; i<s.n; i += len> 0 ? len : 1) {
        len = utf8_length((const unsigned char *)s.p + i, s.n - i);
        if (len > 0)
            buf_add(&b, s.p + i, len);
        else
            buf_puts(&b, "\xef\xbf\xbd");
    }
    add(parent, key, json_stringn(b.p, b.n));
    arena_free(a);
}

void js_add_integer(struct json *parent, const char *key, int64_t v)
{
    add(parent, key, json_integer(v));
}

void js_add_bool(struct json *parent, const char *key, bool v)
{
    add(parent, key, json_boolean(v));
}

void js_add_null(struct json *parent, const char *key)
{
    add(parent, key, json_null());
}

void js_add_shared(struct json *parent, const char *key, const struct json *value)
{
    add(parent, key, json_incref(node(value)));
}

bool js_write(FILE *f, const struct json *j)
{
    return json_dumpf(node(j), f, JSON_INDENT(2) | JSON_PRESERVE_ORDER) == 0 && fputc('\n', f) != EOF && fflush(f) == 0;
}

/* DEL is ASCII to jansson, and nothing to print. */
static int append(const char *p, size_t n, void *ctx)
{
    struct buf *b = ctx;
    for (size_t i = 0; i < n; i++)
        if (p[i] == 0x7f)
            buf_puts(b, "\\u007f");
        else
            buf_char(b, p[i]);
    return b->full ? -1 : 0;
}

bool js_line(struct arena *a, const struct json *j, size_t max, struct str *out)
{
    struct buf b;
    buf_init(&b, a, max);
    bool whole = json_dump_callback(node(j), append, &b, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_PRESERVE_ORDER) == 0;
    *out = buf_view(&b);
    return whole;
}
