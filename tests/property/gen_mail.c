/*
 * gen_mail.c - random messages, and signatures on them: by the room's signer, or by one written here, which uses the reference's
 * canonical forms and any layout a signer may choose. Nothing of what is made is fit to be read.
 */
#include "mailseal/base64.h"
#include "mailseal/clock.h"

#include "tests/property/property.h"

static const char *const field_names[] = { "Subject", "To",           "Cc",          "Date",        "Message-ID", "X-Test",
                                           "To",      "Received",     "List-Id",     "Reply-To",    "Comments",   "X",
                                           "Sender",  "Content-Type", "In-Reply-To", "MIME-Version" };
enum { FIELD_NAMES = sizeof(field_names) / sizeof(field_names[0]) };

static void add_words(struct random *r, struct buf *b, bool header, unsigned words)
{
    for (unsigned i = 0; i < words; i++) {
        for (unsigned n = 1 + random_to(r, random_one_in(r, 40) ? 300 : 9); n > 0; n--)
            buf_char(b, (char)('!' + random_to(r, 94)));
        switch (random_to(r, header ? 12 : 10)) {
        case 0:
            buf_puts(b, RANDOM_OF(r, "  ", "\t", " \t ", "   "));
            break;
        case 1:
            buf_puts(b, RANDOM_OF(r, "\xc3\xa4", "\xff", "\x0b", "\x0c", "\xa0"));
            break;
        case 2:
            if (random_one_in(r, 8))
                buf_puts(b, "\rx");
            break;
        case 10:
        case 11:
            buf_puts(b, RANDOM_OF(r, "\r\n ", "\r\n\t", " \r\n  ", "\r\n \r\n\t"));
            break;
        default:
            buf_char(b, ' ');
        }
    }
}

static void add_name(struct random *r, struct buf *b, const char *name)
{
    bool shout = random_one_in(r, 6), whisper = random_one_in(r, 6);
    for (; *name != '\0'; name++)
        buf_char(b, whisper || (shout && (*name == 'e' || *name == 'o')) ? char_lower(*name) : *name);
    if (random_one_in(r, 12))
        buf_puts(b, RANDOM_OF(r, " ", "\t", "  "));
    buf_char(b, ':');
}

static void add_body(struct random *r, struct buf *b)
{
    if (random_one_in(r, 8))
        return;
    for (unsigned lines = random_to(r, 8); lines > 0; lines--) {
        if (!random_one_in(r, 4))
            add_words(r, b, false, random_to(r, 6));
        if (random_one_in(r, 5))
            buf_puts(b, RANDOM_OF(r, " ", "\t", " \t", "  "));
        if (random_one_in(r, 30))
            buf_puts(b, RANDOM_OF(r, "\n", "\r", "\r\r", "\n\r"));
        buf_puts(b, "\r\n");
    }
    if (random_one_in(r, 3))
        buf_puts(b, RANDOM_OF(r, "\r\n", "\r\n\r\n\r\n", "end", " ", "\t\r\n", "x \r\n\r\n", "end\r"));
}

struct str gen_message(struct trial *t, struct str from_value)
{
    struct random *r = &t->random;
    struct buf b;
    unsigned n = random_to(r, 9), from = random_to(r, n + 1);
    buf_init(&b, t->arena, ROOM);
    for (unsigned i = 0; i <= n; i++) {
        if (i == from) {
            add_name(r, &b, "From");
            buf_str(&b, from_value);
        } else {
            add_name(r, &b, field_names[random_to(r, FIELD_NAMES)]);
            buf_puts(&b, RANDOM_OF(r, " ", "", "  ", "\t", "\r\n "));
            add_words(r, &b, true, random_to(r, 7));
        }
        buf_puts(&b, "\r\n");
    }
    if (random_one_in(r, 30))
        return buf_view(&b);
    buf_puts(&b, "\r\n");
    add_body(r, &b);
    return buf_view(&b);
}

/* ---- the room's signer ---- */
static void feed_body(struct random *r, struct dkim_body *b, struct str body)
{
    while (body.n > 0 && !dkim_body_done(b)) {
        size_t n = 1 + random_to(r, random_one_in(r, 3) ? 7 : body.n + 1);
        dkim_body_update(b, body.p, str_first(body, n).n);
        body = str_skip(body, n);
    }
    dkim_body_finish(b);
}

static struct str sign_by_room(struct trial *t, struct str message, struct dkim_sign_params *p)
{
    struct random *r = &t->random;
    struct headers h;
    struct str body, value = STR_NONE, fields[8] = { STR("from") };
    const char *reason = "";
    headers_init(&h, t->arena);
    (void)!headers_read(&h, message, &body);
    p->header_canon = random_to(r, 2);
    p->body_canon = random_to(r, 2);
    p->oversign = random_one_in(r, 2);
    p->length = random_one_in(r, 4);
    if (!random_one_in(r, 3)) {
        p->fields = fields;
        for (p->n_fields = 1; p->n_fields < 1 + random_to(r, 8);)
            fields[p->n_fields++] = str_of(field_names[random_to(r, FIELD_NAMES)]);
    }
    struct dkim_body *b = dkim_body_new(t->arena);
    struct dkim_sign *s = dkim_sign_start(t->arena, &h, b, p, &reason);
    if (s == NULL)
        return STR_NONE;
    feed_body(r, b, body);
    return dkim_sign_finish(s, &value, &reason) ? value : STR_NONE;
}

/* ---- a signer of our own ---- */
static void add_tag(struct random *r, struct buf *b, const char *name, struct str value)
{
    static const char *const blanks[] = { "", " ", "\r\n ", "\t", "  ", "\r\n\t " };
    buf_puts(b, random_of(r, blanks, 6));
    buf_puts(b, name);
    if (random_one_in(r, 5))
        buf_puts(b, random_of(r, blanks, 6));
    buf_char(b, '=');
    if (random_one_in(r, 5))
        buf_puts(b, random_of(r, blanks, 6));
    buf_str(b, value);
    if (random_one_in(r, 6))
        buf_puts(b, random_of(r, blanks, 6));
}

static struct str loosened(struct trial *t, struct str s, char behind)
{
    struct buf b;
    buf_init(&b, t->arena, ROOM);
    for (size_t i = 0; i < s.n; i++) {
        buf_char(&b, s.p[i]);
        if (i + 1 < s.n && (behind == '\0' ? random_one_in(&t->random, 30) : s.p[i] == behind && random_one_in(&t->random, 4)))
            buf_puts(&b, RANDOM_OF(&t->random, " ", "\r\n ", "\t", "\r\n\t "));
    }
    return buf_view(&b);
}

static struct str random_names(struct trial *t)
{
    struct random *r = &t->random;
    struct buf b;
    unsigned n = 1 + random_to(r, 9), from = random_to(r, n);
    buf_init(&b, t->arena, ROOM);
    for (unsigned i = 0; i < n; i++) {
        const char *name = i == from              ? "From"
                           : random_one_in(r, 12) ? "DKIM-Signature"
                           : random_one_in(r, 5)  ? "fRoM"
                                                  : field_names[random_to(r, FIELD_NAMES)];
        buf_puts(&b, i > 0 ? ":" : "");
        buf_puts(&b, name);
    }
    return loosened(t, buf_view(&b), ':');
}

/* The tags of a signature, in any order. */
struct layout {
    struct {
        const char *name;
        struct str value;
    } v[16];
    size_t n;
};

static void put(struct layout *l, struct random *r, const char *name, struct str value)
{
    size_t at = random_to(r, l->n + 1);
    memmove(&l->v[at + 1], &l->v[at], (l->n - at) * sizeof(l->v[0]));
    l->v[at].name = name;
    l->v[at].value = value;
    l->n++;
}

static struct str hashed(struct trial *t, struct str s, uint8_t digest[SHA256_SIZE])
{
    struct hash *h = hash_new(t->arena);
    hash_update(h, s.p, s.n);
    hash_final(h, digest);
    return base64_encode(t->arena, digest, SHA256_SIZE);
}

static void choose_layout(struct trial *t, struct str message, const struct dkim_sign_params *p, struct layout *l)
{
    struct random *r = &t->random;
    struct arena *a = t->arena;
    struct ref_mail m;
    uint8_t digest[SHA256_SIZE];
    bool relaxed = random_one_in(r, 2);
    const char *head = RANDOM_OF(r, "simple", "relaxed");
    ref_mail_split(a, message, &m);
    struct str body = ref_canon_body(a, relaxed, m.body);
    l->n = 0;
    put(l, r, "a", privkey_type(p->key) == KEY_RSA ? STR("rsa-sha256") : STR("ed25519-sha256"));
    put(l, r, "d", p->domain);
    put(l, r, "s", p->selector);
    put(l, r, "h", random_names(t));
    put(l, r, "b", STR_NONE);
    if (relaxed || strcmp(head, "relaxed") == 0 || random_one_in(r, 2))
        put(l, r, "c",
            relaxed || random_one_in(r, 2) ? str_printf(a, "%s/%s", head, relaxed ? "relaxed" : "simple") : str_of(head));
    if (random_one_in(r, 4)) {
        size_t n = random_one_in(r, 2) ? body.n : random_to(r, body.n + 1);
        size_t beyond = random_one_in(r, 10) ? 1 + random_to(r, 9) : 0;
        put(l, r, "l", str_printf(a, "%zu", beyond > 0 ? body.n + beyond : n));
        body = str_first(body, beyond > 0 ? body.n : n);
    }
    put(l, r, "bh", loosened(t, hashed(t, body, digest), '\0'));
    if (random_one_in(r, 4))
        put(l, r, "q", STR("dns/txt"));
    if (random_one_in(r, 6))
        put(l, r, "z", STR("From:b=x|To:bh=y"));
    if (random_one_in(r, 6))
        put(l, r, "xb", STR("b=c"));
    if (p->timestamp != 0)
        put(l, r, "t", str_printf(a, "%lld", (long long)p->timestamp));
    if (p->expires != 0)
        put(l, r, "x", str_printf(a, "%lld", (long long)p->expires));
    if (p->identity.n > 0)
        put(l, r, "i", p->identity);
    put(l, r, "v", STR("1"));
}

static struct str sign_by_test(struct trial *t, struct str message, const struct dkim_sign_params *p)
{
    struct arena *a = t->arena;
    struct layout l;
    struct buf b, whole;
    struct ref_mail m;
    struct ref_sig s;
    struct str signature, blank;
    uint8_t digest[SHA256_SIZE];
    size_t at = 0;
    choose_layout(t, message, p, &l);
    buf_init(&b, a, ROOM);
    buf_init(&whole, a, ROOM);
    for (size_t i = 0; i < l.n; i++) {
        if (i > 0)
            buf_char(&b, ';');
        add_tag(&t->random, &b, l.v[i].name, l.v[i].value);
        if (strcmp(l.v[i].name, "b") == 0)
            at = b.n;
    }
    buf_puts(&b, RANDOM_OF(&t->random, "", ";", "; "));
    blank = buf_view(&b);
    buf_puts(&whole, "DKIM-Signature:");
    buf_str(&whole, blank);
    buf_puts(&whole, "\r\n");
    buf_str(&whole, message);
    ref_mail_split(a, buf_view(&whole), &m);
    ref_sig_read(a, &m, 0, &s);
    hashed(t, s.head, digest);
    if (!s.valid || !privkey_sign(a, p->key, digest, &signature))
        return STR_NONE;
    struct buf value;
    buf_init(&value, a, ROOM);
    buf_str(&value, str_first(blank, at));
    buf_str(&value, loosened(t, base64_encode(a, signature.p, signature.n), '\0'));
    buf_str(&value, str_skip(blank, at));
    return buf_view(&value);
}

/* ---- both ---- */
static void choose_times(struct trial *t, struct dkim_sign_params *p, bool *good)
{
    struct random *r = &t->random;
    if (random_one_in(r, 2))
        p->timestamp = NOW - (int64_t)random_to(r, 1000000) + 200;
    if (random_one_in(r, 3))
        p->expires = NOW + (int64_t)random_to(r, 1000000) + 300;
    if (random_one_in(r, 20)) {
        *good = false;
        p->timestamp = NOW + 301 + (int64_t)random_to(r, 1000);
        p->expires = 0;
    } else if (random_one_in(r, 20)) {
        *good = false;
        p->timestamp = 0;
        p->expires = NOW - 301 - (int64_t)random_to(r, 1000);
    }
}

struct str gen_signed(struct trial *t, struct str message, enum key_type type, struct str domain, struct str selector, bool *good)
{
    struct random *r = &t->random;
    struct dkim_sign_params p = { .domain = domain, .selector = selector, .key = t->keys->key[type], .identity = STR_NONE };
    *good = true;
    choose_times(t, &p, good);
    if (random_one_in(r, 3))
        p.identity =
            str_printf(t->arena, "%s@%s%.*s", RANDOM_OF(r, "", "user", "a.b+c"), RANDOM_OF(r, "", "sub.", "x.y."), STR_FMT(domain));
    struct buf above, all, out;
    buf_init(&above, t->arena, ROOM);
    buf_init(&all, t->arena, ROOM);
    buf_init(&out, t->arena, ROOM);
    if (random_one_in(r, 4))
        buf_puts(&above, "Received: from x by y;\r\n\tnow\r\n");
    if (random_one_in(r, 6))
        buf_puts(&above, "DKIM-Signature: v=1; a=rsa-sha256; d=other.test; s=x; h=from; bh=AAAA; b=AAAA\r\n");
    buf_str(&all, buf_view(&above));
    buf_str(&all, message);
    struct str value = random_one_in(r, 2) ? sign_by_room(t, buf_view(&all), &p) : sign_by_test(t, buf_view(&all), &p);
    if (value.n == 0)
        return STR_NONE;
    buf_str(&out, buf_view(&above));
    buf_puts(&out, "DKIM-Signature:");
    buf_str(&out, value);
    buf_puts(&out, "\r\n");
    buf_str(&out, message);
    return buf_view(&out);
}

bool verify_passes(struct trial *t, struct arena *a, struct str message, const struct zone *z, bool tail_passes)
{
    struct headers h;
    struct str body;
    struct dkim_result *results;
    struct dkim_params p = dkim_params_default;
    bool passes = false;
    struct dns *dns = zone_dns(z);
    p.accept_unsigned_tail = tail_passes;
    headers_init(&h, a);
    (void)!headers_read(&h, message, &body);
    struct dkim_body *b = dkim_body_new(a);
    struct dkim_verify *v = dkim_verify_start(a, &h, b, &p, dns, NOW, clock_ms() + 5000, STR("good.test"));
    feed_body(&t->random, b, body);
    size_t n = dkim_verify_finish(v, &results);
    for (size_t i = 0; i < n; i++)
        passes = passes || results[i].code == AUTH_PASS;
    dns_free(dns);
    return passes;
}
