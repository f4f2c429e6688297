/* table_int.h - what the files of the table room share. */
#ifndef MAILSEAL_TABLE_INT_H
#define MAILSEAL_TABLE_INT_H

#include "mailseal/arena.h"
#include "mailseal/ip.h"
#include "mailseal/table.h"

/* ---- table_entries.c: what a file holds ---- */
struct table_entries;
/* NULL with an error in the arena. */
struct table_entries *table_entries_read(struct arena *a, const char *path, enum table_kind kind, const char **error);
size_t table_entries_count(const struct table_entries *e);
bool table_entries_has_names(const struct table_entries *e);
bool table_entries_has_domain(const struct table_entries *e, struct str domain);
bool table_entries_has_ip(const struct table_entries *e, struct ip ip);
bool table_entries_get(const struct table_entries *e, struct arena *a, struct str key, struct str *value);

#endif
