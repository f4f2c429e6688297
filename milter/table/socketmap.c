/*
 * socketmap.c - a socketmap server (socketmap_table(5)) asked at run time.
 *
 * Some connections are kept open and answers are kept for a minute. A server that is dead or slow is left alone for some seconds
 * (socketmap_health.c), so that it costs one wait and not one for each message or table; until then nobody knows, and that is the
 * answer. While it answers others, a failure is that of its key alone. A kept connection may have been closed by the server
 * meanwhile, so a failure on one is tried again on a new one. The lock is never held while anyone waits for the server.
 */
#include <pthread.h>
#include <unistd.h>

#include "mailseal/clock.h"
#include "mailseal/domain.h"
#include "mailseal/log.h"

#include "table_int.h"

const struct socketmap_limits socketmap_limits = {
    .lookup_ms = 2000, .keep_ms = 60000, .failure_ms = 5000, .warn_ms = 60000, .answers = 20000
};

struct socketmap {
    const char *spec;
    struct socketmap_address address;
    const struct socketmap_limits *limits;
    struct socketmap_health *health; /* of the server, shared with its other tables */
    pthread_mutex_t mutex;           /* guards all below */
    struct socketmap_cache *cache;
    int idle[SOCKETMAP_IDLE_MAX];
    size_t n_idle;
    int64_t quiet_until; /* nobody warns */
};

static void free_server(void *p)
{
    struct socketmap *s = p;
    for (size_t i = 0; i < s->n_idle; i++)
        close(s->idle[i]);
    socketmap_cache_free(s->cache);
    pthread_mutex_destroy(&s->mutex);
}

struct socketmap *socketmap_new(struct arena *a, struct table_servers *servers, const char *spec,
                                const struct socketmap_limits *limits)
{
    struct socketmap *s = ARENA_NEW(a, struct socketmap);
    *s = (struct socketmap){ .spec = spec, .limits = limits, .quiet_until = INT64_MIN };
    if (!socketmap_address_parse(str_of(spec), &s->address))
        BUG("'%s' is no address of a socketmap server", spec);
    s->health = socketmap_health_of(servers, &s->address);
    pthread_mutex_init(&s->mutex, NULL);
    s->cache = socketmap_cache_new(a, limits->answers);
    arena_defer(a, free_server, s);
    return s;
}

/* ---- what is shared ---- */

/* True: the answer is known already. Else *fd is a kept connection or -1. */
static bool begin(struct socketmap *s, struct arena *a, struct str key, enum table_answer *answer, struct str *value, int *fd)
{
    int64_t now = clock_ms();
    *answer = TABLE_UNKNOWN;
    *fd = -1;
    pthread_mutex_lock(&s->mutex);
    bool known = socketmap_cache_get(s->cache, a, key, now, answer, value) ||
                 !socketmap_health_may_ask(s->health, now, s->limits->lookup_ms);
    if (!known && s->n_idle > 0)
        *fd = s->idle[--s->n_idle];
    pthread_mutex_unlock(&s->mutex);
    return known;
}

/* The connection goes back, the answer is kept. True: it is time for a warning. */
static bool end(struct socketmap *s, struct str key, const struct socketmap_reply *reply, int fd)
{
    int64_t now = clock_ms();
    bool told = reply->answer != TABLE_UNKNOWN, warn = false;
    int64_t keep_ms = told ? s->limits->keep_ms : s->limits->failure_ms;
    socketmap_health_note(s->health, fd >= 0, now, s->limits);
    pthread_mutex_lock(&s->mutex);
    socketmap_cache_put(s->cache, key, reply->answer, told ? reply->text : STR_NONE, now + keep_ms);
    if (fd >= 0 && s->n_idle < SOCKETMAP_IDLE_MAX) {
        s->idle[s->n_idle++] = fd;
        fd = -1;
    }
    if (!told && now >= s->quiet_until) {
        s->quiet_until = now + s->limits->warn_ms;
        warn = true;
    }
    pthread_mutex_unlock(&s->mutex);
    if (fd >= 0)
        close(fd);
    return warn;
}

/* ---- asking ---- */

static bool ask_on(struct arena *a, int *fd, struct str request, int64_t deadline, struct socketmap_reply *reply,
                   const char **reason)
{
    bool ok = *fd >= 0 && socketmap_exchange(a, *fd, request, deadline, reply, reason);
    if (!ok && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    return ok;
}

/* On the kept connection, else on a new one. *fd is -1 afterwards when there is no reply. */
static void ask(struct socketmap *s, struct arena *a, struct str key, int64_t deadline, int *fd, struct socketmap_reply *reply)
{
    const char *reason = "no answer in time";
    struct str request = socketmap_request(a, s->address.name, key);
    if (*fd >= 0 && !socketmap_is_quiet(*fd)) {
        close(*fd);
        *fd = -1;
    }
    if (ask_on(a, fd, request, deadline, reply, &reason))
        return;
    if (clock_ms() < deadline) {
        *fd = socketmap_connect(a, &s->address, deadline, &reason);
        if (ask_on(a, fd, request, deadline, reply, &reason))
            return;
    }
    *reply = (struct socketmap_reply){ TABLE_UNKNOWN, str_of(reason) };
}

static enum table_answer get(struct socketmap *s, struct arena *a, struct str key, int64_t deadline, struct str *value)
{
    struct socketmap_reply reply;
    enum table_answer answer;
    int fd;
    if (key.n > SOCKETMAP_KEY_MAX)
        return TABLE_UNKNOWN;
    if (begin(s, a, key, &answer, value, &fd))
        return answer;
    struct arena *scratch = arena_new();
    ask(s, scratch, key, deadline, &fd, &reply);
    if (end(s, key, &reply, fd))
        log_warning("table 'socketmap:%s' does not answer: %.*s", s->spec, STR_FMT(reply.text));
    if (reply.answer == TABLE_YES)
        *value = str_dup(a, reply.text);
    arena_free(scratch);
    return reply.answer;
}

enum table_answer socketmap_get(struct socketmap *s, struct arena *a, struct str key, struct str *value)
{
    return get(s, a, key, clock_ms() + s->limits->lookup_ms, value);
}

enum table_answer socketmap_has_domain(struct socketmap *s, struct str domain)
{
    struct arena *a = arena_new();
    int64_t deadline = clock_ms() + s->limits->lookup_ms;
    struct str value, label, parent = domain;
    enum table_answer answer = get(s, a, domain, deadline, &value);
    while (answer == TABLE_NO && str_cut(parent, '.', &label, &parent))
        if (domain_labels(parent) <= SOCKETMAP_PARENTS_MAX)
            answer = get(s, a, (struct str){ parent.p - 1, parent.n + 1 }, deadline, &value);
    arena_free(a);
    return answer;
}
