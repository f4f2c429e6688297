/* ip.c - client addresses and networks. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "mailseal/arena.h"
#include "mailseal/ip.h"
#include "mailseal/log.h"

/* RFC 7208 5: an IPv4-mapped address is the IPv4 address in it. */
static struct ip of_ipv6(const uint8_t b[16])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    struct ip ip = { .family = 6 };
    if (memcmp(b, mapped, sizeof(mapped)) == 0) {
        ip.family = 4;
        memcpy(ip.b, b + 12, 4);
    } else {
        memcpy(ip.b, b, 16);
    }
    return ip;
}

bool ip_parse(struct str s, struct ip *out)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t b[16];
    if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n) != NULL)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    if (inet_pton(AF_INET, text, b) == 1) {
        *out = (struct ip){ .family = 4 };
        memcpy(out->b, b, 4);
        return true;
    }
    if (inet_pton(AF_INET6, text, b) != 1)
        return false;
    *out = of_ipv6(b);
    return true;
}

struct ip ip_of_sockaddr(const struct sockaddr *sa)
{
    struct ip ip = { 0 };
    if (sa != NULL && sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof(in));
        ip.family = 4;
        memcpy(ip.b, &in.sin_addr, 4);
    } else if (sa != NULL && sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof(in6));
        ip = of_ipv6(in6.sin6_addr.s6_addr);
    }
    return ip;
}

struct str ip_text(struct arena *a, struct ip ip)
{
    char text[INET6_ADDRSTRLEN];
    if (ip.family == 0)
        return STR("unknown");
    if (inet_ntop(ip.family == 4 ? AF_INET : AF_INET6, ip.b, text, sizeof(text)) == NULL)
        BUG("address of family %d has no text", ip.family);
    return str_dup(a, str_of(text));
}

struct str ip_reverse_name(struct arena *a, struct ip ip)
{
    static const char hex[] = "0123456789abcdef";
    if (ip.family == 4)
        return str_printf(a, "%u.%u.%u.%u.in-addr.arpa", ip.b[3], ip.b[2], ip.b[1], ip.b[0]);
    char text[80];
    size_t n = 0;
    for (size_t i = 16; i-- > 0;) {
        text[n++] = hex[ip.b[i] & 15];
        text[n++] = '.';
        text[n++] = hex[ip.b[i] >> 4];
        text[n++] = '.';
    }
    return str_printf(a, "%.*sip6.arpa", (int)n, text);
}

bool ip_in(struct ip ip, struct ip net, unsigned bits)
{
    if (ip.family == 0 || ip.family != net.family || bits > (ip.family == 4 ? 32 : 128))
        return false;
    if (memcmp(ip.b, net.b, bits / 8) != 0)
        return false;
    unsigned rest = bits % 8;
    return rest == 0 || ((ip.b[bits / 8] ^ net.b[bits / 8]) >> (8 - rest)) == 0;
}

bool network_parse(struct str s, struct network *out)
{
    struct str addr, bits;
    bool has_bits = str_cut(s, '/', &addr, &bits);
    if (!ip_parse(addr, &out->ip))
        return false;
    unsigned all = out->ip.family == 4 ? 32 : 128;
    uint64_t n = all;
    if (has_bits && (bits.n > 3 || !str_to_uint(bits, 128, &n)))
        return false;
    /* A mapped network, ::ffff:192.0.2.0/120, counts its bits from the IPv6 end. */
    if (out->ip.family == 4 && memchr(addr.p, ':', addr.n) != NULL) {
        if (!has_bits)
            n = 128;
        if (n < 96)
            return false;
        n -= 96;
    }
    if (n > all)
        return false;
    out->bits = (unsigned)n;
    return true;
}

bool network_list_has(const struct network *v, size_t n, struct ip ip)
{
    for (size_t i = 0; i < n; i++)
        if (ip_in(ip, v[i].ip, v[i].bits))
            return true;
    return false;
}
