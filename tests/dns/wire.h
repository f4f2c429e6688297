/*
 * wire.h - DNS messages written byte by byte, without ldns, so that they can lie.
 *
 * A message is begun with the bytes of a query, or with a question of its own; records follow, section by section.
 */
#ifndef TESTS_DNS_WIRE_H
#define TESTS_DNS_WIRE_H

#include "tests/support/support.h"

#define WIRE_MAX 65535

enum wire_section { WIRE_ANSWER = 6, WIRE_AUTHORITY = 8, WIRE_ADDITIONAL = 10 }; /* where the header counts it */
enum wire_flags { WIRE_QR = 0x8000, WIRE_AA = 0x0400, WIRE_TC = 0x0200, WIRE_RD = 0x0100, WIRE_RA = 0x0080, WIRE_AD = 0x0020 };

struct wire {
    uint8_t p[WIRE_MAX];
    size_t n;
};

static inline void wire_bytes(struct wire *w, const void *p, size_t n)
{
    if (n > WIRE_MAX - w->n)
        fail_msg("a message of more than %d bytes", WIRE_MAX);
    memcpy(w->p + w->n, p, n);
    w->n += n;
}

static inline void wire_u8(struct wire *w, unsigned v)
{
    wire_bytes(w, &(uint8_t){ (uint8_t)v }, 1);
}

static inline void wire_u16(struct wire *w, unsigned v)
{
    wire_u8(w, v >> 8);
    wire_u8(w, v & 0xff);
}

static inline void wire_set16(struct wire *w, size_t at, unsigned v)
{
    w->p[at] = (uint8_t)(v >> 8);
    w->p[at + 1] = (uint8_t)v;
}

static inline unsigned wire_get16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

/* "a.b" as labels; "" is the root. */
static inline void wire_name(struct wire *w, const char *name)
{
    while (*name != '\0') {
        size_t n = strcspn(name, ".");
        wire_u8(w, (unsigned)n);
        wire_bytes(w, name, n);
        name += n + (name[n] == '.');
    }
    wire_u8(w, 0);
}

static inline void wire_begin(struct wire *w, unsigned id, unsigned flags, const char *name, unsigned type)
{
    w->n = 0;
    wire_u16(w, id);
    wire_u16(w, flags);
    wire_u16(w, 1);
    for (int i = 0; i < 3; i++)
        wire_u16(w, 0);
    wire_name(w, name);
    wire_u16(w, type);
    wire_u16(w, 1);
}

/* A record up to its data; wire_end() of the place it returns writes the length. NULL names the question, by a pointer. */
static inline size_t wire_record(struct wire *w, enum wire_section section, const char *owner, unsigned type, uint32_t ttl)
{
    wire_set16(w, section, wire_get16(w->p + section) + 1);
    if (owner == NULL)
        wire_u16(w, 0xc00c);
    else
        wire_name(w, owner);
    wire_u16(w, type);
    wire_u16(w, 1);
    wire_u16(w, ttl >> 16);
    wire_u16(w, ttl & 0xffff);
    wire_u16(w, 0);
    return w->n;
}

static inline void wire_end(struct wire *w, size_t data)
{
    wire_set16(w, data - 2, (unsigned)(w->n - data));
}

static inline void wire_data(struct wire *w, const char *owner, unsigned type, uint32_t ttl, const void *p, size_t n)
{
    size_t data = wire_record(w, WIRE_ANSWER, owner, type, ttl);
    wire_bytes(w, p, n);
    wire_end(w, data);
}

/* A TXT of one string. */
static inline void wire_text(struct wire *w, const char *owner, uint32_t ttl, const char *text)
{
    size_t data = wire_record(w, WIRE_ANSWER, owner, 16, ttl);
    wire_u8(w, (unsigned)strlen(text));
    wire_bytes(w, text, strlen(text));
    wire_end(w, data);
}

/* CNAME, PTR, NS. */
static inline void wire_host(struct wire *w, const char *owner, unsigned type, uint32_t ttl, const char *host)
{
    size_t data = wire_record(w, WIRE_ANSWER, owner, type, ttl);
    wire_name(w, host);
    wire_end(w, data);
}

static inline void wire_mx(struct wire *w, unsigned preference, const char *host)
{
    size_t data = wire_record(w, WIRE_ANSWER, NULL, 15, 300);
    wire_u16(w, preference);
    wire_name(w, host);
    wire_end(w, data);
}

static inline void wire_soa(struct wire *w, uint32_t ttl, uint32_t minimum)
{
    size_t data = wire_record(w, WIRE_AUTHORITY, "example", 6, ttl);
    wire_name(w, "ns.example");
    wire_name(w, "hostmaster.example");
    for (int i = 0; i < 4; i++)
        wire_bytes(w, "\0\0\0\1", 4);
    wire_u16(w, minimum >> 16);
    wire_u16(w, minimum & 0xffff);
    wire_end(w, data);
}

#endif
