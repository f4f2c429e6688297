/* socketmap_test.c - a server asked by many: what is kept, what is tried again, and that a broken server costs one wait. */
#include "../../milter/table/table_int.h"

#include "mailseal/clock.h"
#include "server.h"

#define LONG 60000

static const struct socketmap_limits patient = { .lookup_ms = 10000, .keep_ms = LONG, .failure_ms = LONG, .answers = 1000 };
static const struct socketmap_limits forgetful = { .lookup_ms = 10000, .answers = 1000 };
static const struct socketmap_limits hasty = { .lookup_ms = 50, .keep_ms = LONG, .failure_ms = LONG, .answers = 1000 };
static const struct socketmap_limits hasty_forgetful = { .lookup_ms = 50, .answers = 1000 };

static const struct line script[] = {
    { "ann", "8:OK b c d,", WHOLE },
    { "temp", "9:TEMP busy,", WHOLE },
    { "perm", "8:PERM bad,", WHOLE },
    { "close", "5:OK cl,", THEN_CLOSE },
    { "drop", "", JUST_CLOSE },
    { "again", "6:OK yes,", ONCE_MORE },
    { "never", "", NEVER },
    { "garbage", "?", WHOLE },
    { "late", "", LATE },
    { "twice", "6:OK two,", TWICE },
    { "example.org", "4:OK 1,", WHOLE },
    { ".example.org", "3:OK ,", WHOLE },
    { "192.0.2.1", "4:OK 1,", WHOLE },
    { NULL, NULL, WHOLE },
};

struct place {
    struct arena *arena;
    const char *dir;
    struct server server;
    int stderr_before;
    FILE *log;
};

static int setup(void **state)
{
    struct arena *a = arena_new();
    struct place *p = ARENA_NEW(a, struct place);
    p->arena = a;
    p->dir = make_directory(a);
    server_start(&p->server, p->dir, script);
    p->log = tmpfile();
    fflush(stderr);
    p->stderr_before = dup(2);
    dup2(fileno(p->log), 2);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    fflush(stderr);
    dup2(p->stderr_before, 2);
    close(p->stderr_before);
    fclose(p->log);
    server_stop(&p->server);
    remove_directory(p->arena, p->dir);
    arena_free(p->arena);
    return 0;
}

/* Tables of the same servers know of each other's failures. */
static struct socketmap *table_of(struct place *p, struct table_servers *servers, const struct socketmap_limits *limits)
{
    return socketmap_new(p->arena, servers, str_cstr(p->arena, str_printf(p->arena, "unix:%s:list", p->server.path)), limits);
}

static struct socketmap *client(struct place *p, const struct socketmap_limits *limits)
{
    return table_of(p, table_servers_new(p->arena), limits);
}

static enum table_answer get(struct place *p, struct socketmap *s, const char *key, struct str *value)
{
    *value = STR_NONE;
    return socketmap_get(s, p->arena, str_of(key), value);
}

/* The server may be behind one who has given up. */
static void wait_for_requests(struct place *p, unsigned n)
{
    while (atomic_load(&p->server.requests) < n)
        sched_yield();
    assert_int_equal(atomic_load(&p->server.requests), n);
}

static const char *logged(struct place *p)
{
    char *text = arena_alloc(p->arena, 10000);
    fflush(stderr);
    rewind(p->log);
    text[fread(text, 1, 9999, p->log)] = '\0';
    return text;
}

static void answers_come_and_are_kept(void **state)
{
    struct place *p = *state;
    struct socketmap *s = client(p, &patient);
    struct str value;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get(p, s, "ann", &value), TABLE_YES);
        ROW_STR("value", value, STR("b c d"));
        assert_int_equal(get(p, s, "bob", &value), TABLE_NO);
        assert_int_equal(get(p, s, "temp", &value), TABLE_UNKNOWN);
    }
    assert_string_equal(server_log(&p->server, p->arena), "ann|bob|temp|");
    assert_int_equal(p->server.connections, 1);
}

static void what_is_not_kept_is_asked_for_on_one_connection(void **state)
{
    struct place *p = *state;
    struct socketmap *s = client(p, &forgetful);
    struct str value;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(get(p, s, "ann", &value), TABLE_YES);
        assert_int_equal(get(p, s, "perm", &value), TABLE_UNKNOWN);
    }
    assert_int_equal(p->server.requests, 200);
    assert_int_equal(p->server.connections, 1);
}

/* Closed between two questions, and when the second comes. */
static void a_kept_connection_that_is_gone_is_replaced(void **state)
{
    struct place *p = *state;
    struct socketmap *s = client(p, &forgetful);
    struct str value;
    assert_int_equal(get(p, s, "close", &value), TABLE_YES);
    assert_int_equal(get(p, s, "ann", &value), TABLE_YES);
    assert_int_equal(p->server.connections, 2);
    assert_int_equal(get(p, s, "again", &value), TABLE_YES);
    ROW_STR("value", value, STR("yes"));
    assert_int_equal(p->server.connections, 3);
    assert_string_equal(server_log(&p->server, p->arena), "close|ann|again|again|");
    assert_string_equal(logged(p), "");
}

/* Once on the kept connection, once on a fresh one, and no more. */
static void a_server_that_only_closes_is_not_asked_forever(void **state)
{
    struct place *p = *state;
    struct socketmap *s = client(p, &forgetful);
    struct str value;
    assert_int_equal(get(p, s, "ann", &value), TABLE_YES);
    assert_int_equal(get(p, s, "drop", &value), TABLE_UNKNOWN);
    assert_string_equal(server_log(&p->server, p->arena), "ann|drop|drop|");
}

static void a_broken_server_costs_one_wait(void **state)
{
    static const char *const keys[] = { "never", "garbage", "drop" };
    struct place *p = *state;
    struct str value;
    for (size_t i = 0; i < ROWS(keys); i++) {
        unsigned before = atomic_load(&p->server.requests);
        struct socketmap *s = client(p, i == 0 ? &hasty : &patient);
        for (int j = 0; j < 10; j++) {
            ROW_INT(keys[i], get(p, s, keys[i], &value), TABLE_UNKNOWN);
            ROW_INT(keys[i], get(p, s, "ann", &value), TABLE_UNKNOWN);
        }
        wait_for_requests(p, before + 1);
    }
}

/* What was answered before is still known. */
static void a_broken_server_costs_one_wait_for_all_its_tables(void **state)
{
    struct place *p = *state;
    struct table_servers *servers = table_servers_new(p->arena);
    struct socketmap *first = table_of(p, servers, &hasty), *second = table_of(p, servers, &hasty);
    struct str value;
    assert_int_equal(get(p, second, "ann", &value), TABLE_YES);
    assert_int_equal(get(p, first, "never", &value), TABLE_UNKNOWN);
    wait_for_requests(p, 2);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(get(p, second, "bob", &value), TABLE_UNKNOWN);
        assert_int_equal(get(p, second, "ann", &value), TABLE_YES);
    }
    wait_for_requests(p, 2);
}

static void kept_answers_outlive_the_server(void **state)
{
    struct place *p = *state;
    struct socketmap *s = client(p, &patient);
    struct str value;
    assert_int_equal(get(p, s, "ann", &value), TABLE_YES);
    server_stop(&p->server);
    assert_int_equal(get(p, s, "bob", &value), TABLE_UNKNOWN);
    assert_int_equal(get(p, s, "ann", &value), TABLE_YES);
    server_start(&p->server, p->dir, script);
}

/* Whoever writes mail chooses keys: one that breaks something is no reason to know nothing about the others. */
static void while_it_answers_others_a_failure_is_the_keys(void **state)
{
    struct place *p = *state;
    struct socketmap *s = client(p, &patient);
    struct str value;
    assert_int_equal(get(p, s, "ann", &value), TABLE_YES);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get(p, s, "drop", &value), TABLE_UNKNOWN);
        assert_int_equal(get(p, s, "garbage", &value), TABLE_UNKNOWN);
    }
    assert_int_equal(get(p, s, "bob", &value), TABLE_NO);
    assert_string_equal(server_log(&p->server, p->arena), "ann|drop|drop|garbage|bob|");
}

/* It has answered, but not for as long as a lookup may take. */
static void a_server_that_stops_answering_costs_one_wait(void **state)
{
    struct place *p = *state;
    struct socketmap *s = client(p, &hasty);
    struct str value;
    assert_int_equal(get(p, s, "ann", &value), TABLE_YES);
    assert_int_equal(get(p, s, "never", &value), TABLE_UNKNOWN);
    assert_int_equal(get(p, s, "bob", &value), TABLE_UNKNOWN);
    assert_int_equal(get(p, s, "ann", &value), TABLE_YES);
    wait_for_requests(p, 2);
}

static void a_server_that_comes_back_is_asked_again(void **state)
{
    struct place *p = *state;
    struct socketmap *s = client(p, &forgetful);
    struct str value;
    server_stop(&p->server);
    assert_int_equal(get(p, s, "ann", &value), TABLE_UNKNOWN);
    server_start(&p->server, p->dir, script);
    assert_int_equal(get(p, s, "ann", &value), TABLE_YES);
    struct socketmap *t = client(p, &hasty_forgetful);
    assert_int_equal(get(p, t, "never", &value), TABLE_UNKNOWN);
    wait_for_requests(p, 2);
}

static void one_warning_in_a_while(void **state)
{
    struct place *p = *state;
    static const struct socketmap_limits limits = { .lookup_ms = 10000, .warn_ms = LONG, .answers = 1000 };
    struct socketmap *s = client(p, &limits);
    struct str value;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(get(p, s, "temp", &value), TABLE_UNKNOWN);
        assert_int_equal(get(p, s, "drop", &value), TABLE_UNKNOWN);
    }
    ROW_STR("log", str_of(logged(p)),
            str_printf(p->arena, "mailseal: warning: table 'socketmap:unix:%s:list' does not answer: busy\n", p->server.path));
}

static void keys_have_a_length(void **state)
{
    struct place *p = *state;
    struct socketmap *s = client(p, &patient);
    char key[SOCKETMAP_KEY_MAX + 2] = "";
    struct str value;
    memset(key, 'x', sizeof key - 2);
    assert_int_equal(get(p, s, key, &value), TABLE_NO);
    key[SOCKETMAP_KEY_MAX] = 'x';
    assert_int_equal(get(p, s, key, &value), TABLE_UNKNOWN);
    assert_int_equal(atomic_load(&p->server.requests), 1);
}

static void domains_are_asked_for_with_their_parents(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *domain, *log;
        enum table_answer want;
    } rows[] = {
        { "example.org", "example.org|", TABLE_YES },
        { "a.example.org", "a.example.org|.example.org|", TABLE_YES },
        { "b.a.example.org", "b.a.example.org|.a.example.org|.example.org|", TABLE_YES },
        { "example.net", "example.net|.net|", TABLE_NO },
        { "a.perm", "a.perm|.perm|", TABLE_NO },
        { "temp", "temp|", TABLE_UNKNOWN },
        { "q.p.o.n.m.l.k.j.i.h.g.f.e.d.c.b.a.example.org",
          "q.p.o.n.m.l.k.j.i.h.g.f.e.d.c.b.a.example.org|.n.m.l.k.j.i.h.g.f.e.d.c.b.a.example.org|"
          ".m.l.k.j.i.h.g.f.e.d.c.b.a.example.org|.l.k.j.i.h.g.f.e.d.c.b.a.example.org|.k.j.i.h.g.f.e.d.c.b.a.example.org|"
          ".j.i.h.g.f.e.d.c.b.a.example.org|.i.h.g.f.e.d.c.b.a.example.org|.h.g.f.e.d.c.b.a.example.org|"
          ".g.f.e.d.c.b.a.example.org|.f.e.d.c.b.a.example.org|.e.d.c.b.a.example.org|.d.c.b.a.example.org|"
          ".c.b.a.example.org|.b.a.example.org|.a.example.org|.example.org|",
          TABLE_YES },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct socketmap *s = client(p, &forgetful);
        ROW_INT(rows[i].domain, socketmap_has_domain(s, str_of(rows[i].domain)), rows[i].want);
        assert_string_equal(server_log(&p->server, p->arena), rows[i].log);
    }
}

struct asker {
    struct socketmap *server;
    const char *key, *want;
    int times;
    enum table_answer answer;
};

static void *ask(void *arg)
{
    struct asker *k = arg;
    struct arena *a = arena_new();
    for (int i = 0; i < k->times; i++) {
        struct str value = STR_NONE;
        k->answer = socketmap_get(k->server, a, str_of(k->key), &value);
        if (k->answer != TABLE_YES || !str_eq(value, str_of(k->want)))
            break;
    }
    arena_free(a);
    return NULL;
}

/* The server answers the first only after the second was answered, so a lock held while waiting would never let it. */
static void one_who_waits_stops_nobody(void **state)
{
    struct place *p = *state;
    struct asker late = { client(p, &forgetful), "late", "late", 1, TABLE_NO };
    pthread_t thread;
    struct str value;
    assert_int_equal(pthread_create(&thread, NULL, ask, &late), 0);
    wait_for_requests(p, 1);
    assert_int_equal(get(p, late.server, "ann", &value), TABLE_YES);
    pthread_join(thread, NULL);
    assert_int_equal(late.answer, TABLE_YES);
}

/* After a failure one finds out whether the server is back; nobody else waits for that. */
static void one_alone_tries_again(void **state)
{
    struct place *p = *state;
    struct asker late = { client(p, &forgetful), "late", "late", 1, TABLE_NO };
    pthread_t thread;
    struct str value;
    assert_int_equal(get(p, late.server, "drop", &value), TABLE_UNKNOWN);
    wait_for_requests(p, 1);
    assert_int_equal(pthread_create(&thread, NULL, ask, &late), 0);
    wait_for_requests(p, 2);
    assert_int_equal(get(p, late.server, "ann", &value), TABLE_UNKNOWN);
    wait_for_requests(p, 2);
    assert_int_equal(get(p, client(p, &forgetful), "ann", &value), TABLE_YES);
    pthread_join(thread, NULL);
    assert_int_equal(late.answer, TABLE_YES);
    assert_int_equal(get(p, late.server, "ann", &value), TABLE_YES);
}

static void what_comes_unasked_answers_nothing(void **state)
{
    struct place *p = *state;
    static const struct socketmap_limits limits = { .lookup_ms = 200, .answers = 1000 };
    struct socketmap *s = client(p, &limits);
    struct str value;
    assert_int_equal(get(p, s, "twice", &value), TABLE_YES);
    assert_int_equal(get(p, client(p, &forgetful), "ann", &value), TABLE_YES);
    assert_int_equal(get(p, s, "never", &value), TABLE_UNKNOWN);
}

static void many_ask_at_once(void **state)
{
    struct place *p = *state;
    static const char *const keys[][2] = { { "ann", "b c d" }, { "example.org", "1" }, { "close", "cl" } };
    const struct socketmap_limits *limits[] = { &forgetful, &patient };
    for (size_t l = 0; l < ROWS(limits); l++) {
        struct socketmap *s = client(p, limits[l]);
        struct asker askers[8];
        pthread_t threads[8];
        for (size_t i = 0; i < ROWS(threads); i++) {
            askers[i] = (struct asker){ s, keys[i % 3][0], keys[i % 3][1], 100, TABLE_NO };
            assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
        }
        for (size_t i = 0; i < ROWS(threads); i++) {
            pthread_join(threads[i], NULL);
            ROW_INT(askers[i].key, askers[i].answer, TABLE_YES);
        }
    }
}

#define PLACED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACED(answers_come_and_are_kept),
        PLACED(what_is_not_kept_is_asked_for_on_one_connection),
        PLACED(a_kept_connection_that_is_gone_is_replaced),
        PLACED(a_server_that_only_closes_is_not_asked_forever),
        PLACED(a_broken_server_costs_one_wait),
        PLACED(a_broken_server_costs_one_wait_for_all_its_tables),
        PLACED(kept_answers_outlive_the_server),
        PLACED(while_it_answers_others_a_failure_is_the_keys),
        PLACED(a_server_that_stops_answering_costs_one_wait),
        PLACED(a_server_that_comes_back_is_asked_again),
        PLACED(one_warning_in_a_while),
        PLACED(keys_have_a_length),
        PLACED(domains_are_asked_for_with_their_parents),
        PLACED(one_who_waits_stops_nobody),
        PLACED(one_alone_tries_again),
        PLACED(what_comes_unasked_answers_nothing),
        PLACED(many_ask_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
