/*
 * wire.c - packets of the milter protocol, version 6: four bytes of length, a command byte, data.
 *
 * Knows nothing of libmilter, so that the daemon is tested against the protocol and not against the library's idea of it.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire.h"

bool wire_open(struct wire *w, const char *path)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    struct timeval wait = { .tv_sec = WIRE_WAIT_S };
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
    wire_close(w);
    w->steps = 0;
    w->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(w->fd, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
        wire_close(w);
        return false;
    }
    return setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0 &&
           setsockopt(w->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0;
}

void wire_close(struct wire *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

void wire_raw(struct wire *w, const void *p, size_t n)
{
    const char *at = p;
    while (n > 0) {
        ssize_t done = send(w->fd, at, n, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return;
        at += done;
        n -= (size_t)done;
    }
}

void wire_send(struct wire *w, char command, const void *p, size_t n)
{
    uint32_t length = htonl((uint32_t)n + 1);
    char *packet = malloc(n + 5);
    if (packet == NULL)
        abort();
    memcpy(packet, &length, 4);
    packet[4] = command;
    if (n > 0)
        memcpy(packet + 5, p, n);
    wire_raw(w, packet, n + 5);
    free(packet);
}

static bool receive(struct wire *w, void *p, size_t n)
{
    char *at = p;
    while (n > 0) {
        ssize_t got = recv(w->fd, at, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            fputs(got == 0 || errno == ECONNRESET ? "< closed\n" : "< nothing\n", w->out);
            return false;
        }
        at += got;
        n -= (size_t)got;
    }
    return true;
}

/* NUL becomes " | ", other control and 8-bit bytes C escapes. */
static void print_text(FILE *out, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c == '\0')
            fputs(i + 1 < n ? " | " : "", out);
        else if (c == '\n' || c == '\r' || c == '\t')
            fprintf(out, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (c < 0x20 || c > 0x7e)
            fprintf(out, "\\x%02x", c);
        else
            fputc(c, out);
    }
    fputc('\n', out);
}

static uint32_t number_at(const char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return ntohl(v);
}

static void print_negotiation(struct wire *w, const char *p, size_t n)
{
    static const char *const stages[] = { "connect", "helo", "mail", "rcpt", "data", "eom", "eoh" };
    if (n < 12) {
        fputs("< short negotiation\n", w->out);
        return;
    }
    w->steps = number_at(p + 8);
    fprintf(w->out, "< version %u actions 0x%x steps 0x%x\n", number_at(p), number_at(p + 4), w->steps);
    for (size_t at = 12; at + 5 <= n;) {
        uint32_t stage = number_at(p + at);
        size_t len = strnlen(p + at + 4, n - at - 4);
        fprintf(w->out, "< macros for %s: %.*s\n", stage < 7 ? stages[stage] : "?", (int)len, p + at + 4);
        at += 4 + len + 1;
    }
}

/* True when the reply ends its command. */
static bool print_reply(struct wire *w, char command, const char *p, size_t n)
{
    static const struct {
        char command;
        bool last;
        const char *name;
    } replies[] = {
        { 'a', true, "accept" },      { 'c', true, "continue" },   { 'd', true, "discard" }, { 'r', true, "reject" },
        { 's', true, "skip" },        { 't', true, "tempfail" },   { 'y', true, "reply" },   { 'p', false, "progress" },
        { 'q', false, "quarantine" }, { 'h', false, "addheader" },
    };
    if (command == 'O') {
        print_negotiation(w, p, n);
        return true;
    }
    if ((command == 'i' || command == 'm') && n >= 4) {
        fprintf(w->out, "< %s %u ", command == 'i' ? "insert" : "change", number_at(p));
        print_text(w->out, p + 4, n - 4);
        return false;
    }
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        if (replies[i].command != command)
            continue;
        fprintf(w->out, "< %s%s", replies[i].name, n > 0 ? " " : "");
        print_text(w->out, p, n);
        return replies[i].last;
    }
    fprintf(w->out, "< unexpected reply 0x%02x\n", (unsigned)(unsigned char)command);
    return true;
}

/* How often the daemon asks for patience depends on the machine: it is shown once. */
void wire_reply(struct wire *w)
{
    bool waiting = false;
    for (bool last = false; !last;) {
        char head[5];
        if (!receive(w, head, sizeof(head)))
            return;
        size_t n = number_at(head) - 1;
        if (n > WIRE_PACKET) {
            fprintf(w->out, "< reply of %zu bytes\n", n);
            return;
        }
        char *data = malloc(n + 1);
        if (data == NULL)
            abort();
        bool complete = receive(w, data, n);
        if (complete && !(waiting && head[4] == 'p'))
            last = print_reply(w, head[4], data, n);
        waiting = waiting || head[4] == 'p';
        last = last || !complete;
        free(data);
    }
}

void wire_reply_to(struct wire *w, char command)
{
    static const struct {
        char command;
        uint32_t waived;
    } waivers[] = { { 'C', 0x1000 },  { 'H', 0x2000 }, { 'M', 0x4000 },  { 'R', 0x8000 }, { 'T', 0x10000 },
                    { 'U', 0x20000 }, { 'L', 0x80 },   { 'N', 0x40000 }, { 'B', 0x80000 } };
    for (size_t i = 0; i < sizeof(waivers) / sizeof(waivers[0]); i++)
        if (waivers[i].command == command && (w->steps & waivers[i].waived) != 0)
            return;
    wire_reply(w);
}

void wire_negotiate(struct wire *w, uint32_t version, uint32_t actions, uint32_t steps)
{
    uint32_t v[3] = { htonl(version != 0 ? version : 6), htonl(actions != 0 ? actions : 0x1ff),
                      htonl(steps != 0 ? steps : 0x1fffff) };
    wire_send(w, 'O', v, sizeof(v));
    wire_reply(w);
}
