/*
 * headers.c - the header fields of a message, kept byte for byte (RFC 5322 2.2; white space before the colon is 4.5).
 *
 * Each field is copied once into the arena, with CRLF for every line end inside it: that is the form DKIM hashes (RFC 6376 3.7). A
 * CR without LF stays data. What a value means is left to those who read it.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/limits.h"
#include "mailseal/headers.h"

#define HEADERS_FIRST 32 /* room of the first array; it doubles */

void headers_init(struct headers *h, struct arena *a)
{
    *h = (struct headers){ .arena = a };
}

/* Bytes of s once each lone LF has a CR before it. */
static size_t crlf_size(struct str s)
{
    size_t size = s.n;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r'))
            size++;
    return size;
}

static void crlf_copy(char *to, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r'))
            *to++ = '\r';
        *to++ = s.p[i];
    }
}

static void make_room(struct headers *h)
{
    if (h->n < h->room)
        return;
    size_t room = h->room == 0 ? HEADERS_FIRST : h->room * 2;
    struct header *v = ARENA_ARRAY(h->arena, struct header, room);
    if (h->n > 0)
        memcpy(v, h->v, h->n * sizeof(*v));
    h->v = v;
    h->room = room;
}

bool headers_add(struct headers *h, struct str name, struct str value)
{
    if (h->n >= LIMIT_HEADER_FIELDS || name.n > LIMIT_HEADER_FIELD || value.n > LIMIT_HEADER_FIELD) {
        h->overflow = true;
        return false;
    }
    size_t value_size = crlf_size(value);
    size_t size = name.n + 1 + value_size;
    if (size > LIMIT_HEADER_FIELD || size > LIMIT_HEADER_BYTES - h->bytes) {
        h->overflow = true;
        return false;
    }
    char *raw = arena_alloc(h->arena, size);
    if (name.n > 0)
        memcpy(raw, name.p, name.n);
    raw[name.n] = ':';
    crlf_copy(raw + name.n + 1, value);

    size_t name_size = name.n;
    while (name_size > 0 && char_is_wsp(raw[name_size - 1]))
        name_size--;
    make_room(h);
    h->v[h->n++] = (struct header){ .raw = { raw, size }, .name = { raw, name_size }, .value = { raw + name.n + 1, value_size } };
    h->bytes += size;
    return true;
}

size_t headers_count(const struct headers *h, struct str name)
{
    size_t count = 0;
    for (size_t i = 0; i < h->n; i++)
        count += str_ieq(h->v[i].name, name);
    return count;
}

const struct header *headers_get(const struct headers *h, struct str name, size_t i)
{
    for (size_t k = 0; k < h->n; k++)
        if (str_ieq(h->v[k].name, name) && i-- == 0)
            return &h->v[k];
    return NULL;
}

/* The first line of text without its line end; `*rest` is what follows that. */
static struct str line_next(struct str text, struct str *rest)
{
    struct str line;
    bool ended = str_cut(text, '\n', &line, rest);
    if (ended && line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

/* RFC 5322 3.6.8 and 4.5: printable ASCII but ":", then white space, then ":". Gives the length before the colon, or 0. */
static size_t field_name_size(struct str line)
{
    size_t i = 0;
    while (i < line.n && line.p[i] > ' ' && line.p[i] < 0x7f && line.p[i] != ':')
        i++;
    if (i == 0)
        return 0;
    while (i < line.n && char_is_wsp(line.p[i]))
        i++;
    return i < line.n && line.p[i] == ':' ? i : 0;
}

bool headers_read(struct headers *h, struct str message, struct str *body)
{
    bool kept = true;
    struct str rest = message, next;
    if (str_istarts(message, STR("From ")) && field_name_size(line_next(message, &next)) == 0)
        rest = next;

    while (rest.n > 0) {
        struct str line = line_next(rest, &next);
        if (line.n == 0) {
            rest = next;
            break;
        }
        size_t name_size = field_name_size(line);
        if (name_size == 0)
            break;
        const char *end = line.p + line.n;
        while (next.n > 0 && char_is_wsp(next.p[0])) {
            line = line_next(next, &next);
            end = line.p + line.n;
        }
        const char *value = rest.p + name_size + 1;
        kept = headers_add(h, str_first(rest, name_size), (struct str){ value, (size_t)(end - value) }) && kept;
        rest = next;
    }
    *body = rest;
    return kept;
}
