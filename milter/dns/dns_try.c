/*
 * dns_try.c - one question on the wire: a try over UDP, over TCP when the reply was cut, at the next server when one does not help.
 *
 * Every try has a connected socket of its own, so the kernel drops what comes from elsewhere, a fresh port, and a fresh random ID
 * (RFC 5452 9.2). What is not the reply is passed over and the try goes on waiting. RFC 7766: TCP when TC is set. Locks, queue and
 * poll(2) are left to dns_stub.c.
 */
#include <errno.h>
#include <poll.h>
#include <sys/random.h>
#include <unistd.h>

#include "mailseal/arena.h"
#include "mailseal/log.h"

#include "dns_int.h"

static void close_try(struct dns_lookup *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

static void end(struct dns_lookup *l)
{
    close_try(l);
    l->phase = DNS_PHASE_DONE;
}

void dns_try_fail(struct dns_lookup *l, const char *reason)
{
    dns_fail(&l->answer, reason);
    end(l);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A socket connected to the server, with a new query written for it behind two bytes of length; over TCP it may still connect. */
static bool open_try(struct dns_lookup *l, int kind, int64_t now)
{
    close_try(l);
    if (getentropy(&l->question.id, sizeof(l->question.id)) != 0)
        BUG("no random numbers from the system");
    size_t n = dns_packet_query(&l->question, l->out + 2);
    l->out[0] = (uint8_t)(n >> 8);
    l->out[1] = (uint8_t)n;
    l->out_n = n + 2;
    l->moved = 0;
    l->began = now;
    l->until = earlier(now + l->try_ms, l->deadline);
    l->fd = socket(l->server.addr.ss_family, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return l->fd >= 0 && (connect(l->fd, (const struct sockaddr *)&l->server.addr, l->server.len) == 0 ||
                          (kind == SOCK_STREAM && errno == EINPROGRESS));
}

static bool open_udp(struct dns_lookup *l, int64_t now)
{
    l->phase = DNS_PHASE_UDP;
    return open_try(l, SOCK_DGRAM, now) && send(l->fd, l->out + 2, l->out_n - 2, MSG_NOSIGNAL) == (ssize_t)(l->out_n - 2);
}

void dns_try_next(struct dns_net *net, struct dns_lookup *l, int64_t now)
{
    struct dns_servers *servers = &net->servers;
    dns_servers_follow(servers, now, net->params.follow_ms);
    while (now < l->deadline && dns_servers_next(servers, &l->asked, now, net->params.down_ms, &l->server)) {
        if (open_udp(l, now))
            return;
        l->reason = "nameserver cannot be reached";
        dns_servers_failed(servers, &l->asked);
    }
    dns_try_fail(l, l->reason != NULL ? l->reason : "time-out");
}

/* The server asked now is no help for this question. */
static void give_up_server(struct dns_net *net, struct dns_lookup *l, const char *reason, int64_t now)
{
    l->reason = reason;
    dns_servers_failed(&net->servers, &l->asked);
    dns_try_next(net, l, now);
}

/* The socket is of no use: nobody listens there, or the way is cut. */
static void give_up_socket(struct dns_net *net, struct dns_lookup *l, int64_t now)
{
    dns_servers_silent(&net->servers, &l->asked, l->began, now + net->params.down_ms);
    give_up_server(net, l, "nameserver cannot be reached", now);
}

/* The server is there, so the try over TCP is a further one: it has twice the time. */
static void open_tcp(struct dns_net *net, struct dns_lookup *l, int64_t now)
{
    l->phase = DNS_PHASE_TCP_SEND;
    l->try_ms *= 2;
    if (!open_try(l, SOCK_STREAM, now))
        give_up_socket(net, l, now);
}

static void take_message(struct dns_net *net, struct dns_lookup *l, uint8_t *p, size_t n, int64_t now)
{
    bool tcp = l->phase != DNS_PHASE_UDP;
    enum dns_reply reply = dns_packet_read(l->arena, &l->question, p, n, &l->answer);
    if (reply == DNS_REPLY_FOREIGN && !tcp)
        return;
    dns_servers_replied(&net->servers, &l->asked, now);
    switch (reply) {
    case DNS_REPLY_TAKEN:
        /* AD is worth what the way to the server is worth (RFC 6840 5.7). */
        l->answer.authentic = l->answer.authentic && (net->trust_ad || l->server.loopback);
        end(l);
        break;
    case DNS_REPLY_NO_EDNS:
        l->question.edns = false;
        if (!open_udp(l, now))
            give_up_socket(net, l, now);
        break;
    case DNS_REPLY_TRUNCATED:
        if (tcp)
            give_up_server(net, l, "malformed reply", now);
        else
            open_tcp(net, l, now);
        break;
    default:
        give_up_server(net, l, reply == DNS_REPLY_NEXT ? l->answer.reason : "malformed reply", now);
    }
}

/* EAGAIN and a signal are no news; anything else is. */
static bool is_broken(ssize_t n)
{
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

static void ready_udp(struct dns_net *net, struct dns_lookup *l, int64_t now)
{
    ssize_t n = recv(l->fd, net->packet, sizeof(net->packet), 0);
    if (n >= 0)
        take_message(net, l, net->packet, (size_t)n, now);
    else if (is_broken(n))
        give_up_socket(net, l, now);
}

static void ready_send(struct dns_net *net, struct dns_lookup *l, int64_t now)
{
    ssize_t n = send(l->fd, l->out + l->moved, l->out_n - l->moved, MSG_NOSIGNAL);
    if (n > 0)
        l->moved += (size_t)n;
    else if (is_broken(n))
        give_up_socket(net, l, now);
    if (l->phase == DNS_PHASE_TCP_SEND && l->moved == l->out_n) {
        l->phase = DNS_PHASE_TCP_HEAD;
        l->moved = 0;
    }
}

/* Reads on into the n bytes at p; true when all are there. */
static bool fill(struct dns_net *net, struct dns_lookup *l, uint8_t *p, size_t n, int64_t now)
{
    ssize_t got = recv(l->fd, p + l->moved, n - l->moved, 0);
    if (is_broken(got)) {
        give_up_server(net, l, "connection closed", now);
        return false;
    }
    if (got > 0)
        l->moved += (size_t)got;
    return l->moved == n;
}

/* RFC 1035 4.2.2: two bytes of length, then the message. */
static void ready_head(struct dns_net *net, struct dns_lookup *l, int64_t now)
{
    if (!fill(net, l, l->head, sizeof(l->head), now))
        return;
    l->phase = DNS_PHASE_TCP_BODY;
    l->moved = 0;
    l->in_n = (size_t)l->head[0] << 8 | l->head[1];
    l->in = arena_alloc(l->arena, l->in_n);
    if (l->in_n == 0)
        give_up_server(net, l, "malformed reply", now);
}

static void ready_body(struct dns_net *net, struct dns_lookup *l, int64_t now)
{
    if (fill(net, l, l->in, l->in_n, now))
        take_message(net, l, l->in, l->in_n, now);
}

short dns_try_events(const struct dns_lookup *l)
{
    return l->phase == DNS_PHASE_TCP_SEND ? POLLOUT : POLLIN;
}

void dns_try_ready(struct dns_net *net, struct dns_lookup *l, int64_t now)
{
    if (l->phase == DNS_PHASE_UDP)
        ready_udp(net, l, now);
    else if (l->phase == DNS_PHASE_TCP_SEND)
        ready_send(net, l, now);
    else if (l->phase == DNS_PHASE_TCP_HEAD)
        ready_head(net, l, now);
    else
        ready_body(net, l, now);
}

void dns_try_late(struct dns_net *net, struct dns_lookup *l, int64_t now)
{
    if (now >= l->began + l->try_ms) /* not when the deadline cut the try */
        dns_servers_silent(&net->servers, &l->asked, l->began, now + net->params.down_ms);
    l->reason = "time-out";
    l->try_ms *= 2;
    dns_try_next(net, l, now);
}
