/*
 * map.h - a table keyed by byte strings, compared exactly.
 *
 * Keys and values are borrowed: they must live as long as the map. The hash is seeded per process, so that nobody outside can
 * choose keys that collide.
 */
#ifndef MAILSEAL_MAP_H
#define MAILSEAL_MAP_H

#include "mailseal/str.h"

struct map;

/* A map in the arena; it grows with its entries. */
struct map *map_new(struct arena *a);
/* The same with room for n entries from the start. */
struct map *map_new_for(struct arena *a, size_t n);
/* Sets or replaces; returns the value that was there before, or NULL. value must not be NULL. */
void *map_set(struct map *m, struct str key, void *value);
void *map_get(const struct map *m, struct str key);
size_t map_count(const struct map *m);
/* Calls fn for each entry, in no order; the map must not change meanwhile. */
void map_each(const struct map *m, void (*fn)(void *ctx, struct str key, void *value), void *ctx);

/* The seeded hash, for tables of other shapes. */
uint64_t map_hash(struct str key);

#endif
