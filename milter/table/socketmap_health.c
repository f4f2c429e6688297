/*
 * socketmap_health.c - does a server answer? Known once for all tables that it has.
 *
 * One that is dead or slow is left alone for some seconds. Then one asker finds out whether it is back, and nobody else waits
 * meanwhile. One that has answered anybody lately is not: mail chooses the keys, and must not be able to silence a table by one
 * that makes the server fail. Servers are told apart by their address. They become known while tables are read, in one thread,
 * and are asked about in any.
 */
#include <pthread.h>
#include <string.h>

#include "table_int.h"

struct socketmap_health {
    struct socketmap_address address;
    pthread_mutex_t mutex; /* guards the next three */
    bool is_down;
    int64_t alive_until; /* it has answered lately: it is not down */
    int64_t down_until;  /* nobody asks; then one does, alone */
    struct socketmap_health *next;
};

struct table_servers {
    struct arena *arena;
    struct socketmap_health *first;
};

struct table_servers *table_servers_new(struct arena *a)
{
    struct table_servers *all = ARENA_NEW(a, struct table_servers);
    *all = (struct table_servers){ a, NULL };
    return all;
}

static void free_mutex(void *p)
{
    pthread_mutex_destroy(p);
}

struct socketmap_health *socketmap_health_of(struct table_servers *all, const struct socketmap_address *address)
{
    struct socketmap_health *h;
    for (h = all->first; h != NULL; h = h->next)
        if (h->address.n == address->n && memcmp(&h->address.sa, &address->sa, address->n) == 0)
            return h;
    h = ARENA_NEW(all->arena, struct socketmap_health);
    *h = (struct socketmap_health){ .address = *address, .alive_until = INT64_MIN, .down_until = INT64_MIN, .next = all->first };
    pthread_mutex_init(&h->mutex, NULL);
    arena_defer(all->arena, free_mutex, &h->mutex);
    return all->first = h;
}

bool socketmap_health_may_ask(struct socketmap_health *h, int64_t now, int64_t lookup_ms)
{
    pthread_mutex_lock(&h->mutex);
    bool may = now >= h->down_until;
    if (may && h->is_down)
        h->down_until = now + lookup_ms;
    pthread_mutex_unlock(&h->mutex);
    return may;
}

void socketmap_health_note(struct socketmap_health *h, bool answered, int64_t now, const struct socketmap_limits *limits)
{
    pthread_mutex_lock(&h->mutex);
    if (answered)
        h->alive_until = now + limits->lookup_ms;
    h->is_down = now >= h->alive_until;
    h->down_until = h->is_down ? now + limits->failure_ms : INT64_MIN;
    pthread_mutex_unlock(&h->mutex);
}
