/*
 * zone.c - a small DNS that both sides read: the rooms through dns_snapshot_of_json(), the references through zone_look().
 *
 * JSON holds no text that is not UTF-8, so TXT records with other bytes than printable ASCII are answered beside the snapshot; and
 * so is `any_key`, which makes every selector of every domain find the same key: a signature then stands on its hashes alone.
 */
#include "mailseal/json.h"

#include "tests/property/property.h"

void zone_init(struct zone *z, struct arena *a)
{
    memset(z, 0, sizeof(*z));
    z->arena = a;
    z->any_key = STR_NONE;
}

struct str zone_name(struct arena *a, const char *prefix, struct str name)
{
    return str_lower(a, str_printf(a, "%s%.*s", prefix, STR_FMT(name)));
}

struct zone_row *zone_add(struct zone *z, struct str name, enum dns_type type, struct str data)
{
    if (z->n == ZONE_ROWS)
        abort();
    z->row[z->n] = (struct zone_row){ .name = str_lower(z->arena, name), .type = type, .data = data };
    return &z->row[z->n++];
}

void zone_fail(struct zone *z, struct str name, enum dns_type type)
{
    zone_add(z, name, type, STR_NONE)->fails = true;
}

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] > '~')
            return false;
    return true;
}

static bool ends_in(struct str name, struct str tail)
{
    return name.n > tail.n && name.p[name.n - tail.n - 1] == '.' && memcmp(name.p + name.n - tail.n, tail.p, tail.n) == 0;
}

void zone_look(const struct zone *z, struct str name, enum dns_type type, struct look *out)
{
    bool exists = false, below = false;
    if (name.n > 0 && name.p[name.n - 1] == '.')
        name.n--;
    name = str_lower(z->arena, name);
    *out = (struct look){ .status = DNS_OK };
    for (size_t i = 0; i < z->n; i++) {
        const struct zone_row *r = &z->row[i];
        exists = exists || str_eq(r->name, name);
        below = below || ends_in(r->name, name);
        if (!str_eq(r->name, name) || r->type != type)
            continue;
        if (r->fails) {
            *out = (struct look){ .status = DNS_TEMPFAIL };
            return;
        }
        if (out->n < LOOK_MAX)
            out->v[out->n++] = r->data;
    }
    if (out->n == 0)
        out->status = exists || below ? DNS_NODATA : DNS_NXDOMAIN;
}

/* ---- the snapshot, and what stands beside it ---- */
struct zone_server {
    struct dns dns;
    struct dns *snapshot;
    const struct zone *zone;
};
struct zone_answer {
    struct dns_query query;
    struct look look;
};

static void answer_drop(struct dns_query *q)
{
    free(q);
}

static void answer_wait(struct dns_query *q, struct arena *a, struct dns_answer *out)
{
    const struct zone_answer *z = (const struct zone_answer *)(const void *)q;
    *out = (struct dns_answer){ .status = z->look.status, .n = z->look.n, .rr = ARENA_ARRAY(a, struct str, LOOK_MAX), .ttl = 60 };
    for (size_t i = 0; i < z->look.n; i++)
        out->rr[i] = str_dup(a, z->look.v[i]);
    free(q);
}

static struct dns_query *server_start(struct dns *self, struct str name, enum dns_type type, int64_t deadline)
{
    const struct zone_server *s = (const struct zone_server *)(const void *)self;
    struct look look;
    bool beside = false;
    if (type == DNS_TXT) {
        zone_look(s->zone, name, type, &look);
        for (size_t i = 0; i < look.n; i++)
            beside = beside || !is_plain(look.v[i]);
        if (look.status == DNS_NXDOMAIN && s->zone->any_key.n > 0 && memmem(name.p, name.n, "._domainkey.", 12) != NULL) {
            look = (struct look){ .status = DNS_OK, .n = 1, .v = { s->zone->any_key } };
            beside = true;
        }
    }
    if (!beside)
        return dns_start(s->snapshot, name, type, deadline);
    struct zone_answer *q = calloc(1, sizeof(*q));
    if (q == NULL)
        abort();
    q->query.ops = self->ops;
    q->look = look;
    return &q->query;
}

static void server_free(struct dns *self)
{
    dns_free(((struct zone_server *)(void *)self)->snapshot);
    free(self);
}

static void write_records(const struct zone *z, size_t first, struct json *types)
{
    struct json *list = js_add_array(types, name_of(dns_type_names, (int)z->row[first].type));
    for (size_t i = first, n = 0; i < z->n; i++) {
        const struct zone_row *r = &z->row[i];
        if (!str_eq(r->name, z->row[first].name) || r->type != z->row[first].type)
            continue;
        if (r->type == DNS_MX) {
            struct json *mx = js_add_array(list, NULL);
            js_add_integer(mx, NULL, (int64_t)n++);
            js_add_text(mx, NULL, r->data);
        } else {
            js_add_text(list, NULL, r->data);
        }
    }
}

static bool type_fails(const struct zone *z, size_t row)
{
    for (size_t i = 0; i < z->n; i++)
        if (z->row[i].fails && str_eq(z->row[i].name, z->row[row].name) && z->row[i].type == z->row[row].type)
            return true;
    return false;
}

static bool is_first(const struct zone *z, size_t row, bool of_type)
{
    for (size_t i = 0; i < row; i++)
        if (str_eq(z->row[i].name, z->row[row].name) && (!of_type || z->row[i].type == z->row[row].type))
            return false;
    return true;
}

const struct json *zone_json(const struct zone *z)
{
    struct json *all = js_object(z->arena);
    for (size_t i = 0; i < z->n; i++) {
        if (!is_first(z, i, false))
            continue;
        struct json *types = js_add_object(all, str_cstr(z->arena, z->row[i].name));
        for (size_t k = i; k < z->n; k++) {
            if (!str_eq(z->row[k].name, z->row[i].name) || !is_first(z, k, true))
                continue;
            if (type_fails(z, k))
                js_add_text(types, name_of(dns_type_names, (int)z->row[k].type), STR("SERVFAIL"));
            else
                write_records(z, k, types);
        }
    }
    return all;
}

struct dns *zone_dns(const struct zone *z)
{
    static const struct dns_ops ops = { .start = server_start, .wait = answer_wait, .drop = answer_drop, .free = server_free };
    const char *error = NULL;
    struct zone_server *s = calloc(1, sizeof(*s));
    if (s == NULL)
        abort();
    s->dns.ops = &ops;
    s->zone = z;
    s->snapshot = dns_snapshot_of_json(zone_json(z), &error);
    if (s->snapshot == NULL) {
        printf("not ok zone: %s\n", error);
        exit(2);
    }
    return &s->dns;
}
