/* cmd_common.c - what the subcommands share: errors, the DNS to ask, a fixed clock. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mailseal/clock.h"
#include "mailseal/cmd.h"
#include "mailseal/limits.h"

__attribute__((format(printf, 2, 0))) static void complain(const char *name, const char *fmt, va_list ap)
{
    fprintf(stderr, "mailseal %s: ", name);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

int cmd_fail(const char *name, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    complain(name, fmt, ap);
    va_end(ap);
    return 1;
}

int cmd_usage_error(const char *name, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    complain(name, fmt, ap);
    va_end(ap);
    fprintf(stderr, "try 'mailseal %s --help'\n", name);
    return 2;
}

int cmd_options(const char *name, const char *letters, const struct option *options, int (*take)(void *ctx, int opt), void *ctx,
                int argc, char **argv)
{
    int opt;
    opterr = 0;
    while ((opt = getopt_long(argc, argv, letters, options, NULL)) != -1) {
        int code =
            opt == '?' ? cmd_usage_error(name, "option '%s' is unknown or lacks its value", argv[optind - 1]) : take(ctx, opt);
        if (code >= 0)
            return code;
    }
    return -1;
}

struct dns *cmd_dns(const char *name, const char *snapshot, const struct conf *conf)
{
    const char *error = NULL;
    struct str servers[LIMIT_DNS_NAMESERVERS];
    size_t n = conf != NULL ? conf->nameservers.n : 0;
    struct dns *d = NULL;
    if (snapshot == NULL && conf != NULL && conf->dns_snapshot[0] != '\0')
        snapshot = conf->dns_snapshot;
    if (snapshot != NULL) {
        d = dns_snapshot_new(snapshot, &error);
    } else {
        for (size_t i = 0; i < n; i++)
            servers[i] = str_of(conf->nameservers.v[i]);
        d = dns_stub_new(servers, n, conf != NULL && conf->trust_ad, &error);
        if (d != NULL)
            d = dns_cache_new(d);
    }
    if (d == NULL)
        cmd_fail(name, "%s", error);
    return d;
}

/* All of a stream; what a machine cannot hold in memory ends the command. */
static bool read_all(FILE *f, struct arena *a, struct str *out)
{
    size_t room = 65536, n = 0, got;
    char *p = malloc(room);
    while (p != NULL && (got = fread(p + n, 1, room - n, f)) > 0) {
        n += got;
        if (n == room) {
            char *larger = realloc(p, room * 2);
            if (larger == NULL)
                free(p);
            p = larger;
            room *= 2;
        }
    }
    if (p == NULL || ferror(f) != 0) {
        free(p);
        return false;
    }
    arena_defer(a, free, p);
    *out = (struct str){ p, n };
    return true;
}

static struct str with_crlf(struct arena *a, struct str in)
{
    size_t lines = 0, n = 0;
    for (size_t i = 0; i < in.n; i++)
        lines += in.p[i] == '\n';
    char *p = arena_alloc(a, in.n + lines);
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] == '\n' && (i == 0 || in.p[i - 1] != '\r'))
            p[n++] = '\r';
        p[n++] = in.p[i];
    }
    return (struct str){ p, n };
}

bool cmd_read_message(const char *name, struct arena *a, const char *file, struct str *message, bool *lf)
{
    bool is_stdin = strcmp(file, "-") == 0;
    FILE *f = is_stdin ? stdin : fopen(file, "re");
    if (f == NULL) {
        cmd_fail(name, "cannot open '%s': %s", file, strerror(errno));
        return false;
    }
    bool done = read_all(f, a, message);
    if (!done)
        cmd_fail(name, "cannot read '%s': %s", file, strerror(errno));
    if (!is_stdin)
        fclose(f);
    struct str first, rest;
    bool bare = done && str_cut(*message, '\n', &first, &rest) && (first.n == 0 || first.p[first.n - 1] != '\r');
    if (bare)
        *message = with_crlf(a, *message);
    if (lf != NULL)
        *lf = bare;
    return done;
}

const char *cmd_journal(const char *name, struct arena *a, const char *journal, const char *conf_path)
{
    char *error = NULL;
    if (journal != NULL)
        return journal;
    struct conf *conf = conf_read(conf_path, CONF_DEFAULTS_OK, &error);
    if (conf == NULL) {
        cmd_fail(name, "%s", error);
        free(error);
        return NULL;
    }
    journal = conf->journal[0] != '\0' ? str_cstr(a, str_of(conf->journal)) : NULL;
    if (journal == NULL)
        cmd_fail(name, "the configuration names no journal: give --journal");
    conf_unref(conf);
    return journal;
}

const char *cmd_time(struct arena *a, int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;
    char text[64];
    if (gmtime_r(&t, &tm) == NULL || strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
        return "-";
    return str_cstr(a, str_of(text));
}

bool cmd_fix_now(const char *name, const char *arg)
{
    uint64_t now;
    if (!str_to_uint(str_of(arg), INT64_MAX, &now) || now == 0) {
        cmd_usage_error(name, "--now '%s' is no time in seconds since 1970", arg);
        return false;
    }
    clock_fix((int64_t)now);
    return true;
}
