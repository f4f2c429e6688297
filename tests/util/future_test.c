/* future_test.c - sequential and pooled futures, deadlines, abandoned work. Order is made by gates, not by time. */
#include <pthread.h>

#include "mailseal/clock.h"
#include "mailseal/future.h"
#include "tests/support/support.h"

struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int value;
};

static void gate_set(struct gate *g, int value)
{
    pthread_mutex_lock(&g->mutex);
    g->value = value;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->mutex);
}

static void gate_wait(struct gate *g, int value)
{
    pthread_mutex_lock(&g->mutex);
    while (g->value < value)
        pthread_cond_wait(&g->changed, &g->mutex);
    pthread_mutex_unlock(&g->mutex);
}

static void *twice(void *input, struct arena *a)
{
    int *out = ARENA_NEW(a, int);
    *out = *(int *)input * 2;
    return out;
}

static struct future *start_twice(struct pool *p, int n)
{
    struct future *f = future_new(p);
    int *input = ARENA_NEW(future_arena(f), int);
    *input = n;
    future_start(f, twice, input);
    return f;
}

static void results_come_back(void **state)
{
    (void)state;
    static const unsigned sizes[] = { 0, 1, 4 };
    for (size_t s = 0; s < ROWS(sizes); s++) {
        struct pool *p = pool_new(sizes[s]);
        struct future *f[100];
        for (int i = 0; i < 100; i++)
            f[i] = start_twice(p, i);
        for (int i = 0; i < 100; i++) {
            int *got = future_join(f[i], clock_ms() + 60000);
            assert_non_null(got);
            assert_int_equal(*got, 2 * i);
            assert_ptr_equal(future_join(f[i], 0), got);
            future_free(f[i]);
        }
        pool_free(p);
    }
    pool_free(NULL);
}

static struct gate gate = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 };

static void *wait_at_gate(void *input, struct arena *a)
{
    (void)a;
    gate_set(&gate, 1);
    gate_wait(&gate, 2);
    return input;
}

static void past_the_deadline_the_joiner_goes_on(void **state)
{
    (void)state;
    struct pool *p = pool_new(1);
    struct future *f = future_new(p);
    gate_set(&gate, 0);
    future_start(f, wait_at_gate, future_arena(f));
    gate_wait(&gate, 1);
    assert_null(future_join(f, clock_ms()));
    /* Dropped while it runs: its worker frees it. The sanitizers watch. */
    future_free(f);
    gate_set(&gate, 2);
    pool_free(p);
}

static void a_queued_future_can_be_joined_or_dropped(void **state)
{
    (void)state;
    struct pool *p = pool_new(1);
    struct future *busy = future_new(p);
    gate_set(&gate, 0);
    future_start(busy, wait_at_gate, future_arena(busy));
    gate_wait(&gate, 1);
    struct future *dropped = start_twice(p, 1), *joined = start_twice(p, 21), *unstarted = future_new(p);
    future_free(dropped);
    future_free(unstarted);
    int *got = future_join(joined, 0);
    assert_non_null(got);
    assert_int_equal(*got, 42);
    future_free(joined);
    gate_set(&gate, 2);
    assert_non_null(future_join(busy, clock_ms() + 60000));
    future_free(busy);
    pool_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_come_back),
        cmocka_unit_test(past_the_deadline_the_joiner_goes_on),
        cmocka_unit_test(a_queued_future_can_be_joined_or_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
