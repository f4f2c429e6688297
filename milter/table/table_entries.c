/*
 * table_entries.c - the entries of a text file: domain names, client addresses and networks, or keys with values.
 *
 * Names and keys stand in one hash table, as spans of the file where they are in normal form already. Networks stand in a hash
 * table for each prefix length that occurs, so a lookup costs at most one step for each of these lengths, however many networks
 * there are. A line that cannot be understood refuses the whole file: a list of which a part is missing is worse than the one
 * before.
 */
#include <string.h>

#include "mailseal/domain.h"
#include "mailseal/log.h"
#include "mailseal/map.h"
#include "mailseal/table_file.h"

#include "table_int.h"

#define BITS_MAX 128

/* The networks of one address family. */
struct prefixes {
    struct map *by_bits[BITS_MAX + 1]; /* NULL: none of this length */
    uint8_t bits[BITS_MAX + 1];        /* the lengths that occur */
    size_t n;
};

struct table_entries {
    struct arena *arena;
    enum table_kind kind;
    size_t count;
    struct map *names; /* "example.org" and ".example.org" of a list, lowered keys of a text table to struct str */
    struct prefixes v4, v6;
};

/* ---- reading ---- */

static bool refuse(struct table_file *f, struct str entry, const char *what)
{
    return conf_text_fail(&f->text, f->line, "'%.*s' %s", STR_FMT(entry), what);
}

/* A list has keys only; the value is any pointer. */
static void add(struct table_entries *e, struct map *m, struct str key)
{
    if (map_set(m, key, e) == NULL)
        e->count++;
}

/* RFC 3696 2: the last label of a host name is not all digits; what looks like that is a mistyped address. */
static bool ends_in_number(struct str name)
{
    struct str before, last;
    uint64_t number;
    if (!str_rcut(name, '.', &before, &last))
        last = name;
    return str_to_uint(last, UINT64_MAX, &number);
}

/* The name in normal form, behind its dot when it has one. */
static bool normal_name(struct table_entries *e, struct str word, struct str *out)
{
    size_t dot = word.n > 0 && word.p[0] == '.';
    struct str normal, name = str_skip(word, dot);
    *out = word;
    if (domain_is_valid(name))
        return !ends_in_number(name);
    struct arena *scratch = arena_new();
    bool ok = domain_normalise(scratch, name, &normal) && !ends_in_number(normal);
    if (ok) {
        char *p = arena_alloc(e->arena, dot + normal.n);
        memcpy(p, word.p, dot);
        memcpy(p + dot, normal.p, normal.n);
        *out = (struct str){ p, dot + normal.n };
    }
    arena_free(scratch);
    return ok;
}

static struct str masked(struct ip *ip, unsigned bits)
{
    size_t bytes = ip->family == 4 ? 4 : 16, whole = bits / 8;
    if (whole < bytes) {
        ip->b[whole] &= (uint8_t)(0xff00 >> bits % 8);
        memset(ip->b + whole + 1, 0, bytes - whole - 1);
    }
    return (struct str){ (const char *)ip->b, bytes };
}

static void add_network(struct table_entries *e, struct network net)
{
    struct prefixes *p = net.ip.family == 4 ? &e->v4 : &e->v6;
    if (p->by_bits[net.bits] == NULL) {
        p->by_bits[net.bits] = map_new(e->arena);
        p->bits[p->n++] = (uint8_t)net.bits;
    }
    struct str key = masked(&net.ip, net.bits);
    if (map_get(p->by_bits[net.bits], key) == NULL)
        add(e, p->by_bits[net.bits], str_dup(e->arena, key));
}

/* A second word may turn the meaning of the first around ("example.org REJECT"), so it is not left unread. */
static bool add_listed(struct table_entries *e, struct table_file *f, struct str word, struct str rest)
{
    struct network net;
    struct str name;
    bool clients = e->kind == TABLE_CLIENTS;
    if (rest.n > 0)
        return refuse(f, word, "is followed by another word: a list has one entry a line");
    if (clients && network_parse(word, &net))
        add_network(e, net);
    else if (normal_name(e, word, &name))
        add(e, e->names, name);
    else
        return refuse(
            f, word, clients ? "is no address, network or domain name" : "is no domain name (.NAME stands for all names below it)");
    return true;
}

static bool add_text(struct table_entries *e, struct table_file *f, struct str key, struct str value)
{
    if (f->continues)
        return refuse(f, key, "follows white space: a key stands at the start of its line");
    if (value.n == 0)
        return refuse(f, key, "has no value");
    struct str *kept = ARENA_NEW(e->arena, struct str);
    *kept = value;
    if (map_set(e->names, str_lower(e->arena, key), kept) != NULL)
        return refuse(f, key, "is there twice");
    e->count++;
    return true;
}

static size_t lines_of(struct str text)
{
    size_t n = 1;
    struct str line;
    while (str_cut(text, '\n', &line, &text))
        n++;
    return n;
}

static bool read_entries(struct table_entries *e, struct table_file *f, struct arena *scratch, const char *path)
{
    struct str entry, word, rest;
    bool ok = table_file_open(f, e->arena, scratch, path);
    /* Networks go elsewhere, and which lines are networks is not known yet. */
    e->names = map_new_for(e->arena, ok && e->kind != TABLE_CLIENTS ? lines_of(f->rest) : 0);
    while (ok && table_file_next(f, &entry)) {
        table_file_cut(entry, &word, &rest);
        ok = e->kind == TABLE_TEXT ? add_text(e, f, word, rest) : add_listed(e, f, word, rest);
    }
    return ok;
}

struct table_entries *table_entries_read(struct arena *a, const char *path, enum table_kind kind, const char **error)
{
    struct table_entries *e = ARENA_NEW(a, struct table_entries);
    struct table_file f;
    *e = (struct table_entries){ .arena = a, .kind = kind };
    bool ok = read_entries(e, &f, a, path);
    *error = f.text.error;
    return ok ? e : NULL;
}

/* ---- looking up ---- */

size_t table_entries_count(const struct table_entries *e)
{
    return e->count;
}

bool table_entries_has_names(const struct table_entries *e)
{
    return map_count(e->names) > 0;
}

bool table_entries_has_domain(const struct table_entries *e, struct str domain)
{
    if (domain.n == 0)
        return false;
    if (map_get(e->names, domain) != NULL)
        return true;
    for (size_t i = 1; i < domain.n; i++)
        if (domain.p[i] == '.' && map_get(e->names, str_skip(domain, i)) != NULL)
            return true;
    return false;
}

bool table_entries_has_ip(const struct table_entries *e, struct ip ip)
{
    const struct prefixes *p = ip.family == 4 ? &e->v4 : &e->v6;
    for (size_t i = 0; i < p->n && ip.family != 0; i++) {
        struct ip net = ip;
        if (map_get(p->by_bits[p->bits[i]], masked(&net, p->bits[i])) != NULL)
            return true;
    }
    return false;
}

bool table_entries_get(const struct table_entries *e, struct arena *a, struct str key, struct str *value)
{
    if (e->kind != TABLE_TEXT)
        BUG("a list has no values");
    const struct str *found = map_get(e->names, str_lower(a, key));
    if (found == NULL)
        return false;
    *value = str_dup(a, *found);
    return true;
}
