/*
 * dns_record.c - what was asked and answered, as a snapshot file that answers the same again.
 *
 * The last answer to each question is kept. A snapshot says that a name is an alias by giving it a CNAME: the target is not known
 * here, so one is made up under .invalid (RFC 6761 6.4), and what was answered is put there. The preference of an MX is its place
 * in the order. dns.h says what is lost.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/json.h"
#include "mailseal/map.h"

#include "dns_int.h"

struct kept_name {
    struct kept_name *next;
    struct str name;
    bool alias;
    struct dns_answer *of[DNS_AAAA + 1]; /* by type */
};

struct recorder {
    struct dns dns;
    struct dns *inner;
    pthread_mutex_t lock;
    struct arena *arena;
    struct map *names;
    struct kept_name *first, **last; /* in the order of asking */
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

static struct kept_name *name_at(struct recorder *r, struct str name)
{
    struct kept_name *k = map_get(r->names, name);
    if (k == NULL) {
        k = ARENA_NEW(r->arena, struct kept_name);
        k->name = str_dup(r->arena, name);
        map_set(r->names, k->name, k);
        *r->last = k;
        r->last = &k->next;
    }
    return k;
}

/* A JSON key is text: other names cannot be in a file. */
static bool is_text(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] > '~')
            return false;
    return true;
}

static void keep(struct recorder *r, struct str name, enum dns_type type, const struct dns_answer *answer)
{
    if (!is_text(name))
        return;
    pthread_mutex_lock(&r->lock);
    struct kept_name *k = name_at(r, name);
    k->alias = k->alias || answer->alias;
    k->of[type] = ARENA_NEW(r->arena, struct dns_answer);
    dns_answer_copy(r->arena, answer, k->of[type]);
    pthread_mutex_unlock(&r->lock);
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
    keep(g->recorder, g->name, g->type, out);
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
    pthread_mutex_destroy(&r->lock);
    arena_free(r->arena);
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
    r->arena = arena_new();
    r->names = map_new(r->arena);
    r->last = &r->first;
    pthread_mutex_init(&r->lock, NULL);
    return &r->dns;
}

static void write_address(struct json *list, int family, struct str rr)
{
    char text[INET6_ADDRSTRLEN];
    js_add_text(list, NULL, str_of(inet_ntop(family, rr.p, text, sizeof(text))));
}

static void write_host(struct json *list, struct str host)
{
    js_add_text(list, NULL, host.n > 0 ? host : STR("."));
}

static void write_record(struct json *list, enum dns_type type, struct str rr, size_t place)
{
    struct json *exchange;
    switch (type) {
    case DNS_A:
        write_address(list, AF_INET, rr);
        break;
    case DNS_AAAA:
        write_address(list, AF_INET6, rr);
        break;
    case DNS_TXT:
        js_add_text(list, NULL, rr);
        break;
    case DNS_MX:
        exchange = js_add_array(list, NULL);
        js_add_integer(exchange, NULL, (int64_t)place);
        write_host(exchange, rr);
        break;
    default:
        write_host(list, rr);
    }
}

static void write_answer(struct json *types, enum dns_type type, const struct dns_answer *answer)
{
    const char *key = name_of(dns_type_names, type);
    if (answer->status == DNS_TEMPFAIL) {
        js_add_text(types, key, str_eq(str_of(answer->reason), STR("time-out")) ? STR("TIMEOUT") : STR("SERVFAIL"));
    } else if (answer->status == DNS_NXDOMAIN) {
        js_add_text(types, key, STR("NXDOMAIN"));
    } else {
        struct json *list = js_add_array(types, key);
        for (size_t i = 0; i < answer->n; i++)
            write_record(list, type, answer->rr[i], i);
    }
}

/* A name of ours that nobody has asked for. */
static const char *made_up_name(struct recorder *r, struct arena *a, unsigned *count)
{
    struct str name;
    do
        name = str_printf(a, "alias-%u.invalid", ++*count);
    while (map_get(r->names, name) != NULL);
    return str_cstr(a, name);
}

static struct json *snapshot_of(struct recorder *r, struct arena *a)
{
    struct json *root = js_object(a);
    unsigned made_up = 0;
    for (struct kept_name *k = r->first; k != NULL; k = k->next) {
        struct json *types = js_add_object(root, str_cstr(a, k->name));
        if (k->alias) {
            const char *target = made_up_name(r, a, &made_up);
            js_add_text(js_add_array(types, "CNAME"), NULL, str_of(target));
            types = js_add_object(root, target);
        }
        for (int type = 0; type <= DNS_AAAA; type++)
            if (k->of[type] != NULL && !(k->alias && type == DNS_CNAME))
                write_answer(types, (enum dns_type)type, k->of[type]);
    }
    return root;
}

struct json *dns_record_json(struct dns *d, struct arena *a)
{
    struct recorder *r = recorder_of(d);
    pthread_mutex_lock(&r->lock);
    struct json *root = snapshot_of(r, a);
    pthread_mutex_unlock(&r->lock);
    return root;
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
