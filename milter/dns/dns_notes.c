/*
 * dns_notes.c - what was asked and answered, in the words of a snapshot.
 *
 * The last answer to each question is kept. A snapshot says that a name is an alias by giving it a CNAME: the target is not known
 * here, so one is made up under .invalid (RFC 6761 6.4), and what was answered is put there. The preference of an MX is its place
 * in the order. dns.h says what is lost.
 */
#include <arpa/inet.h>
#include <stdatomic.h>
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

struct dns_notes {
    atomic_uint refs;
    pthread_mutex_t lock;
    struct arena *arena;
    struct map *names;
    struct kept_name *first, **last; /* in the order of asking */
    size_t bytes, max;               /* of names and answers */
    bool full, unsaid;               /* no room for more; a name that cannot be in a file was left out */
};

struct dns_notes *dns_notes_new(size_t max)
{
    struct dns_notes *k = dns_alloc(sizeof(*k));
    k->refs = 1;
    k->max = max;
    k->arena = arena_new();
    k->names = map_new(k->arena);
    k->last = &k->first;
    pthread_mutex_init(&k->lock, NULL);
    return k;
}

struct dns_notes *dns_notes_ref(struct dns_notes *k)
{
    atomic_fetch_add(&k->refs, 1);
    return k;
}

void dns_notes_unref(struct dns_notes *k)
{
    if (k == NULL || atomic_fetch_sub(&k->refs, 1) > 1)
        return;
    pthread_mutex_destroy(&k->lock);
    arena_free(k->arena);
    free(k);
}

static struct kept_name *name_at(struct dns_notes *k, struct str name)
{
    struct kept_name *n = map_get(k->names, name);
    if (n == NULL) {
        n = ARENA_NEW(k->arena, struct kept_name);
        n->name = str_dup(k->arena, name);
        map_set(k->names, n->name, n);
        *k->last = n;
        k->last = &n->next;
    }
    return n;
}

/* A JSON key is text: other names cannot be in a file. */
static bool is_text(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] > '~')
            return false;
    return true;
}

static void keep(struct dns_notes *k, struct str name, enum dns_type type, const struct dns_answer *answer)
{
    struct kept_name *n = name_at(k, name);
    n->alias = n->alias || answer->alias;
    n->of[type] = ARENA_NEW(k->arena, struct dns_answer);
    dns_answer_copy(k->arena, answer, n->of[type]);
}

void dns_notes_keep(struct dns_notes *k, struct str name, enum dns_type type, const struct dns_answer *answer)
{
    size_t bytes = sizeof(struct kept_name) + name.n + dns_answer_bytes(answer);
    pthread_mutex_lock(&k->lock);
    k->full = k->full || bytes > k->max - k->bytes;
    if (!is_text(name)) {
        k->unsaid = true;
    } else if (!k->full) {
        k->bytes += bytes;
        keep(k, name, type, answer);
    }
    pthread_mutex_unlock(&k->lock);
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
static const char *made_up_name(const struct dns_notes *k, struct arena *a, unsigned *count)
{
    struct str name;
    do
        name = str_printf(a, "alias-%u.invalid", ++*count);
    while (map_get(k->names, name) != NULL);
    return str_cstr(a, name);
}

static void write_name(struct json *root, struct arena *a, const struct dns_notes *k, const struct kept_name *n, unsigned *made_up)
{
    struct json *types = js_add_object(root, str_cstr(a, n->name));
    if (n->alias) {
        const char *target = made_up_name(k, a, made_up);
        js_add_text(js_add_array(types, "CNAME"), NULL, str_of(target));
        types = js_add_object(root, target);
    }
    for (int type = 0; type <= DNS_AAAA; type++)
        if (n->of[type] != NULL && !(n->alias && type == DNS_CNAME))
            write_answer(types, (enum dns_type)type, n->of[type]);
}

struct json *dns_notes_json(struct dns_notes *k, struct arena *a, bool (*hides)(void *ctx, struct str name), void *ctx, bool *whole)
{
    struct json *root = js_object(a);
    unsigned made_up = 0;
    pthread_mutex_lock(&k->lock);
    *whole = !k->full && !k->unsaid;
    for (struct kept_name *n = k->first; n != NULL; n = n->next) {
        if (hides != NULL && hides(ctx, n->name))
            *whole = false;
        else
            write_name(root, a, k, n, &made_up);
    }
    pthread_mutex_unlock(&k->lock);
    return root;
}
