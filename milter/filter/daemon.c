/*
 * daemon.c - start, signals, reload and stop.
 *
 * libmilter runs in a second thread and has a signal thread of its own that would end the daemon on SIGHUP and cut messages in work
 * on SIGTERM; sigwait.c puts that one to sleep. Every other thread blocks all signals: the main thread gets them, and its handler
 * only writes the number into a pipe.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mailseal/arena.h"
#include "mailseal/clock.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"
#include "mailseal/conf.h"
#include "mailseal/engine.h"
#include "mailseal/filter.h"

#include "filter_int.h"

#define LIBMILTER_ENDED 0    /* in the pipe, beside signal numbers */
#define QUIET           (-1) /* no event for an hour */
#define HOUR_MS         (60 * 60 * 1000)

static int event_pipe[2];

struct daemon {
    const char *conf_path;
    struct env *env;
    struct listener listener;
    struct arena *arena;
};

static void put_event(int event)
{
    unsigned char b = (unsigned char)event;
    int saved = errno;
    ssize_t n = write(event_pipe[1], &b, 1);
    (void)n;
    errno = saved;
}

/* The next event; the one place where the main thread waits. */
static int get_event(void)
{
    struct pollfd in = { .fd = event_pipe[0], .events = POLLIN };
    unsigned char b;
    ssize_t n;
    if (poll(&in, 1, HOUR_MS) == 0)
        return QUIET;
    do
        n = read(event_pipe[0], &b, 1);
    while (n < 0 && errno == EINTR);
    return n == 1 ? b : SIGTERM;
}

static void *run_libmilter(void *unused)
{
    if (smfi_main() != MI_SUCCESS)
        log_error("libmilter gave up");
    put_event(LIBMILTER_ENDED);
    return unused;
}

static bool catch_signals(void)
{
    static const int caught[] = { SIGHUP, SIGTERM, SIGINT };
    struct sigaction sa = { .sa_handler = put_event };
    if (pipe(event_pipe) != 0 || fcntl(event_pipe[1], F_SETFL, O_NONBLOCK) != 0)
        return false;
    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
        if (sigaction(caught[i], &sa, NULL) != 0)
            return false;
    return signal(SIGPIPE, SIG_IGN) != SIG_ERR;
}

static struct conf *read_conf(const char *path)
{
    char *error = NULL;
    struct conf *c = conf_read(path, 0, &error);
    if (c == NULL) {
        log_error("%s", error);
        free(error);
        return NULL;
    }
    log_open(c->log_syslog, (enum log_level)c->log_level);
    return c;
}

static bool setup_libmilter(struct daemon *d, const struct conf *c, const struct identity *id, const char **error)
{
    (void)smfi_setmaxdatasize(LIMIT_MILTER_PACKET);
    if (!milter_register() || smfi_settimeout(LIMIT_IDLE_S) != MI_SUCCESS || smfi_setbacklog(LIMIT_FILTER_BACKLOG) != MI_SUCCESS) {
        *error = "libmilter cannot be set up";
        return false;
    }
    return listener_open(&d->listener, d->arena, c->socket, (mode_t)c->socket_mode, geteuid() == 0 ? id->uid : (uid_t)-1, id->gid,
                         error);
}

/* Every thread begins here, with all signals blocked; at the end the main thread blocks none, whatever it inherited. */
static bool start_threads(struct daemon *d, struct conf *c, const char **error)
{
    sigset_t all, none;
    pthread_t thread;
    sigfillset(&all);
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    d->env = env_new(conf_ref(c), NULL, (unsigned)c->workers, error);
    bool ok = d->env != NULL && env_start_journal(d->env, error);
    if (ok) {
        milter_use(d->env);
        ok = progress_start() && pthread_create(&thread, NULL, run_libmilter, NULL) == 0;
        *error = ok ? NULL : "no thread to be had";
    } else {
        env_free(d->env);
    }
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    return ok;
}

/* In this order: the socket while we may still make it, threads when root is gone. */
static bool start(struct daemon *d, struct conf *c, const char **error)
{
    struct identity id;
    if (!identity_find(&id, d->arena, c->user, c->group, error) || !setup_libmilter(d, c, &id, error))
        return false;
    if (identity_become(&id, d->arena, error)) {
        process_guard_memory();
        if (catch_signals() && start_threads(d, c, error))
            return true;
    }
    if (*error == NULL)
        *error = strerror(errno);
    listener_close(&d->listener);
    return false;
}

/* Trouble with signatures is in the log when it happens; this says how much of it there was. */
static void report_signing(struct daemon *d)
{
    struct sign_counts c;
    env_sign_counts(d->env, &c);
    if (c.failed > 0 || c.unpublished > 0)
        log_warning("signing, since the last such line: %u failed, %u with keys the DNS does not have so", c.failed, c.unpublished);
}

/* X04: the new configuration is complete before anyone sees it; after an error the old one keeps working. */
static void reload(struct daemon *d)
{
    process_notify("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)(clock_ms() + 1) * 1000);
    struct conf *c = read_conf(d->conf_path);
    if (c != NULL) {
        env_set_conf(d->env, c);
        log_info("configuration reloaded");
    } else {
        log_error("configuration not reloaded, the old one keeps working");
    }
    report_signing(d);
    process_notify("READY=1");
}

/* M20: no new connection, no new message; those in work get their verdict. */
static void drain(struct daemon *d)
{
    const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
    int64_t deadline = clock_ms() + LIMIT_DRAIN_S * 1000;
    process_notify("STOPPING=1");
    listener_close(&d->listener);
    milter_refuse_new();
    log_info("stopping");
    while (!milter_is_quiet() && clock_ms() < deadline)
        nanosleep(&pause, NULL);
    report_signing(d);
    if (milter_is_quiet())
        log_info("stopped");
    else
        log_warning("stopped with messages in work");
    env_stop_journal(d->env);
}

static int serve(struct daemon *d)
{
    log_info("version %s listens on '%s'", PACKAGE_VERSION, d->listener.spec);
    process_notify("READY=1");
    for (;;) {
        switch (get_event()) {
        case SIGHUP:
            reload(d);
            break;
        case QUIET:
            report_signing(d);
            break;
        case LIBMILTER_ENDED:
            env_stop_journal(d->env);
            return 1;
        default:
            drain(d);
            return 0;
        }
    }
}

int filter_run(const char *conf_path)
{
    const char *error = NULL;
    process_prepare();
    struct conf *c = read_conf(conf_path);
    if (c == NULL)
        return 1;
    struct daemon d = { .conf_path = conf_path, .arena = arena_new() };
    bool started = start(&d, c, &error);
    if (started) {
        conf_unref(c);
        _exit(serve(&d));
    }
    log_error("%s", error);
    conf_unref(c);
    arena_free(d.arena);
    return 1;
}
