/*
 * server.h - a socketmap server inside the test process: a thread at a unix socket or on loopback.
 *
 * What it answers is the script's: keys and the bytes to send. It counts connections and requests, and notes each request.
 */
#ifndef TESTS_TABLE_SERVER_H
#define TESTS_TABLE_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../support/files.h"

#define SERVER_CONNECTIONS 32
#define SERVER_LOG         4096

enum how {
    WHOLE,      /* at once */
    DRIP,       /* byte by byte */
    THEN_CLOSE, /* and then the connection is closed */
    JUST_CLOSE, /* nothing, the connection is closed */
    ONCE_MORE,  /* the same on a fresh connection; on one used before, it is closed */
    NEVER,      /* nothing */
    LATE        /* with the next answer to another key */
};

struct line {
    const char *key, *reply; /* the key "*" is any */
    enum how how;
};

struct server {
    const struct line *script; /* ends with a key of NULL */
    char path[100];
    unsigned port;
    int fd, stop[2], late;
    struct {
        int fd;
        unsigned requests;
        char in[2048];
        size_t n;
    } conn[SERVER_CONNECTIONS];
    pthread_t thread;
    atomic_uint connections, requests;
    char log[SERVER_LOG]; /* "KEY|KEY|": read it when the server is idle */
};

static inline void server_send(int fd, const char *reply, enum how how)
{
    size_t n = strlen(reply), step = how == DRIP ? 1 : n;
    for (size_t i = 0; i < n; i += step)
        if (send(fd, reply + i, step, MSG_NOSIGNAL) < 0)
            return;
}

static inline void server_close(struct server *s, size_t i)
{
    close(s->conn[i].fd);
    s->conn[i].fd = -1;
}

/* NAME KEY in a netstring; anything else ends the test. */
static inline void server_answer(struct server *s, size_t i)
{
    char key[1200];
    unsigned length;
    int at = 0;
    const struct line *l = s->script;
    s->conn[i].in[s->conn[i].n] = '\0';
    if (sscanf(s->conn[i].in, "%u:%n", &length, &at) != 1 || s->conn[i].n < (size_t)at + length + 1)
        return;
    if (s->conn[i].n != (size_t)at + length + 1 || s->conn[i].in[s->conn[i].n - 1] != ',' ||
        strncmp(s->conn[i].in + at, "list ", 5) != 0)
        abort();
    snprintf(key, sizeof key, "%.*s", (int)length - 5, s->conn[i].in + at + 5);
    s->conn[i].n = 0;
    if (strlen(s->log) + strlen(key) + 2 < sizeof s->log)
        strcat(strcat(s->log, key), "|");
    atomic_fetch_add(&s->requests, 1);
    while (l->key != NULL && strcmp(l->key, "*") != 0 && strcmp(l->key, key) != 0)
        l++;
    const char *reply = l->key != NULL ? l->reply : "9:NOTFOUND ,";
    bool used = s->conn[i].requests++ > 0, closes = l->key != NULL && (l->how == JUST_CLOSE || (l->how == ONCE_MORE && used));
    if (l->key != NULL && l->how == LATE)
        s->late = s->conn[i].fd;
    else if (!closes && (l->key == NULL || l->how != NEVER))
        server_send(s->conn[i].fd, reply, l->key != NULL ? l->how : WHOLE);
    if (closes || (l->key != NULL && l->how == THEN_CLOSE))
        server_close(s, i);
    if (s->late >= 0 && (l->key == NULL || l->how != LATE)) {
        server_send(s->late, "7:OK late,", WHOLE);
        s->late = -1;
    }
}

static inline void server_accept(struct server *s)
{
    int fd = accept(s->fd, NULL, NULL);
    atomic_fetch_add(&s->connections, 1);
    for (size_t i = 0; i < SERVER_CONNECTIONS; i++)
        if (s->conn[i].fd < 0) {
            s->conn[i].fd = fd;
            s->conn[i].n = s->conn[i].requests = 0;
            return;
        }
    abort();
}

static inline void *server_run(void *arg)
{
    struct server *s = arg;
    for (;;) {
        struct pollfd p[SERVER_CONNECTIONS + 2] = { { .fd = s->stop[0], .events = POLLIN }, { .fd = s->fd, .events = POLLIN } };
        for (size_t i = 0; i < SERVER_CONNECTIONS; i++)
            p[i + 2] = (struct pollfd){ .fd = s->conn[i].fd, .events = POLLIN };
        poll(p, SERVER_CONNECTIONS + 2, -1);
        if (p[0].revents != 0)
            return NULL;
        for (size_t i = 0; i < SERVER_CONNECTIONS; i++) {
            if (p[i + 2].revents == 0)
                continue;
            ssize_t n = recv(s->conn[i].fd, s->conn[i].in + s->conn[i].n, sizeof s->conn[i].in - 1 - s->conn[i].n, 0);
            s->conn[i].n += n > 0 ? (size_t)n : 0;
            if (n > 0)
                server_answer(s, i);
            else
                server_close(s, i);
        }
        if (p[1].revents != 0)
            server_accept(s);
    }
}

/* A unix socket at dir/sock, or a port of loopback when dir is NULL. */
static inline void server_start(struct server *s, const char *dir, const struct line *script)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof in;
    memset(s, 0, sizeof *s);
    s->script = script;
    s->late = -1;
    for (size_t i = 0; i < SERVER_CONNECTIONS; i++)
        s->conn[i].fd = -1;
    snprintf(un.sun_path, sizeof un.sun_path, "%s/sock", dir != NULL ? dir : "");
    snprintf(s->path, sizeof s->path, "%s", un.sun_path);
    s->fd = socket(dir != NULL ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
    unlink(dir != NULL ? s->path : "");
    const struct sockaddr *sa = dir != NULL ? (const struct sockaddr *)&un : (const struct sockaddr *)&in;
    assert_int_equal(bind(s->fd, sa, dir != NULL ? sizeof un : sizeof in), 0);
    assert_int_equal(listen(s->fd, SERVER_CONNECTIONS), 0);
    if (dir == NULL)
        assert_int_equal(getsockname(s->fd, (struct sockaddr *)&in, &n), 0);
    s->port = ntohs(in.sin_port);
    assert_int_equal(pipe(s->stop), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, server_run, s), 0);
}

static inline void server_stop(struct server *s)
{
    assert_int_equal(write(s->stop[1], "x", 1), 1);
    pthread_join(s->thread, NULL);
    for (size_t i = 0; i < SERVER_CONNECTIONS; i++)
        if (s->conn[i].fd >= 0)
            close(s->conn[i].fd);
    close(s->fd);
    close(s->stop[0]);
    close(s->stop[1]);
}

#endif
