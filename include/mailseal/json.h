/*
 * json.h - reading and writing JSON (landlord of jansson).
 *
 * The prefix is js_ because jansson owns json_.
 *
 * Bytes that are not UTF-8 are written as U+FFFD, so any text of a message can be put in. A NULL node is allowed in every reading
 * function and behaves as "absent".
 */
#ifndef MAILSEAL_JSON_H
#define MAILSEAL_JSON_H

#include <stdio.h>

#include "mailseal/str.h"

struct json;

enum js_kind { JS_ABSENT, JS_NULL, JS_TEXT, JS_INTEGER, JS_BOOL, JS_ARRAY, JS_OBJECT, JS_OTHER };

/* Reads a file of at most max bytes. NULL with "file:line: what is wrong" in the arena. The node is owned by the arena. */
const struct json *js_read_file(struct arena *a, const char *path, size_t max, const char **error);
const struct json *js_read(struct arena *a, struct str text, const char **error);

enum js_kind js_kind(const struct json *j);
struct str js_text(const struct json *j); /* empty when it is not text */
int64_t js_integer(const struct json *j); /* 0 when it is not an integer */
bool js_truth(const struct json *j);      /* false when it is not true */
size_t js_count(const struct json *j);    /* elements of an array */
const struct json *js_item(const struct json *j, size_t i);
const struct json *js_member(const struct json *j, const char *key);
/* Calls fn for each member of an object in the file's order. */
void js_each(const struct json *j, void (*fn)(void *ctx, struct str key, const struct json *value), void *ctx);

/* Building, in the arena of the root. Texts are copied. A key is UTF-8, is not there yet, and is not copied: a literal, or of the
 * arena's lifetime. It is NULL when the parent is an array. */
struct json *js_object(struct arena *a);
struct json *js_array(struct arena *a);
struct json *js_add_object(struct json *parent, const char *key);
struct json *js_add_array(struct json *parent, const char *key);
void js_add_text(struct json *parent, const char *key, struct str s);
void js_add_integer(struct json *parent, const char *key, int64_t v);
void js_add_bool(struct json *parent, const char *key, bool v);
void js_add_null(struct json *parent, const char *key);
/* A node that stands elsewhere too, of this arena or one that lives longer: neither is added to any more. */
void js_add_shared(struct json *parent, const char *key, const struct json *value);
/* Indented, keys in the order they were added, with a final newline. False when writing failed. */
bool js_write(FILE *f, const struct json *j) __attribute__((warn_unused_result));
/* The same on one line without spaces, in the arena: printable ASCII only, other characters as \u escapes. False when it would be
 * longer than max bytes. */
bool js_line(struct arena *a, const struct json *j, size_t max, struct str *out) __attribute__((warn_unused_result));

#endif
