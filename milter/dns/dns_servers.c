/*
 * dns_servers.c - which nameserver to ask.
 *
 * Addresses as the caller or resolv.conf(5) gives them; of that file only the nameserver lines count, for names are never completed
 * by a search list here. A server that does not answer is asked last for a while; then one lookup, not all of them, tries it again.
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "mailseal/arena.h"
#include "mailseal/log.h"

#include "dns_int.h"

#define RESOLV_CONF_LINES 1000 /* lines read of the file */

static bool is_loopback(const struct sockaddr_storage *addr)
{
    if (addr->ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)addr)->sin_addr.s_addr) >> 24 == 127;
    return addr->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr);
}

/* "addr", "addr:port" or "[addr]:port": an IPv6 address with a port needs the brackets. */
static bool split(struct str text, struct str *host, struct str *port)
{
    *port = STR_NONE;
    *host = text;
    if (text.n > 0 && text.p[0] == '[') {
        if (!str_cut(str_skip(text, 1), ']', host, port))
            return false;
        if (port->n == 0)
            return true;
        bool colon = port->p[0] == ':' && port->n > 1;
        *port = str_skip(*port, 1);
        return colon;
    }
    struct str before, after;
    if (str_cut(text, ':', &before, &after) && memchr(after.p, ':', after.n) == NULL) {
        *host = before;
        *port = after;
        return after.n > 0;
    }
    return true;
}

static bool server_parse(struct str text, uint16_t port, struct dns_server *out)
{
    char host[64], service[8];
    struct str h, p;
    uint64_t number = port;
    struct addrinfo *found, hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_DGRAM };
    if (!split(text, &h, &p) || h.n == 0 || h.n >= sizeof(host) || (p.n > 0 && !str_to_uint(p, UINT16_MAX, &number)))
        return false;
    snprintf(host, sizeof(host), "%.*s", STR_FMT(h));
    snprintf(service, sizeof(service), "%u", (unsigned)number);
    /* getaddrinfo() for its zones ("fe80::1%eth0"); it resolves no names with these flags. */
    if (number == 0 || getaddrinfo(host, service, &hints, &found) != 0)
        return false;
    *out = (struct dns_server){ .len = found->ai_addrlen };
    memcpy(&out->addr, found->ai_addr, found->ai_addrlen);
    out->loopback = is_loopback(&out->addr);
    freeaddrinfo(found);
    return true;
}

bool dns_servers_set(struct dns_servers *s, const struct str *text, size_t n)
{
    if (n > LIMIT_DNS_NAMESERVERS)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!server_parse(text[i], s->port, &s->v[i]))
            return false;
    s->n = n;
    s->generation++;
    return true;
}

/* resolv.conf(5): without a nameserver line the name server on this machine is asked. */
static void read_file(struct dns_servers *s, FILE *f)
{
    char line[256];
    struct str word, rest;
    s->n = 0;
    for (int i = 0; i < RESOLV_CONF_LINES && s->n < LIMIT_DNS_NAMESERVERS && fgets(line, sizeof(line), f) != NULL; i++) {
        for (char *c = line; *c != '\0'; c++)
            *c = char_is_space(*c) ? ' ' : *c;
        if (!str_cut(str_of(line), ' ', &word, &rest) || !str_eq(word, STR("nameserver")))
            continue;
        str_cut(str_trim(rest), ' ', &word, &rest);
        if (server_parse(word, s->port, &s->v[s->n]))
            s->n++;
    }
    if (s->n == 0 && server_parse(STR("127.0.0.1"), s->port, &s->v[0]))
        s->n = 1;
    s->generation++;
}

void dns_servers_follow(struct dns_servers *s, int64_t now, int64_t every)
{
    struct stat st;
    if (s->path == NULL || (s->n > 0 && now < s->checked + every))
        return;
    s->checked = now;
    FILE *f = fopen(s->path, "re");
    if (f == NULL || fstat(fileno(f), &st) != 0) {
        /* A file that is gone for the moment changes nothing, but at the start there must be someone to ask. */
        if (s->n == 0 && server_parse(STR("127.0.0.1"), s->port, &s->v[0]))
            s->n = 1;
    } else if (s->n == 0 || st.st_mtim.tv_sec != s->stamp.changed.tv_sec || st.st_mtim.tv_nsec != s->stamp.changed.tv_nsec ||
               st.st_ino != s->stamp.inode || st.st_size != s->stamp.size) {
        s->stamp = (struct stamp){ st.st_mtim, st.st_ino, st.st_size };
        read_file(s, f);
    }
    if (f != NULL)
        fclose(f);
}

static struct str server_text(struct arena *a, const struct dns_server *s)
{
    char host[64], service[8];
    if (getnameinfo((const struct sockaddr *)(const void *)&s->addr, s->len, host, sizeof(host), service, sizeof(service),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        BUG("an address of ours has no text");
    return str_printf(a, s->addr.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, service);
}

size_t dns_servers_text(struct dns_servers *s, struct arena *a, struct str *out)
{
    for (size_t i = 0; i < s->n; i++)
        out[i] = server_text(a, &s->v[i]);
    return s->n;
}

/* An index, or n when there is none. */
static size_t pick(const struct dns_servers *s, unsigned without, bool up, int64_t now)
{
    size_t i = 0;
    while (i < s->n && ((without & 1u << i) || (up && now < s->v[i].down_until)))
        i++;
    return i;
}

bool dns_servers_next(struct dns_servers *s, struct dns_asked *asked, int64_t now, int64_t down_ms, struct dns_server *out)
{
    if (asked->generation != s->generation)
        *asked = (struct dns_asked){ .generation = s->generation };
    size_t i = pick(s, asked->asked | asked->failed, true, now);
    if (i == s->n)
        i = pick(s, asked->asked | asked->failed, false, now);
    if (i == s->n) { /* all were asked: those that only kept silent once more */
        asked->asked = 0;
        i = pick(s, asked->failed, false, now);
    }
    if (i == s->n)
        return false;
    asked->asked |= 1u << i;
    asked->now = (unsigned)i;
    /* The first lookup after its time tries it; the others go on as before until it answers. */
    if (s->v[i].down_until != 0 && now >= s->v[i].down_until)
        s->v[i].down_until = now + down_ms;
    *out = s->v[i];
    return true;
}

void dns_servers_replied(struct dns_servers *s, const struct dns_asked *asked, int64_t now)
{
    if (asked->generation != s->generation)
        return;
    s->v[asked->now].replied = now;
    s->v[asked->now].down_until = 0;
}

void dns_servers_failed(struct dns_servers *s, struct dns_asked *asked)
{
    if (asked->generation == s->generation)
        asked->failed |= 1u << asked->now;
}

/* A server that answers others meanwhile is not down: it is the question that is slow. */
void dns_servers_silent(struct dns_servers *s, const struct dns_asked *asked, int64_t began, int64_t until)
{
    if (asked->generation == s->generation && s->v[asked->now].replied < began)
        s->v[asked->now].down_until = until;
}
