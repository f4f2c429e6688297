/* json_read.c - JSON text to nodes (RFC 8259; landlord of jansson, which does nothing else here). */
#include <stdlib.h>
#include <sys/stat.h>

#include <jansson.h>

#include "mailseal/arena.h"
#include "mailseal/log.h"

#include "json_int.h"

static enum js_kind kind_of(const json_t *v)
{
    switch (json_typeof(v)) {
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

static struct str number_text(struct arena *a, const json_t *v)
{
    char *text = json_dumps(v, JSON_ENCODE_ANY);
    if (text == NULL)
        BUG("out of memory for JSON");
    struct str copy = str_dup(a, str_of(text));
    free(text);
    return copy;
}

/* As deep as jansson reads, which is 2048. */
static void fill(struct arena *a, struct json *to, json_t *from)
{
    if (to->kind == JS_TEXT)
        to->text = str_dup(a, (struct str){ json_string_value(from), json_string_length(from) });
    else if (to->kind == JS_INTEGER)
        to->number = json_integer_value(from);
    else if (to->kind == JS_BOOL)
        to->number = json_is_true(from);
    else if (to->kind == JS_OTHER)
        to->text = number_text(a, from);
    for (size_t i = 0; i < json_array_size(from); i++) {
        json_t *v = json_array_get(from, i);
        fill(a, js_append(to, STR_NONE, kind_of(v)), v);
    }
    for (void *i = json_object_iter(from); i != NULL; i = json_object_iter_next(from, i)) {
        json_t *v = json_object_iter_value(i);
        fill(a, js_append(to, str_dup(a, str_of(json_object_iter_key(i))), kind_of(v)), v);
    }
}

static const struct json *loaded(struct arena *a, json_t *from, const char *path, const json_error_t *e, const char **error)
{
    if (from == NULL) {
        *error = str_cstr(a, str_printf(a, "%s:%d: %s", path, e->line > 0 ? e->line : 1, e->text));
        return NULL;
    }
    struct json *root = js_root(a, kind_of(from));
    fill(a, root, from);
    json_decref(from);
    return root;
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
