/*
 * dns_snapshot.c - answers from a JSON file, for tests and for saying why a message was judged as it was.
 *
 * The format is in dns.h and in the manual of `mailseal check`. Everything is read and checked at the start; a question is a look
 * into a table and never waits. An alias is followed as a resolver would; its target is looked up in the same file. A name given as
 * "NXDOMAIN" does not exist, so it does not make the names above it exist either. Names that no question can ask for are passed
 * over.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "mailseal/arena.h"
#include "mailseal/buf.h"
#include "mailseal/json.h"
#include "mailseal/map.h"

#include "dns_int.h"

#define SNAPSHOT_TTL 300 /* seconds; the file has none */

struct snapshot {
    struct dns dns;
    struct arena *arena;
    struct map *names;
};

/* What the file says of one name; a name without anything is an empty non-terminal. */
struct node {
    bool listed;
    const struct dns_answer *whole;            /* of every type */
    const struct dns_answer *of[DNS_AAAA + 1]; /* by type */
    const struct dns_answer *others;           /* "*" */
};

static const struct dns_answer no_name = { .status = DNS_NXDOMAIN, .ttl = SNAPSHOT_TTL };
static const struct dns_answer no_data = { .status = DNS_NODATA, .ttl = SNAPSHOT_TTL };
static const struct dns_answer timed_out = { .status = DNS_TEMPFAIL, .reason = "time-out" };
static const struct dns_answer failed = { .status = DNS_TEMPFAIL, .reason = "SERVFAIL" };
static const struct dns_answer too_many = { .status = DNS_TEMPFAIL, .reason = "too many aliases" };

struct found {
    struct dns_query query;
    struct dns_answer answer; /* its bytes are the snapshot's */
};

static struct snapshot *snapshot_of(struct dns *d)
{
    return (struct snapshot *)(void *)d;
}

/* What the file says of a type at one name. An alias answers every other type too. */
static const struct dns_answer *said_of(const struct node *n, enum dns_type type)
{
    if (n == NULL)
        return &no_name;
    if (n->whole != NULL)
        return n->whole;
    if (n->of[DNS_CNAME] != NULL && n->of[DNS_CNAME]->status != DNS_NODATA)
        return n->of[DNS_CNAME];
    if (n->of[type] != NULL)
        return n->of[type];
    return n->others != NULL ? n->others : &no_data;
}

static struct dns_answer look_up(const struct snapshot *s, struct str name, enum dns_type type)
{
    struct dns_answer out = too_many;
    bool alias = false;
    for (unsigned step = 0; step <= LIMIT_DNS_CNAMES; step++) {
        const struct node *n = map_get(s->names, name);
        const struct dns_answer *said = said_of(n, type);
        if (n == NULL || said != n->of[DNS_CNAME] || said->status != DNS_OK || type == DNS_CNAME) {
            out = *said;
            break;
        }
        alias = true;
        name = said->rr[0];
    }
    out.alias = alias;
    return out;
}

static void found_wait(struct dns_query *q, struct arena *a, struct dns_answer *out)
{
    dns_answer_copy(a, &((const struct found *)(const void *)q)->answer, out);
    free(q);
}

static void found_drop(struct dns_query *q)
{
    free(q);
}

static struct dns_query *snapshot_start(struct dns *self, struct str name, enum dns_type type, int64_t deadline)
{
    struct found *f = dns_alloc(sizeof(*f));
    (void)deadline;
    f->query.ops = self->ops;
    f->answer = look_up(snapshot_of(self), name, type);
    return &f->query;
}

static void snapshot_free(struct dns *self)
{
    arena_free(snapshot_of(self)->arena);
}

static const struct dns_ops snapshot_ops = {
    .start = snapshot_start, .wait = found_wait, .drop = found_drop, .free = snapshot_free
};

/* The file being read; the first fault ends it. */
struct loading {
    struct snapshot *snapshot;
    struct arena *scratch;
    struct node *node;
    struct str name;
    struct str fault;
};

/* A failure in place of data, or NULL. */
static const struct dns_answer *failure_of(const struct json *j)
{
    struct str word = js_text(j);
    if (js_kind(j) != JS_TEXT)
        return NULL;
    return str_eq(word, STR("TIMEOUT"))    ? &timed_out
           : str_eq(word, STR("SERVFAIL")) ? &failed
           : str_eq(word, STR("NXDOMAIN")) ? &no_name
                                           : NULL;
}

static bool read_host(struct arena *a, const struct json *j, struct str *out)
{
    struct str host = js_text(j);
    if (js_kind(j) != JS_TEXT)
        return false;
    if (host.n > 0 && host.p[host.n - 1] == '.')
        host.n--;
    *out = str_lower(a, host);
    return true;
}

static bool read_exchange(struct arena *a, const struct json *j, struct dns_record *out)
{
    const struct json *preference = js_item(j, 0);
    if (js_count(j) != 2 || js_kind(preference) != JS_INTEGER || js_integer(preference) < 0 || js_integer(preference) > UINT16_MAX)
        return false;
    out->preference = (unsigned)js_integer(preference);
    return read_host(a, js_item(j, 1), &out->data);
}

static bool read_text(struct arena *a, const struct json *j, struct str *out)
{
    struct buf b;
    if (js_kind(j) == JS_TEXT) {
        *out = str_dup(a, js_text(j));
        return true;
    }
    buf_init(&b, a, LIMIT_DNS_TEXT);
    for (size_t i = 0; i < js_count(j); i++) {
        if (js_kind(js_item(j, i)) != JS_TEXT)
            return false;
        buf_str(&b, js_text(js_item(j, i)));
    }
    *out = buf_view(&b);
    return js_kind(j) == JS_ARRAY && !b.full;
}

static bool read_address(struct arena *a, const struct json *j, int family, size_t n, struct str *out)
{
    char bytes[16];
    if (js_kind(j) != JS_TEXT || inet_pton(family, str_cstr(a, js_text(j)), bytes) != 1)
        return false;
    *out = str_dup(a, (struct str){ bytes, n });
    return true;
}

static bool read_record(struct arena *a, enum dns_type type, const struct json *j, struct dns_record *out)
{
    switch (type) {
    case DNS_A:
        return read_address(a, j, AF_INET, 4, &out->data);
    case DNS_AAAA:
        return read_address(a, j, AF_INET6, 16, &out->data);
    case DNS_TXT:
        return read_text(a, j, &out->data);
    case DNS_MX:
        return read_exchange(a, j, out);
    default:
        return read_host(a, j, &out->data);
    }
}

/* The records of one type, or NULL when one of them is wrong. */
static const struct dns_answer *read_records(const struct loading *l, enum dns_type type, const struct json *list)
{
    struct arena *a = l->snapshot->arena;
    struct dns_answer *answer = ARENA_NEW(a, struct dns_answer);
    struct dns_record *v = ARENA_ARRAY(l->scratch, struct dns_record, js_count(list));
    size_t n = js_count(list);
    if (js_kind(list) != JS_ARRAY || (type == DNS_CNAME && n > 1))
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (!read_record(a, type, js_item(list, i), &v[i]))
            return NULL;
    dns_records_sort(v, n);
    *answer = (struct dns_answer){ .status = n > 0 ? DNS_OK : DNS_NODATA, .n = n, .ttl = SNAPSHOT_TTL };
    answer->rr = ARENA_ARRAY(a, struct str, n);
    for (size_t i = 0; i < n; i++)
        answer->rr[i] = v[i].data;
    return answer;
}

/* A type we have no use for: "SPF", "TLSA". */
static bool is_type_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!char_is_digit(s.p[i]) && !(s.p[i] >= 'A' && s.p[i] <= 'Z'))
            return false;
    return s.n > 0;
}

/* "name: what is wrong", with the type in front of it when there is one. */
static void fault(struct loading *l, struct str type, const char *what)
{
    struct arena *a = l->scratch;
    if (l->fault.n == 0)
        l->fault = str_printf(a, "%.*s: %.*s%s%s", STR_FMT(str_escape(a, l->name, LIMIT_DOMAIN)),
                              STR_FMT(str_escape(a, type, LIMIT_LABEL)), type.n > 0 ? " " : "", what);
}

static void read_type(void *ctx, struct str word, const struct json *value)
{
    struct loading *l = ctx;
    const struct dns_answer *answer = failure_of(value);
    if (str_eq(word, STR("*"))) {
        l->node->others = answer;
        if (answer == NULL)
            fault(l, word, "is not TIMEOUT, SERVFAIL or NXDOMAIN");
        return;
    }
    if (!is_type_word(word)) {
        fault(l, word, "is no record type");
        return;
    }
    int type = code_of(dns_type_names, word);
    if (type < 0)
        return;
    if (answer == NULL)
        answer = read_records(l, (enum dns_type)type, value);
    if (answer == NULL)
        fault(l, word, "has a value that is not of this type");
    l->node->of[type] = answer;
}

static struct node *node_at(struct snapshot *s, struct str name)
{
    struct node *n = map_get(s->names, name);
    if (n == NULL) {
        n = ARENA_NEW(s->arena, struct node);
        map_set(s->names, name, n);
    }
    return n;
}

static void read_name(void *ctx, struct str name, const struct json *value)
{
    struct loading *l = ctx;
    char room[LIMIT_DOMAIN];
    struct str normal, label, rest;
    l->name = name;
    if (!dns_name_normal(name, room, &normal))
        return;
    normal = str_dup(l->snapshot->arena, normal);
    l->node = node_at(l->snapshot, normal);
    if (l->node->listed)
        fault(l, STR_NONE, "appears twice");
    l->node->listed = true;
    l->node->whole = failure_of(value);
    if (l->node->whole == NULL && js_kind(value) != JS_OBJECT)
        fault(l, STR_NONE, "is neither an object nor TIMEOUT, SERVFAIL or NXDOMAIN");
    js_each(value, read_type, l);
    /* RFC 4592 2.2.2: the names above exist, if only as empty non-terminals. */
    for (rest = normal; l->node->whole != &no_name && str_cut(rest, '.', &label, &rest);)
        node_at(l->snapshot, rest);
}

/* The door has no arena for the text of a fault. */
static _Thread_local char error_text[LIMIT_LOG_LINE];

static struct dns *load(struct arena *scratch, const struct json *j, const char *path, const char **error)
{
    struct arena *a = arena_new();
    struct snapshot *s = ARENA_NEW(a, struct snapshot);
    struct loading l = { .snapshot = s, .scratch = scratch, .name = STR("snapshot") };
    s->dns.ops = &snapshot_ops;
    s->arena = a;
    s->names = map_new(a);
    if (js_kind(j) != JS_OBJECT)
        fault(&l, STR_NONE, "is no object of names");
    js_each(j, read_name, &l);
    if (l.fault.n == 0)
        return &s->dns;
    snprintf(error_text, sizeof(error_text), "%s%s%.*s", path, path[0] != '\0' ? ": " : "", STR_FMT(l.fault));
    *error = error_text;
    arena_free(a);
    return NULL;
}

struct dns *dns_snapshot_new(const char *path, const char **error)
{
    struct arena *scratch = arena_new();
    const char *fault_of_file = NULL;
    const struct json *j = js_read_file(scratch, path, LIMIT_SNAPSHOT_FILE, &fault_of_file);
    struct dns *d = j != NULL ? load(scratch, j, path, error) : NULL;
    if (j == NULL) {
        snprintf(error_text, sizeof(error_text), "%s", fault_of_file);
        *error = error_text;
    }
    arena_free(scratch);
    return d;
}

struct dns *dns_snapshot_of_json(const struct json *j, const char **error)
{
    struct arena *scratch = arena_new();
    struct dns *d = load(scratch, j, "", error);
    arena_free(scratch);
    return d;
}
