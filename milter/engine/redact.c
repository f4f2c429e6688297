/*
 * redact.c - an explanation without the client's address and the sender's local part.
 *
 * In place of the address stands its network, of 24 or 64 bits. DNS questions that hold either, as those of SPF macros (RFC 7208 7)
 * and PTR do, are left out.
 */
#include <string.h>

#include "mailseal/buf.h"

#include "engine_int.h"

/* RFC 7208 7.3: the address as labels, octets or nibbles; and in reverse. */
static struct str address_labels(struct arena *a, struct ip ip, bool reverse)
{
    struct buf b;
    size_t n = ip.family == 4 ? 4 : 32;
    buf_init(&b, a, 128);
    for (size_t k = 0; k < n; k++) {
        size_t i = reverse ? n - 1 - k : k;
        if (k > 0)
            buf_char(&b, '.');
        if (ip.family == 4)
            buf_printf(&b, "%u", ip.b[i]);
        else
            buf_printf(&b, "%x", i % 2 == 0 ? ip.b[i / 2] >> 4 : ip.b[i / 2] & 0x0f);
    }
    return buf_view(&b);
}

void redaction_of(struct redaction *r, struct arena *a, struct ip client, struct str local)
{
    *r = (struct redaction){ .local = str_lower(a, local) };
    r->family = client.family;
    if (client.family == 0)
        return;
    struct ip network = client;
    memset(network.b + (client.family == 4 ? 3 : 8), 0, client.family == 4 ? 1 : 8);
    r->client = ip_text(a, client);
    r->network = ip_text(a, network);
    r->labels[0] = address_labels(a, client, false);
    r->labels[1] = address_labels(a, client, true);
    r->labels[2] = r->client;
}

static const char *find(struct str in, struct str what)
{
    return what.n > 0 ? memmem(in.p, in.n, what.p, what.n) : NULL;
}

static bool digit_at(struct str s, size_t i)
{
    return i < s.n && char_is_digit(s.p[i]);
}

/* Is what stands at `at` part of a longer address? Too often "no" does less harm than too often "yes". */
static bool is_inside(const struct redaction *r, struct str text, size_t at)
{
    size_t after = at + r->client.n;
    if (r->family == 6)
        return (at > 0 && char_is_alnum(text.p[at - 1])) ||
               (after < text.n && (char_is_alnum(text.p[after]) || text.p[after] == ':'));
    bool before = digit_at(text, at - 1) || (at > 1 && text.p[at - 1] == '.' && digit_at(text, at - 2));
    return before || digit_at(text, after) || (after < text.n && text.p[after] == '.' && digit_at(text, after + 1));
}

struct str redact_text(const struct redaction *r, struct arena *a, struct str text)
{
    struct buf b;
    buf_init(&b, a, 2 * text.n); /* no network is longer than one of its addresses */
    for (const char *p; (p = find(text, r->client)) != NULL;) {
        size_t before = (size_t)(p - text.p);
        buf_str(&b, str_first(text, before));
        buf_str(&b, is_inside(r, text, before) ? r->client : r->network);
        text = str_skip(text, before + r->client.n);
    }
    buf_str(&b, text);
    return buf_view(&b);
}

static bool has_labels(struct str name, struct str labels)
{
    const char *p;
    for (; (p = find(name, labels)) != NULL; name = str_skip(name, (size_t)(p - name.p) + 1)) {
        const char *after = p + labels.n, *end = name.p + name.n;
        if ((p == name.p || p[-1] == '.') && (after == end || *after == '.'))
            return true;
    }
    return false;
}

bool redact_hides(void *ctx, struct str name)
{
    const struct redaction *r = ctx;
    for (size_t i = 0; i < sizeof(r->labels) / sizeof(r->labels[0]); i++)
        if (has_labels(name, r->labels[i]))
            return true;
    return has_labels(name, r->local);
}
