/*
 * socketmap_conn.c - connections to a socketmap server: the only sockets of this room.
 *
 * Every step waits until a deadline and no longer. A host is an address, for names would have to be looked up at a time when nobody
 * can wait for them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "mailseal/clock.h"

#include "table_int.h"

#define BUSY_MS 5 /* until the next try to reach a unix socket whose queue is full */

/* ---- addresses ---- */

static bool unix_address(struct str path, struct socketmap_address *out)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    if (path.n < 2 || path.p[0] != '/' || path.n >= sizeof un.sun_path || memchr(path.p, '\0', path.n) != NULL)
        return false;
    memcpy(un.sun_path, path.p, path.n);
    memcpy(&out->sa, &un, sizeof un);
    out->n = sizeof un;
    return true;
}

static bool inet_address(struct str host, struct str port, struct socketmap_address *out)
{
    struct ip ip;
    uint64_t number;
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = str_first(str_skip(host, 1), host.n - 2);
    if (str_ieq(host, STR("localhost")))
        host = STR("127.0.0.1");
    if (!ip_parse(host, &ip) || !str_to_uint(port, UINT16_MAX, &number) || number == 0)
        return false;
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)number) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number) };
    memcpy(&in.sin_addr, ip.b, sizeof in.sin_addr);
    memcpy(&in6.sin6_addr, ip.b, sizeof in6.sin6_addr);
    out->n = ip.family == 4 ? sizeof in : sizeof in6;
    memcpy(&out->sa, ip.family == 4 ? (const void *)&in : (const void *)&in6, out->n);
    return true;
}

bool socketmap_address_parse(struct str spec, struct socketmap_address *out)
{
    struct str kind, rest, where, host, port;
    *out = (struct socketmap_address){ .n = 0 };
    if (!str_cut(spec, ':', &kind, &rest) || !str_rcut(rest, ':', &where, &out->name))
        return false;
    for (size_t i = 0; i < out->name.n; i++)
        if (out->name.p[i] <= ' ' || out->name.p[i] > '~')
            return false;
    if (out->name.n == 0 || out->name.n > SOCKETMAP_NAME_MAX)
        return false;
    if (str_eq(kind, STR("unix")))
        return unix_address(where, out);
    return str_eq(kind, STR("inet")) && str_rcut(where, ':', &host, &port) && inet_address(host, port, out);
}

/* ---- connections ---- */

static bool fail(struct arena *a, int error, const char **reason)
{
    *reason = str_cstr(a, str_of(strerror(error)));
    return false;
}

static bool wait_for(struct arena *a, int fd, short events, int64_t deadline, const char **reason)
{
    for (;;) {
        struct pollfd p = { .fd = fd, .events = events };
        int64_t left = deadline - clock_ms();
        int n = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (n > 0)
            return true;
        if (n == 0) {
            *reason = "no answer in time";
            return false;
        }
        if (errno != EINTR)
            return fail(a, errno, reason);
    }
}

static bool finish_connect(struct arena *a, int fd, int64_t deadline, const char **reason)
{
    int error = 0;
    socklen_t n = sizeof error;
    if (!wait_for(a, fd, POLLOUT, deadline, reason))
        return false;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
        error = errno;
    return error == 0 || fail(a, error, reason);
}

static bool try_connect(struct arena *a, int fd, const struct socketmap_address *to, int64_t deadline, const char **reason)
{
    while (connect(fd, (const struct sockaddr *)&to->sa, to->n) != 0) {
        if (errno == EINPROGRESS || errno == EINTR)
            return finish_connect(a, fd, deadline, reason);
        if (errno != EAGAIN || clock_ms() + BUSY_MS >= deadline)
            return fail(a, errno, reason);
        (void)poll(NULL, 0, BUSY_MS);
    }
    return true;
}

int socketmap_connect(struct arena *a, const struct socketmap_address *to, int64_t deadline, const char **reason)
{
    int fd = socket(to->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        (void)fail(a, errno, reason);
        return -1;
    }
    if (try_connect(a, fd, to, deadline, reason))
        return fd;
    close(fd);
    return -1;
}

bool socketmap_is_quiet(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    return poll(&p, 1, 0) == 0;
}

/* ---- one exchange ---- */

static bool send_all(struct arena *a, int fd, struct str bytes, int64_t deadline, const char **reason)
{
    while (bytes.n > 0) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n >= 0)
            bytes = str_skip(bytes, (size_t)n);
        else if (errno != EAGAIN && errno != EINTR)
            return fail(a, errno, reason);
        else if (!wait_for(a, fd, POLLOUT, deadline, reason))
            return false;
    }
    return true;
}

/* One more piece of a reply. */
static bool receive(struct arena *a, int fd, char *p, size_t *n, int64_t deadline, const char **reason)
{
    ssize_t got;
    do {
        if (!wait_for(a, fd, POLLIN, deadline, reason))
            return false;
        got = recv(fd, p + *n, SOCKETMAP_WIRE_MAX - *n, 0);
    } while (got < 0 && (errno == EAGAIN || errno == EINTR));
    if (got < 0)
        return fail(a, errno, reason);
    if (got == 0) {
        *reason = "the connection was closed";
        return false;
    }
    *n += (size_t)got;
    return true;
}

bool socketmap_exchange(struct arena *a, int fd, struct str request, int64_t deadline, struct socketmap_reply *out,
                        const char **reason)
{
    char *p = arena_alloc(a, SOCKETMAP_WIRE_MAX);
    size_t n = 0;
    enum socketmap_parsed parsed = SOCKETMAP_MORE;
    if (!send_all(a, fd, request, deadline, reason))
        return false;
    while (parsed == SOCKETMAP_MORE) {
        if (!receive(a, fd, p, &n, deadline, reason))
            return false;
        parsed = socketmap_reply_parse((struct str){ p, n }, out);
    }
    *reason = "the answer is no reply of a socketmap server, or too long";
    return parsed == SOCKETMAP_DONE;
}
