/*
 * cmd_key_rotate.c - `mailseal key rotate`: replaces the keys of a domain, step by step, without a moment in which a signature
 * cannot be verified (RFC 6376 3.1, 5.2: a selector is never used for two keys).
 *
 * Every step is a state in the key directory; each call does those that are due, and says what it waits for:
 *   a new key is made, pending
 *   its record is seen everywhere; then resolvers may remember for the negative TTL that there was none (RFC 2308 5)
 *   it becomes active, then the old ones are retired: a crash between leaves both signing, and the next call goes on there
 *   when no mail of the old key is under way any more its record may go; once it is gone the private key is put away
 * Keys of another type are another rotation.
 */
#include <stdio.h>
#include <stdlib.h>

#include "mailseal/arena.h"
#include "mailseal/clock.h"
#include "mailseal/domain.h"

#include "cmd_key.h"

#define DAY        86400
#define QUEUE_LIFE 7 /* days; five are usual */
#define DAYS_MAX   36500

struct request {
    const char *domain, *dir;
    struct key_where where;
    uint64_t every, queue_life; /* days */
    struct key_spec spec;
};

/* A key of the domain, and its private key. */
struct member {
    struct keydir_key *key;
    struct privkey *private;
};

struct rotation {
    const struct request *r;
    struct arena *a;
    struct str domain;
    struct keydir *dir;
    struct key_servers servers;
    int64_t now;
    struct member *v;
    size_t n;
    bool good;
};

/* -1: go on; else the exit code. */
static int parse_arguments(struct request *r, int argc, char **argv)
{
    const struct key_option options[] = {
        { .name = "dir", .to = &r->dir },
        { .name = "algorithm", .kind = KEY_OPTION_ALGORITHM, .to = &r->spec },
        { .name = "dns", .to = &r->where.snapshot },
        { .name = "config", .to = &r->where.conf },
        { .name = "server", .kind = KEY_OPTION_SERVER, .to = &r->where },
        { .name = "every", .kind = KEY_OPTION_NUMBER, .to = &r->every, .max = DAYS_MAX },
        { .name = "queue-life", .kind = KEY_OPTION_NUMBER, .to = &r->queue_life, .max = DAYS_MAX },
        { .name = "now", .kind = KEY_OPTION_NOW },
        { .name = NULL }
    };
    size_t n;
    int code = key_options(argc, argv, options, &r->domain, 1, &n);
    if (code < 0 && (n != 1 || r->dir == NULL))
        code = cmd_usage_error(KEY_COMMAND, "one domain and --dir are needed");
    return code;
}

/* ---- what every step needs ---- */

static void say(const struct rotation *t, struct str selector, const char *what)
{
    printf("%.*s: %s\n", STR_FMT(key_record_name(t->a, t->domain, selector)), what);
}

static void say_until(const struct rotation *t, struct str selector, const char *what, int64_t wall)
{
    printf("%.*s: %s %.*s\n", STR_FMT(key_record_name(t->a, t->domain, selector)), what, STR_FMT(key_time(t->a, wall)));
}

static bool set_state(struct rotation *t, struct member *m, struct keydir_state s)
{
    const char *reason;
    if (!keydir_set(t->dir, t->a, m->key->selector, &s, &reason)) {
        t->good = false;
        cmd_fail(KEY_COMMAND, "%s", reason);
        return false;
    }
    m->key->state = s;
    return true;
}

static bool is_of(const struct member *m, enum key_type type, enum keydir_word word)
{
    return m->private != NULL && m->key->reason == NULL && privkey_type(m->private) == type && m->key->state.word == word;
}

static void ask(const struct rotation *t, const struct member *m, struct key_findings *found)
{
    key_ask(t->a, &t->servers, key_record_name(t->a, t->domain, m->key->selector), m->private, found);
}

/* ---- the steps, last first ---- */

/* Retires all the new key replaces. Also what a crash left to do. */
static void finish_switch(struct rotation *t, struct member *new)
{
    const struct keydir_state old = { .word = KEYDIR_RETIRED,
                                      .since = t->now,
                                      .retire_after = t->now + (int64_t)t->r->queue_life * DAY };
    bool done = true;
    for (size_t i = 0; done && i < t->n; i++) {
        struct member *m = &t->v[i];
        if (m == new || !is_of(m, privkey_type(new->private), KEYDIR_ACTIVE))
            continue;
        done = set_state(t, m, old);
        if (done)
            say_until(t, m->key->selector, "retired; leave its record published until", old.retire_after);
    }
    struct keydir_state s = new->key->state;
    s.switching = false;
    if (done && set_state(t, new, s))
        say(t, new->key->selector, "active; reload the daemon now, so that it signs with it (systemctl reload mailseal)");
}

static void step_retired(struct rotation *t, struct member *m)
{
    struct key_findings found;
    const char *reason;
    if (t->now < m->key->state.retire_after) {
        say_until(t, m->key->selector, "retired; leave its record published until", m->key->state.retire_after);
        return;
    }
    ask(t, m, &found);
    if (!found.nowhere) {
        say(t, m->key->selector, "retired; waits for its record to be withdrawn, which may be done now");
    } else if (keydir_put_away(t->dir, t->a, m->key->selector, &reason)) {
        say(t, m->key->selector, "its record is gone; the private key is put away as .pem.retired and may be deleted");
    } else {
        t->good = false;
        cmd_fail(KEY_COMMAND, "%s", reason);
    }
}

/* What is missing, server by server. A record that was seen before begins its wait anew. */
static void still_unseen(struct rotation *t, struct member *m, const struct key_findings *found)
{
    say(t, m->key->selector, "pending; waits for its record to be published");
    for (size_t i = 0; i < found->n; i++)
        if (found->v[i].sight != KEY_GOOD)
            printf("  %s: %s\n", found->v[i].server, found->v[i].reason);
    puts("");
    key_print_record(t->a, t->domain, m->key->selector, m->private);
    struct keydir_state s = m->key->state;
    s.seen = s.negttl = 0;
    if (m->key->state.seen != 0)
        set_state(t, m, s);
}

static void step_pending(struct rotation *t, struct member *m)
{
    struct key_findings found;
    struct keydir_state s = m->key->state;
    ask(t, m, &found);
    if (!found.everywhere) {
        still_unseen(t, m, &found);
        return;
    }
    if (s.seen == 0) {
        s.seen = t->now;
        s.negttl = key_servers_negative_ttl(&t->servers, t->a, t->domain);
        if (!set_state(t, m, s))
            return;
    }
    if (t->now < s.seen + s.negttl) {
        say_until(t, m->key->selector, "pending; its record is published, and old answers are forgotten at", s.seen + s.negttl);
        return;
    }
    /* The new one first: two that sign do no harm, none would. */
    if (set_state(t, m, (struct keydir_state){ .word = KEYDIR_ACTIVE, .since = t->now, .switching = true }))
        finish_switch(t, m);
}

static void step_begin(struct rotation *t, struct key_spec spec)
{
    struct str selector = key_dated_selector(t->a, spec.type, t->dir);
    struct privkey *k = key_make(t->a, t->dir, selector, spec);
    t->good = t->good && k != NULL;
    if (k == NULL)
        return;
    say(t, selector, "a new key, pending; publish its record");
    puts("");
    key_print_record(t->a, t->domain, selector, k);
    privkey_free(k);
}

/* ---- one rotation ---- */

/* The keys of one type, before anything is done. */
struct stage {
    bool any, under_way;
    int64_t newest;
    unsigned bits;
};

static struct stage look(const struct rotation *t, enum key_type type)
{
    struct stage s = { .any = false };
    for (size_t i = 0; i < t->n; i++) {
        const struct member *m = &t->v[i];
        /* What cannot be read may be anything: nothing is begun beside it. */
        bool readable = m->private != NULL && m->key->reason == NULL;
        if (readable && privkey_type(m->private) != type)
            continue;
        s.any = s.any || readable;
        s.under_way = s.under_way || !readable || m->key->state.word != KEYDIR_ACTIVE || m->key->state.switching;
        if (readable && m->key->state.since > s.newest)
            s.newest = m->key->state.since;
        if (readable && privkey_bits(m->private) > s.bits)
            s.bits = privkey_bits(m->private);
    }
    return s;
}

static void rotate_type(struct rotation *t, const struct stage *s, struct key_spec spec)
{
    for (size_t i = 0; i < t->n; i++)
        if (is_of(&t->v[i], spec.type, KEYDIR_ACTIVE) && t->v[i].key->state.switching)
            finish_switch(t, &t->v[i]);
    for (size_t i = 0; i < t->n; i++)
        if (is_of(&t->v[i], spec.type, KEYDIR_RETIRED))
            step_retired(t, &t->v[i]);
    for (size_t i = 0; i < t->n; i++)
        if (is_of(&t->v[i], spec.type, KEYDIR_PENDING))
            step_pending(t, &t->v[i]);
    int64_t due = s->newest + (int64_t)t->r->every * DAY;
    if (!s->under_way && t->now >= due)
        step_begin(t, spec);
    else if (!s->under_way)
        printf("%.*s: nothing is due before %.*s\n", STR_FMT(t->domain), STR_FMT(key_time(t->a, due)));
}

/* Without --algorithm every type the domain has is replaced by one of its kind; RSA, where it has none yet. */
static void rotate_all(struct rotation *t)
{
    static const enum key_type types[] = { KEY_RSA, KEY_ED25519 };
    bool any = false;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct stage s = look(t, types[i]);
        struct key_spec spec = { .type = types[i], .bits = s.bits > LIMIT_RSA_SIGN_BITS ? 4096 : LIMIT_RSA_SIGN_BITS };
        any = any || s.any;
        if (t->r->spec.given ? types[i] == t->r->spec.type : s.any)
            rotate_type(t, &s, t->r->spec.given ? t->r->spec : spec);
    }
    if (!t->r->spec.given && !any && t->n == 0)
        step_begin(t, t->r->spec);
}

static void free_key(void *p)
{
    privkey_free(p);
}

static bool read_keys(struct rotation *t)
{
    const char *reason;
    struct keydir_key *keys;
    t->dir = keydir_open(t->a, t->r->dir, t->domain, true, &reason);
    if (t->dir == NULL || !keydir_lock(t->dir, t->a, &reason) || !keydir_list(t->dir, t->a, &keys, &t->n, &reason)) {
        cmd_fail(KEY_COMMAND, "%s", reason);
        return false;
    }
    t->v = ARENA_ARRAY(t->a, struct member, t->n);
    for (size_t i = 0; i < t->n; i++) {
        const char *path = keydir_path(t->dir, t->a, keys[i].selector);
        t->v[i].key = &keys[i];
        t->v[i].private = privkey_read(t->a, path, &reason);
        if (t->v[i].private != NULL)
            arena_defer(t->a, free_key, t->v[i].private);
        if (t->v[i].private != NULL && keys[i].reason == NULL)
            continue;
        t->good = false;
        cmd_fail(KEY_COMMAND, "key file '%s': %s", path, t->v[i].private == NULL ? reason : keys[i].reason);
    }
    return true;
}

static int rotate(struct rotation *t, const struct conf *c)
{
    t->now = clock_wall();
    t->good = true;
    if (!domain_normalise(t->a, str_of(t->r->domain), &t->domain))
        return cmd_usage_error(KEY_COMMAND, "'%s' is no domain name", t->r->domain);
    if (!read_keys(t) || !key_servers_open(&t->servers, t->a, &t->r->where, c))
        return 1;
    rotate_all(t);
    key_servers_close(&t->servers);
    return key_finish(t->good);
}

int cmd_key_rotate(int argc, char **argv)
{
    struct request r = { .queue_life = QUEUE_LIFE, .spec = { .type = KEY_RSA, .bits = LIMIT_RSA_SIGN_BITS } };
    struct rotation t = { .r = &r, .a = arena_new() };
    struct conf *c = NULL;
    char *error = NULL;
    int code = parse_arguments(&r, argc, argv);
    if (code < 0 && r.where.conf != NULL && (c = conf_read(r.where.conf, 0, &error)) == NULL)
        code = cmd_fail(KEY_COMMAND, "%s", error);
    if (code < 0)
        code = rotate(&t, c);
    free(error);
    if (c != NULL)
        conf_unref(c);
    arena_free(t.a);
    return code;
}
