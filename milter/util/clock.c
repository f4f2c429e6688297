/* clock.c - the only reader of the time. */
#include <stdatomic.h>
#include <time.h>

#include "mailseal/clock.h"

static _Atomic int64_t fixed_wall;

int64_t clock_wall(void)
{
    int64_t fixed = atomic_load_explicit(&fixed_wall, memory_order_relaxed);
    return fixed != 0 ? fixed : (int64_t)time(NULL);
}

int64_t clock_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void clock_fix(int64_t wall)
{
    atomic_store(&fixed_wall, wall);
}
