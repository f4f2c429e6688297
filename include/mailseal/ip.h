/* ip.h - client addresses and networks. An IPv4-mapped IPv6 address is an IPv4 address (RFC 7208 5). */
#ifndef MAILSEAL_IP_H
#define MAILSEAL_IP_H

#include "mailseal/str.h"

struct sockaddr;

struct ip {
    int family;    /* 4, 6, or 0: not known */
    uint8_t b[16]; /* 4 or 16 bytes, network order */
};

struct network {
    struct ip ip;
    unsigned bits;
};

/* Dotted quad or RFC 4291 text, without zone; false on anything else. */
bool ip_parse(struct str s, struct ip *out) __attribute__((warn_unused_result));
/* Any socket address; other families give family 0. */
struct ip ip_of_sockaddr(const struct sockaddr *sa);
struct str ip_text(struct arena *a, struct ip ip);
/* 4.3.2.1.in-addr.arpa, or the nibbles under ip6.arpa. */
struct str ip_reverse_name(struct arena *a, struct ip ip);
/* True when the first bits of both are equal and the families are. */
bool ip_in(struct ip ip, struct ip net, unsigned bits);

/* "192.0.2.0/24", "2001:db8::/32" or one address. False on anything else. */
bool network_parse(struct str s, struct network *out) __attribute__((warn_unused_result));
bool network_list_has(const struct network *v, size_t n, struct ip ip);

#endif
