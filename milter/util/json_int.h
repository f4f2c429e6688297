/* json_int.h - what the files of JSON share: the node. */
#ifndef MAILSEAL_JSON_INT_H
#define MAILSEAL_JSON_INT_H

#include "mailseal/json.h"

struct json {
    struct json *next; /* in its parent */
    struct str key;    /* in an object */
    enum js_kind kind;
    union {
        struct str text; /* JS_TEXT, valid UTF-8; JS_OTHER: the number as it is written */
        int64_t number;  /* JS_INTEGER; JS_BOOL: 0 or 1 */
        struct {
            struct arena *arena;
            struct json *first, *last;
            size_t n;
        } has; /* JS_OBJECT, JS_ARRAY */
    };
};

/* A node at the end of the parent, zeroed but for these; the key is not copied. */
struct json *js_append(struct json *parent, struct str key, enum js_kind kind);
/* A root. */
struct json *js_root(struct arena *a, enum js_kind kind);
/* Length of the UTF-8 sequence at p (RFC 3629), or 0. n is not 0. */
size_t js_utf8_length(const char *p, size_t n);

#endif
