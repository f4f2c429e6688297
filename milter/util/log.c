/*
 * log.c - one line per call, to standard error or syslog.
 *
 * The line is formatted and escaped on the stack and written with one write(2), so that lines of several threads do not mix and
 * logging needs no lock of ours. A write that fails is dropped: mail must not wait for the log.
 */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "mailseal/limits.h"
#include "mailseal/log.h"

static atomic_bool to_syslog;
static atomic_int log_up_to = LOG_LEVEL_INFO;

static const struct {
    const char *word;
    int priority;
} levels[] = {
    [LOG_LEVEL_ERROR] = { "error", LOG_ERR },
    [LOG_LEVEL_WARNING] = { "warning", LOG_WARNING },
    [LOG_LEVEL_INFO] = { "info", LOG_INFO },
    [LOG_LEVEL_DEBUG] = { "debug", LOG_DEBUG },
};

void log_open(bool syslog_wanted, enum log_level level)
{
    if (syslog_wanted)
        openlog("mailseal", LOG_PID | LOG_NDELAY, LOG_MAIL);
    atomic_store(&to_syslog, syslog_wanted);
    atomic_store(&log_up_to, (int)level);
}

/* Control and 8-bit bytes become \xHH, so that mail cannot forge lines or drive a terminal. */
static size_t escape(const char *in, char *out, size_t room)
{
    size_t n = 0;
    for (; *in != '\0' && n + 5 < room; in++) {
        unsigned char c = (unsigned char)*in;
        if (c < 0x20 || c > 0x7e)
            n += (size_t)snprintf(out + n, room - n, "\\x%02x", c);
        else
            out[n++] = (char)c;
    }
    out[n] = '\0';
    return n;
}

__attribute__((format(printf, 2, 0))) static void emit(enum log_level level, const char *fmt, va_list ap)
{
    char text[LIMIT_LOG_LINE], line[LIMIT_LOG_LINE + 32];
    if ((int)level > atomic_load_explicit(&log_up_to, memory_order_relaxed))
        return;
    vsnprintf(text, sizeof(text), fmt, ap);
    if (atomic_load_explicit(&to_syslog, memory_order_relaxed)) {
        escape(text, line, LIMIT_LOG_LINE);
        syslog(levels[level].priority, "%s", line);
        return;
    }
    int head = snprintf(line, sizeof(line), "mailseal: %s%s", level == LOG_LEVEL_INFO ? "" : levels[level].word,
                        level == LOG_LEVEL_INFO ? "" : ": ");
    size_t n = (size_t)head + escape(text, line + head, LIMIT_LOG_LINE);
    line[n++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, n);
    (void)written;
}

#define LOG_AT(level)                                                                                                              \
    do {                                                                                                                           \
        va_list ap;                                                                                                                \
        va_start(ap, fmt);                                                                                                         \
        emit((level), fmt, ap);                                                                                                    \
        va_end(ap);                                                                                                                \
    } while (0)

void log_error(const char *fmt, ...)
{
    LOG_AT(LOG_LEVEL_ERROR);
}

void log_warning(const char *fmt, ...)
{
    LOG_AT(LOG_LEVEL_WARNING);
}

void log_info(const char *fmt, ...)
{
    LOG_AT(LOG_LEVEL_INFO);
}

void log_debug(const char *fmt, ...)
{
    LOG_AT(LOG_LEVEL_DEBUG);
}

void bug_at(const char *file, int line, const char *fmt, ...)
{
    char text[LIMIT_LOG_LINE];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    log_error("%s:%d: a mistake in mailseal: %s", file, line, text);
    abort();
}
