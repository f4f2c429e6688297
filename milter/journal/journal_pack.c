/*
 * journal_pack.c - the texts of the journal, compressed (landlord of zlib).
 *
 * An entry is a kilobyte or two, too short for deflate (RFC 1951) to learn its words from: it is given them beforehand. A packed
 * text names the dictionary it was made with (RFC 1950 2.2, FDICT), so that the words may be changed here: readers of old texts
 * find theirs in the file.
 */
#include <stdlib.h>

#include <zlib.h>

#include "mailseal/limits.h"
#include "mailseal/log.h"

#include "journal_int.h"

#define LEVEL       3 /* 6 takes a third more time and saves a twentieth */
#define WINDOW_BITS 15
#define MEMORY      8

struct journal_pack {
    z_stream z;
    unsigned char room[LIMIT_JOURNAL_ENTRY + LIMIT_JOURNAL_ENTRY / 100 + 64]; /* more than deflateBound() */
};

struct journal_unpack {
    z_stream z;
    struct journal_words words;
    unsigned char room[LIMIT_JOURNAL_ENTRY];
};

static void *allocate(size_t n)
{
    void *p = calloc(1, n);
    if (p == NULL)
        BUG("out of memory for the journal");
    return p;
}

/* zlib reads through pointers that are not const. */
static unsigned char *bytes(struct str s)
{
    return (unsigned char *)(uintptr_t)s.p;
}

struct str journal_pack_words(enum journal_text kind, uint32_t *id)
{
    struct str w = str_of(journal_words[kind]);
    *id = (uint32_t)adler32(adler32(0, NULL, 0), bytes(w), (uInt)w.n);
    return w;
}

struct journal_pack *journal_pack_new(void)
{
    struct journal_pack *p = allocate(sizeof(*p));
    if (deflateInit2(&p->z, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        BUG("zlib cannot be set up");
    return p;
}

void journal_pack_free(struct journal_pack *p)
{
    if (p == NULL)
        return;
    deflateEnd(&p->z);
    free(p);
}

struct str journal_pack(struct journal_pack *p, enum journal_text kind, struct str text)
{
    struct str w = str_of(journal_words[kind]);
    deflateReset(&p->z);
    deflateSetDictionary(&p->z, bytes(w), (uInt)w.n);
    p->z.next_in = bytes(text);
    p->z.avail_in = (uInt)text.n;
    p->z.next_out = p->room;
    p->z.avail_out = sizeof(p->room);
    if (deflate(&p->z, Z_FINISH) != Z_STREAM_END)
        BUG("a text of %zu bytes for the journal", text.n);
    return (struct str){ (const char *)p->room, sizeof(p->room) - p->z.avail_out };
}

struct journal_unpack *journal_unpack_new(const struct journal_words *words)
{
    struct journal_unpack *u = allocate(sizeof(*u));
    u->words = *words;
    if (inflateInit(&u->z) != Z_OK)
        BUG("zlib cannot be set up");
    return u;
}

void journal_unpack_free(struct journal_unpack *u)
{
    if (u == NULL)
        return;
    inflateEnd(&u->z);
    free(u);
}

bool journal_unpack(struct journal_unpack *u, struct str packed, struct str *text)
{
    inflateReset(&u->z);
    u->z.next_in = bytes(packed);
    u->z.avail_in = (uInt)packed.n;
    u->z.next_out = u->room;
    u->z.avail_out = sizeof(u->room);
    int done = inflate(&u->z, Z_FINISH);
    if (done == Z_NEED_DICT) {
        struct str w = u->words.find(u->words.ctx, (uint32_t)u->z.adler);
        done = inflateSetDictionary(&u->z, bytes(w), (uInt)w.n) == Z_OK ? inflate(&u->z, Z_FINISH) : Z_DATA_ERROR;
    }
    *text = (struct str){ (const char *)u->room, sizeof(u->room) - u->z.avail_out };
    return done == Z_STREAM_END;
}
