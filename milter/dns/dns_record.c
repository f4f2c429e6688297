/*
 * dns_record.c - a maker that notes what another is asked and answers, for a snapshot file that answers the same again.
 */
#include <stdlib.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/json.h"

#include "dns_int.h"

struct recorder {
    struct dns dns;
    struct dns *inner;
    struct dns_notes *notes;
};

struct recording {
    struct dns_query query;
    struct recorder *recorder;
    struct dns_query *inner;
    enum dns_type type;
    struct str name;
    char text[];
};

static struct recorder *recorder_of(struct dns *d)
{
    return (struct recorder *)(void *)d;
}

static struct recording *recording_of(struct dns_query *q)
{
    return (struct recording *)(void *)q;
}

static struct dns_query *record_start(struct dns *self, struct str name, enum dns_type type, int64_t deadline)
{
    struct recorder *r = recorder_of(self);
    struct recording *g = dns_alloc(sizeof(*g) + name.n);
    g->query.ops = self->ops;
    g->recorder = r;
    g->type = type;
    memcpy(g->text, name.p, name.n);
    g->name = (struct str){ g->text, name.n };
    g->inner = r->inner->ops->start(r->inner, name, type, deadline);
    return &g->query;
}

static void record_wait(struct dns_query *q, struct arena *a, struct dns_answer *out)
{
    struct recording *g = recording_of(q);
    dns_wait(g->inner, a, out);
    dns_notes_keep(g->recorder->notes, g->name, g->type, out);
    free(g);
}

static void record_drop(struct dns_query *q)
{
    dns_drop(recording_of(q)->inner);
    free(q);
}

static void record_notify(struct dns_query *q, void (*fn)(void *ctx), void *ctx)
{
    struct dns_query *inner = recording_of(q)->inner;
    if (inner->ops->notify != NULL)
        inner->ops->notify(inner, fn, ctx);
    else
        fn(ctx);
}

static void record_free(struct dns *self)
{
    struct recorder *r = recorder_of(self);
    dns_free(r->inner);
    dns_notes_unref(r->notes);
    free(r);
}

static const struct dns_ops record_ops = {
    .start = record_start, .wait = record_wait, .drop = record_drop, .free = record_free, .notify = record_notify
};

struct dns *dns_record_new(struct dns *inner)
{
    struct recorder *r = dns_alloc(sizeof(*r));
    r->dns.ops = &record_ops;
    r->inner = inner;
    r->notes = dns_notes_new(SIZE_MAX);
    return &r->dns;
}

struct json *dns_record_json(struct dns *d, struct arena *a)
{
    bool whole;
    return dns_notes_json(recorder_of(d)->notes, a, NULL, NULL, &whole);
}

bool dns_record_write(struct dns *d, const char *path)
{
    struct arena *a = arena_new();
    FILE *f = fopen(path, "we");
    bool written = f != NULL && js_write(f, dns_record_json(d, a));
    if (f != NULL)
        written = fclose(f) == 0 && written;
    arena_free(a);
    return written;
}
