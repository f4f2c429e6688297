/* capture.h - reads back what goes to standard error, between capture() and captured(). */
#ifndef TESTS_CAPTURE_H
#define TESTS_CAPTURE_H

#include <unistd.h>

#include "support.h"

static int capture_saved, capture_ends[2];

/* At most what a pipe holds, until captured(). */
static inline void capture(void)
{
    assert_int_equal(pipe(capture_ends), 0);
    capture_saved = dup(STDERR_FILENO);
    dup2(capture_ends[1], STDERR_FILENO);
    close(capture_ends[1]);
}

/* The text, until the next call. */
static inline const char *captured(void)
{
    static char text[65536];
    dup2(capture_saved, STDERR_FILENO);
    close(capture_saved);
    ssize_t n = read(capture_ends[0], text, sizeof(text) - 1);
    close(capture_ends[0]);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

#endif
