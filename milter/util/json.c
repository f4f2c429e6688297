/*
 * json.c - JSON values as nodes of an arena: looked at, and built.
 *
 * A message's explanation is built of a few hundred of them, so a node costs little more than the memory it takes.
 */
#include "mailseal/arena.h"
#include "mailseal/buf.h"

#include "json_int.h"

/* ---- looking ---- */

enum js_kind js_kind(const struct json *j)
{
    return j != NULL ? j->kind : JS_ABSENT;
}

struct str js_text(const struct json *j)
{
    return js_kind(j) == JS_TEXT ? j->text : STR_NONE;
}

int64_t js_integer(const struct json *j)
{
    return js_kind(j) == JS_INTEGER ? j->number : 0;
}

bool js_truth(const struct json *j)
{
    return js_kind(j) == JS_BOOL && j->number != 0;
}

size_t js_count(const struct json *j)
{
    return js_kind(j) == JS_ARRAY ? j->has.n : 0;
}

const struct json *js_item(const struct json *j, size_t i)
{
    if (i >= js_count(j))
        return NULL;
    const struct json *v = j->has.first;
    for (; i > 0; i--)
        v = v->next;
    return v;
}

const struct json *js_member(const struct json *j, const char *key)
{
    if (js_kind(j) == JS_OBJECT)
        for (const struct json *v = j->has.first; v != NULL; v = v->next)
            if (str_eq(v->key, str_of(key)))
                return v;
    return NULL;
}

void js_each(const struct json *j, void (*fn)(void *ctx, struct str key, const struct json *value), void *ctx)
{
    if (js_kind(j) == JS_OBJECT)
        for (const struct json *v = j->has.first; v != NULL; v = v->next)
            fn(ctx, v->key, v);
}

/* ---- building ---- */

static struct json *begin(struct arena *a, struct json *j, enum js_kind kind)
{
    j->kind = kind;
    if (kind == JS_OBJECT || kind == JS_ARRAY)
        j->has.arena = a;
    return j;
}

struct json *js_root(struct arena *a, enum js_kind kind)
{
    return begin(a, ARENA_NEW(a, struct json), kind);
}

struct json *js_append(struct json *parent, struct str key, enum js_kind kind)
{
    struct json *j = js_root(parent->has.arena, kind);
    j->key = key;
    if (parent->has.last != NULL)
        parent->has.last->next = j;
    else
        parent->has.first = j;
    parent->has.last = j;
    parent->has.n++;
    return j;
}

struct json *js_object(struct arena *a)
{
    return js_root(a, JS_OBJECT);
}

struct json *js_array(struct arena *a)
{
    return js_root(a, JS_ARRAY);
}

struct json *js_add_object(struct json *parent, const char *key)
{
    return js_append(parent, str_of(key), JS_OBJECT);
}

struct json *js_add_array(struct json *parent, const char *key)
{
    return js_append(parent, str_of(key), JS_ARRAY);
}

size_t js_utf8_length(const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
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
        len = js_utf8_length(s.p + i, s.n - i);
    return i >= s.n;
}

/* Mail is not always UTF-8, and JSON is. */
static struct str valid_copy(struct arena *a, struct str s)
{
    struct buf b;
    if (is_utf8(s))
        return str_dup(a, s);
    buf_init(&b, a, s.n * 3 + 1);
    for (size_t i = 0, len; i<s.n; i += len> 0 ? len : 1) {
        len = js_utf8_length(s.p + i, s.n - i);
        if (len > 0)
            buf_add(&b, s.p + i, len);
        else
            buf_puts(&b, "\xef\xbf\xbd");
    }
    return buf_view(&b);
}

void js_add_text(struct json *parent, const char *key, struct str s)
{
    js_append(parent, str_of(key), JS_TEXT)->text = valid_copy(parent->has.arena, s);
}

void js_add_integer(struct json *parent, const char *key, int64_t v)
{
    js_append(parent, str_of(key), JS_INTEGER)->number = v;
}

void js_add_bool(struct json *parent, const char *key, bool v)
{
    js_append(parent, str_of(key), JS_BOOL)->number = v;
}

void js_add_null(struct json *parent, const char *key)
{
    js_append(parent, str_of(key), JS_NULL);
}

void js_add_shared(struct json *parent, const char *key, const struct json *value)
{
    struct json *j = js_append(parent, str_of(key), value->kind), *next = j->next;
    *j = *value;
    j->key = str_of(key);
    j->next = next;
}
