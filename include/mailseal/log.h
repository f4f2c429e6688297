/*
 * log.h - the only place besides the commands that prints.
 *
 * One line per call, to standard error or syslog. What mail supplies is escaped here: control and 8-bit bytes become \xHH, and a
 * line is cut at LIMIT_LOG_LINE. Messages are: what failed, the subject in 'quotes', no capital, no full stop.
 */
#ifndef MAILSEAL_LOG_H
#define MAILSEAL_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Where lines go; to_syslog uses facility mail and the name mailseal. The default is standard error, level info. */
void log_open(bool to_syslog, enum log_level level);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* an operator must act */
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A mistake of ours: prints and aborts. */
#define BUG(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
void bug_at(const char *file, int line, const char *fmt, ...) __attribute__((noreturn, format(printf, 3, 4)));

#endif
