/*
 * clock.h - the only reader of the time.
 *
 * The wall clock is for what the outside world dates (t=, x=, log); the monotonic clock is for limits.
 */
#ifndef MAILSEAL_CLOCK_H
#define MAILSEAL_CLOCK_H

#include <stdint.h>

int64_t clock_wall(void); /* seconds since 1970 */
int64_t clock_ms(void);   /* monotonic milliseconds, for deadlines */

/* For tests and --now: from now on clock_wall() answers `wall`. 0 gives the real time back. */
void clock_fix(int64_t wall);

#endif
