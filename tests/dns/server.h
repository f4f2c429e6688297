/*
 * server.h - a DNS server inside the test process: a thread on loopback, UDP and TCP on one port of the system's choice.
 *
 * What it answers is the script's: a table of first labels and functions. It counts what it sees and can be told to keep silent.
 */
#ifndef TESTS_DNS_SERVER_H
#define TESTS_DNS_SERVER_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/dns/wire.h"

#define SERVER_CONNECTIONS 16
#define SERVER_HELD        1024

struct server;

/* One query and what came of it. */
struct query {
    struct server *server;
    const uint8_t *p;
    size_t n;
    char name[256];
    unsigned id, type;
    bool tcp, edns;
    struct sockaddr_in from; /* of UDP */
    int fd;                  /* to write to */
};

struct line {
    const char *label;
    void (*answer)(struct query *q, struct wire *w);
};

struct held {
    uint8_t p[300];
    size_t n;
    struct sockaddr_in from;
};

struct server {
    const struct line *script;
    struct sockaddr_in addr;
    int udp, tcp, stop[2], conn[SERVER_CONNECTIONS];
    bool dripping[SERVER_CONNECTIONS];
    pthread_t thread;
    atomic_uint udp_seen, tcp_seen, held;
    atomic_bool silent, release;
    struct held *hold; /* what hold() keeps; ids and ports of all tries */
    struct wire w;
};

static inline void server_send(const struct query *q, const struct wire *w)
{
    const uint8_t length[2] = { (uint8_t)(w->n >> 8), (uint8_t)w->n };
    if (!q->tcp) {
        sendto(q->fd, w->p, w->n, 0, (const struct sockaddr *)&q->from, sizeof(q->from));
        return;
    }
    ssize_t sent = send(q->fd, length, 2, MSG_NOSIGNAL);
    for (size_t i = 0; sent > 0 && i < w->n; i += (size_t)sent)
        sent = send(q->fd, w->p + i, w->n - i, MSG_NOSIGNAL);
}

/* The header and question of the reply. */
static inline void server_begin(const struct query *q, struct wire *w, unsigned flags)
{
    wire_begin(w, q->id, WIRE_QR | WIRE_RD | WIRE_RA | flags, q->name, q->type);
}

/* Keeps the query until server_release(): the answer then is server_begin() with a TXT of "late". */
static inline void server_hold(struct query *q, struct wire *w)
{
    struct held *h = &q->server->hold[atomic_load(&q->server->held) % SERVER_HELD];
    (void)w;
    h->n = q->n < sizeof(h->p) ? q->n : sizeof(h->p);
    memcpy(h->p, q->p, h->n);
    h->from = q->from;
    atomic_fetch_add(&q->server->held, 1);
}

static inline bool server_parse(struct query *q)
{
    size_t at = 12, n = 0;
    if (q->n < 17)
        return false;
    while (at < q->n && q->p[at] != 0 && at + q->p[at] < q->n) {
        if (n > 0)
            q->name[n++] = '.';
        memcpy(q->name + n, q->p + at + 1, q->p[at]);
        n += q->p[at];
        at += q->p[at] + 1u;
    }
    q->name[n] = '\0';
    q->id = wire_get16(q->p);
    q->type = wire_get16(q->p + at + 1);
    q->edns = wire_get16(q->p + 10) == 1;
    return true;
}

static inline void server_answer(struct query *q)
{
    struct server *s = q->server;
    size_t n;
    atomic_fetch_add(q->tcp ? &s->tcp_seen : &s->udp_seen, 1);
    if (!server_parse(q) || atomic_load(&s->silent))
        return;
    n = strcspn(q->name, ".");
    for (const struct line *l = s->script; l->label != NULL; l++)
        if (strlen(l->label) == n && strncmp(l->label, q->name, n) == 0) {
            l->answer(q, &s->w);
            return;
        }
}

static inline void server_udp(struct server *s)
{
    uint8_t p[1500];
    struct query q = { .server = s, .p = p, .fd = s->udp };
    socklen_t len = sizeof(q.from);
    ssize_t n = recvfrom(s->udp, p, sizeof(p), 0, (struct sockaddr *)&q.from, &len);
    if (n > 0) {
        q.n = (size_t)n;
        server_answer(&q);
    }
}

/* A query of ours comes in one segment on loopback. The end of the stream closes ours. */
static inline void server_tcp(struct server *s, int *fd)
{
    uint8_t p[1500];
    ssize_t n = recv(*fd, p, sizeof(p), 0);
    struct query q = { .server = s, .p = p + 2, .n = (size_t)n - 2, .fd = *fd, .tcp = true };
    if (n > 2) {
        server_answer(&q);
    } else {
        close(*fd);
        *fd = -1;
    }
}

static inline void server_accept(struct server *s)
{
    int fd = accept(s->tcp, NULL, NULL);
    for (size_t i = 0; fd >= 0 && i < SERVER_CONNECTIONS; i++)
        if (s->conn[i] < 0) {
            s->conn[i] = fd;
            s->dripping[i] = false;
            return;
        }
    if (fd >= 0)
        close(fd);
}

static inline void server_let_go(struct server *s)
{
    unsigned n = atomic_load(&s->held);
    for (unsigned i = 0; i < n && i < SERVER_HELD; i++) {
        struct query q = { .server = s, .p = s->hold[i].p, .n = s->hold[i].n, .from = s->hold[i].from, .fd = s->udp };
        server_parse(&q);
        server_begin(&q, &s->w, 0);
        wire_text(&s->w, NULL, 300, "late");
        server_send(&q, &s->w);
    }
    atomic_store(&s->release, false);
}

/* Marks the query's connection: from now on it gets a byte every few milliseconds. */
static inline void server_drip(struct query *q, struct wire *w)
{
    (void)w;
    for (size_t i = 0; i < SERVER_CONNECTIONS; i++)
        if (q->tcp && q->server->conn[i] == q->fd)
            q->server->dripping[i] = true;
}

static inline void *server_run(void *p)
{
    struct server *s = p;
    for (;;) {
        struct pollfd fds[3 + SERVER_CONNECTIONS] = { { s->stop[0], POLLIN, 0 }, { s->udp, POLLIN, 0 }, { s->tcp, POLLIN, 0 } };
        for (size_t i = 0; i < SERVER_CONNECTIONS; i++)
            fds[3 + i] = (struct pollfd){ s->conn[i], POLLIN, 0 };
        poll(fds, 3 + SERVER_CONNECTIONS, 10);
        if (fds[0].revents != 0)
            return NULL;
        if (atomic_load(&s->release))
            server_let_go(s);
        if (fds[1].revents != 0)
            server_udp(s);
        if (fds[2].revents != 0)
            server_accept(s);
        for (size_t i = 0; i < SERVER_CONNECTIONS; i++) {
            if (s->conn[i] >= 0 && fds[3 + i].fd == s->conn[i] && fds[3 + i].revents != 0)
                server_tcp(s, &s->conn[i]);
            if (s->conn[i] >= 0 && s->dripping[i])
                send(s->conn[i], "\1", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        }
    }
}

/* Binds both sockets to one port: the one of addr, or when it is 0 any that is free for both. */
static inline bool server_bind(struct server *s, bool tcp)
{
    socklen_t len = sizeof(s->addr);
    s->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    s->tcp = tcp ? socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    setsockopt(s->udp, SOL_SOCKET, SO_RCVBUF, &(int){ 4 << 20 }, sizeof(int));
    if (tcp)
        setsockopt(s->tcp, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    bool bound = bind(s->udp, (struct sockaddr *)&s->addr, sizeof(s->addr)) == 0 &&
                 getsockname(s->udp, (struct sockaddr *)&s->addr, &len) == 0 &&
                 (!tcp || (bind(s->tcp, (struct sockaddr *)&s->addr, sizeof(s->addr)) == 0 && listen(s->tcp, 16) == 0));
    if (!bound) {
        close(s->udp);
        if (tcp)
            close(s->tcp);
    }
    return bound;
}

/* addr is "127.0.0.1" or another address of the loopback network. */
static inline struct server *server_new(const char *addr, unsigned port, const struct line *script, bool tcp)
{
    struct server *s = calloc(1, sizeof(*s));
    s->hold = calloc(SERVER_HELD, sizeof(*s->hold));
    s->script = script;
    for (size_t i = 0; i < SERVER_CONNECTIONS; i++)
        s->conn[i] = -1;
    bool bound = false;
    for (int i = 0; i < 100 && !bound; i++) {
        s->addr = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
        inet_pton(AF_INET, addr, &s->addr.sin_addr);
        bound = server_bind(s, tcp);
    }
    if (!bound || pipe(s->stop) != 0 || pthread_create(&s->thread, NULL, server_run, s) != 0)
        fail_msg("no DNS server on %s", addr);
    return s;
}

static inline void server_free(struct server *s)
{
    if (write(s->stop[1], "", 1) != 1)
        fail_msg("cannot stop the DNS server");
    pthread_join(s->thread, NULL);
    const int fds[] = { s->udp, s->tcp, s->stop[0], s->stop[1] };
    for (size_t i = 0; i < ROWS(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    for (size_t i = 0; i < SERVER_CONNECTIONS; i++)
        if (s->conn[i] >= 0)
            close(s->conn[i]);
    free(s->hold);
    free(s);
}

static inline unsigned server_port(const struct server *s)
{
    return ntohs(s->addr.sin_port);
}

static inline void server_release(struct server *s)
{
    atomic_store(&s->release, true);
    while (atomic_load(&s->release))
        poll(NULL, 0, 1);
}

#endif
