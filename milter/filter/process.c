/*
 * process.c - the daemon as a process: who it is, what it may use, and what it tells the service manager.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "mailseal/arena.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"

#include "filter_int.h"

static bool fail(struct arena *a, const char **error, const char *what, const char *name, const char *why)
{
    *error = str_cstr(a, str_printf(a, "%s '%s': %s", what, name, why));
    return false;
}

bool identity_find(struct identity *id, struct arena *a, const char *user, const char *group, const char **error)
{
    *id = (struct identity){ .user = user, .uid = (uid_t)-1, .gid = (gid_t)-1 };
    if (*user != '\0') {
        const struct passwd *pw = getpwnam(user);
        if (pw == NULL)
            return fail(a, error, "user", user, "does not exist");
        id->uid = pw->pw_uid;
        id->gid = pw->pw_gid;
    }
    if (*group != '\0') {
        const struct group *gr = getgrnam(group);
        if (gr == NULL)
            return fail(a, error, "group", group, "does not exist");
        id->gid = gr->gr_gid;
    }
    return true;
}

/* All ids must be the new ones, and root must be out of reach. */
static bool is_become(const struct identity *id)
{
    return getuid() == id->uid && geteuid() == id->uid && getgid() == id->gid && getegid() == id->gid &&
           (id->uid == 0 || setuid(0) != 0);
}

bool identity_become(const struct identity *id, struct arena *a, const char **error)
{
    bool is_root = geteuid() == 0;
    if (*id->user == '\0' || id->uid == geteuid()) {
        if (is_root)
            log_warning("running as root: set the option 'user', or let the service manager change the user");
        return true;
    }
    if (!is_root)
        return fail(a, error, "cannot become user", id->user, "not started as root");
    if (initgroups(id->user, id->gid) != 0 || setgid(id->gid) != 0 || setuid(id->uid) != 0)
        return fail(a, error, "cannot become user", id->user, strerror(errno));
    return is_become(id) || fail(a, error, "cannot become user", id->user, "root would still be in reach");
}

/* A closed standard descriptor would be given to the next socket, and log lines be written into it. */
static void fill_standard_fds(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* X12: a reader of our standard error that stands still costs log lines, not mail. */
static void make_log_not_wait(void)
{
    struct stat st;
    int flags = fcntl(STDERR_FILENO, F_GETFL);
    if (flags >= 0 && fstat(STDERR_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
        (void)fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
}

/* Not every C library has it; without it threads have the stack of the system's choice. */
extern int pthread_setattr_default_np(const pthread_attr_t *attr) __attribute__((weak));

/* libmilter makes its threads with default attributes: 8 MiB of address space each. */
static void make_stacks_small(void)
{
    pthread_attr_t attr;
    if (pthread_setattr_default_np == NULL || pthread_attr_init(&attr) != 0)
        return;
    if (pthread_attr_setstacksize(&attr, LIMIT_THREAD_STACK) == 0)
        (void)pthread_setattr_default_np(&attr);
    pthread_attr_destroy(&attr);
}

/* As much of a resource as we may have; of locked memory root may give itself all. */
static void raise_limit(int resource)
{
    const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
    struct rlimit l;
    if (resource == RLIMIT_MEMLOCK && setrlimit(resource, &all) == 0)
        return;
    if (getrlimit(resource, &l) == 0) {
        l.rlim_cur = l.rlim_max;
        (void)setrlimit(resource, &l);
    }
}

void process_prepare(void)
{
    const struct rlimit none = { 0, 0 };
    fill_standard_fds();
    make_log_not_wait();
    /* X13: private keys do not belong into core files. */
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        log_warning("core dumps cannot be turned off: %s", strerror(errno));
    raise_limit(RLIMIT_NOFILE);
    raise_limit(RLIMIT_MEMLOCK);
    make_stacks_small();
}

/*
 * X13: where core files go to a program, a limit of 0 keeps them from no one; and processes of the same account could look into our
 * memory. A change of account undoes this.
 */
static void hide_memory(void)
{
    if (prctl(PR_SET_DUMPABLE, 0) != 0)
        log_warning("other processes of this account can read our memory: %s", strerror(errno));
}

/*
 * X13: nor do they belong on the swap device. All memory is locked as it comes into use, not only what OpenSSL allocates as secret:
 * the primes of an RSA key stand in the tables it prepares for exponentiation, too, and parts of keys on stacks.
 *
 * Below a limit it is not done, for then an allocation that goes beyond it fails, and that is the end of the daemon. With a limit
 * of 0 only those succeed to whom no limit applies.
 */
void process_guard_memory(void)
{
    struct rlimit own, none;
    hide_memory();
    if (getrlimit(RLIMIT_MEMLOCK, &own) != 0)
        return;
    bool limited = own.rlim_cur != RLIM_INFINITY;
    none = (struct rlimit){ 0, own.rlim_max };
    if (limited)
        (void)setrlimit(RLIMIT_MEMLOCK, &none);
    bool locked = mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
    const char *why = strerror(errno);
    if (limited)
        (void)setrlimit(RLIMIT_MEMLOCK, &own);
    if (!locked && limited)
        log_warning("private keys may be swapped to disk: the limit on locked memory is %llu bytes (want LimitMEMLOCK=infinity)",
                    (unsigned long long)own.rlim_cur);
    else if (!locked)
        log_warning("private keys may be swapped to disk: memory cannot be locked: %s", why);
}

/* sd_notify(3) by hand: one datagram; "@" stands for the NUL of an abstract name. */
void process_notify(const char *fmt, ...)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    size_t n = path != NULL ? strlen(path) : 0;
    if (n == 0 || n >= sizeof(sa.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(sa.sun_path, path, n);
    if (path[0] == '@')
        sa.sun_path[0] = '\0';

    char text[LIMIT_NOTIFY];
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, text, (size_t)len, 0, (struct sockaddr *)&sa, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
    close(fd);
}
