/*
 * prop_dkim.c - P1: a signed message with one byte changed passes when the signed bytes are still what they were, and only then
 * (RFC 6376 3.4, 3.5, 3.7, 6.1.3).
 *
 * Every selector of every domain finds the same key: a changed d= or s= must fail by its hash. P2: the same for the key record
 * (3.6.1): it must not pass unless the record, read independently, is as good as it was.
 */
#include "tests/property/property.h"

enum { MUTATIONS = 16 };

/* Where to change something: anywhere, in the signature field, or in one of its tags. */
static void choose_span(struct trial *t, struct str message, size_t *from, size_t *to)
{
    const char *field = message.p, *next;
    *from = 0;
    *to = message.n;
    if (random_one_in(&t->random, 2))
        return;
    /* Other fields may stand on top, a junk signature among them: the last one is ours. */
    while ((next = memmem(field, message.n - (size_t)(field - message.p), "\nDKIM-Signature:", 16)) != NULL)
        field = next + 1;
    *from = (size_t)(field - message.p);
    const char *end = field;
    while (end < message.p + message.n && !(end[0] == '\n' && end + 1 < message.p + message.n && end[1] != ' ' && end[1] != '\t'))
        end++;
    *to = (size_t)(end - message.p);
    const char *tag = RANDOM_OF(&t->random, "b=", "bh=", "d=", "s=", "h=", "i=", "l=", "c=", "a=", "t=", "x=", "v=");
    const char *at = memmem(field, *to - *from, tag, strlen(tag));
    if (at == NULL)
        return;
    *from = (size_t)(at - message.p);
    const char *semicolon = memchr(at, ';', *to - *from);
    if (semicolon != NULL)
        *to = (size_t)(semicolon - message.p) + 1;
}

struct signed_case {
    struct str message;
    struct ref_sig good;
    bool acceptable; /* it is in time */
};

static bool make_case(struct trial *t, struct str message, enum key_type type, struct signed_case *c)
{
    struct ref_mail m;
    bool in_time;
    c->message = gen_signed(t, message, type, STR("good.test"), STR("sel.a"), &in_time);
    if (c->message.n == 0)
        return false;
    ref_mail_split(t->arena, c->message, &m);
    for (size_t i = 0; i < m.n; i++)
        if (ref_name_is(m.v[i].name, "dkim-signature"))
            ref_sig_read(t->arena, &m, i, &c->good);
    /* The last such field is ours: no message made here has one of its own. */
    c->acceptable = in_time && c->good.valid;
    return true;
}

static bool check(struct trial *t, const struct signed_case *c, const struct zone *z, struct str message, bool tail_passes)
{
    struct arena *a = arena_new();
    enum expect expect = ref_expect(a, &c->good, c->acceptable, tail_passes, message);
    bool passes = verify_passes(t, a, message, z, tail_passes);
    arena_free(a);
    t->mutations++;
    t->passes += passes;
    if (passes && expect == EXPECT_NO_PASS)
        return trial_violated(t, message, z, "passes, but it is not what was signed (l= tails accepted: %d)", tail_passes);
    if (!passes && expect == EXPECT_PASS)
        return trial_violated(t, message, z, "does not pass, but it is what was signed (l= tails accepted: %d)", tail_passes);
    return true;
}

bool property_dkim(struct trial *t)
{
    struct signed_case c;
    struct zone z;
    bool tail_passes = random_one_in(&t->random, 2);
    enum key_type type = random_one_in(&t->random, 4) ? KEY_RSA : KEY_ED25519;
    struct str domain;
    zone_init(&z, t->arena);
    z.any_key = dkim_key_record(t->arena, t->keys->key[type]);
    struct str from = gen_from(t, (const char *const[]){ "good.test" }, 1, &domain);
    if (!make_case(t, gen_message(t, from), type, &c))
        return trial_violated(t, STR("(none)"), NULL, "a message cannot be signed");
    if (!check(t, &c, &z, c.message, tail_passes))
        return false;
    for (unsigned i = 0; i < MUTATIONS; i++) {
        size_t from_byte, to;
        choose_span(t, c.message, &from_byte, &to);
        if (!check(t, &c, &z, random_mutation(&t->random, t->arena, c.message, from_byte, to), tail_passes))
            return false;
    }
    return true;
}

/* ---- P2 ---- */
static struct str gen_key_record(struct trial *t, enum key_type type)
{
    struct random *r = &t->random;
    struct str p = privkey_public(t->arena, t->keys->key[type]);
    struct buf b, spread;
    buf_init(&b, t->arena, ROOM);
    buf_init(&spread, t->arena, ROOM);
    for (size_t i = 0; i < p.n; i++) {
        buf_char(&spread, p.p[i]);
        if (random_one_in(r, 60))
            buf_puts(&spread, RANDOM_OF(r, " ", "\t", "\r\n "));
    }
    buf_puts(&b, RANDOM_OF(r, "v=DKIM1; ", "v=DKIM1;", "v = DKIM1 ; ", ""));
    if (random_one_in(r, 3))
        buf_puts(&b, RANDOM_OF(r, "n=a note; ", "g=*; ", "zz=b=c;"));
    buf_puts(&b, type == KEY_ED25519 ? "k=ed25519;" : RANDOM_OF(r, "k=rsa; ", ""));
    buf_puts(&b, RANDOM_OF(r, "", "", "h=sha256;", "h=sha1:sha256; ", "h = sha256 : sha1;", "h=sha1;"));
    buf_puts(&b, RANDOM_OF(r, "", "", "s=email; ", "s=*;", "s=other : email;", "s=other;"));
    buf_puts(&b, RANDOM_OF(r, "", "", "t=y; ", "t=s;", "t=y:s;", "t=z;"));
    buf_puts(&b, " p=");
    buf_str(&b, buf_view(&spread));
    buf_puts(&b, RANDOM_OF(r, "", ";", "; ", "; n=more"));
    return buf_view(&b);
}

/* RFC 6376 3.6.1. Where the RFC's wording is not plain about case, either is right. */
static enum expect expect_key(struct arena *a, struct str text, enum key_type type, struct str key, bool identity_below)
{
    struct ref_tags tags;
    struct str v, p;
    bool sure = true;
    ref_tags_read(text, &tags);
    if (!tags.valid)
        return EXPECT_NO_PASS;
    if (ref_tags_get(&tags, "v", &v) && (!str_eq(tags.v[0].name, STR("v")) || !str_eq(v, STR("DKIM1"))))
        return EXPECT_NO_PASS;
    const char *word = type == KEY_RSA ? "rsa" : "ed25519";
    if (!ref_tags_get(&tags, "k", &v))
        v = STR("rsa");
    if (!ref_name_is(v, word))
        return EXPECT_NO_PASS;
    sure = str_eq(v, str_of(word));
    if (ref_tags_get(&tags, "h", &v)) {
        if (!ref_list_has(v, "sha256", true))
            return EXPECT_NO_PASS;
        sure = sure && ref_list_has(v, "sha256", false);
    }
    if (ref_tags_get(&tags, "s", &v)) {
        if (!ref_list_has(v, "*", true) && !ref_list_has(v, "email", true))
            return EXPECT_NO_PASS;
        sure = sure && (ref_list_has(v, "*", false) || ref_list_has(v, "email", false));
    }
    if (ref_tags_get(&tags, "t", &v) && identity_below) {
        if (ref_list_has(v, "s", false))
            return EXPECT_NO_PASS;
        sure = sure && !ref_list_has(v, "s", true);
    }
    if (!ref_tags_get(&tags, "p", &v))
        return EXPECT_NO_PASS;
    enum ref_base64 form = ref_base64_read(a, v, &p);
    if (form == REF_BASE64_BAD || !str_eq(p, key))
        return EXPECT_NO_PASS;
    return sure && form == REF_BASE64_EXACT ? EXPECT_PASS : EXPECT_EITHER;
}

/* i= below d=, which t=s forbids. Taken from the message as it was made. */
static bool has_identity_below(struct trial *t, struct str message)
{
    struct ref_mail m;
    struct ref_tags tags;
    struct str name, list, identity = STR_NONE, local, domain = STR("good.test");
    ref_mail_split(t->arena, message, &m);
    for (size_t i = 0; i < m.n; i++) {
        if (!ref_name_is(m.v[i].name, "dkim-signature"))
            continue;
        (void)str_cut(m.v[i].raw, ':', &name, &list);
        ref_tags_read(list, &tags);
        identity = STR_NONE;
        if (ref_tags_get(&tags, "i", &identity))
            (void)str_rcut(identity, '@', &local, &domain);
    }
    return identity.n > 0 && !str_eq(domain, STR("good.test"));
}

static bool check_key(struct trial *t, const struct signed_case *c, struct str record, enum key_type type, bool identity_below)
{
    struct arena *a = arena_new();
    struct zone z;
    struct str key;
    (void)ref_base64_read(a, privkey_public(a, t->keys->key[type]), &key);
    enum expect expect = ref_expect(a, &c->good, c->acceptable, false, c->message);
    if (expect == EXPECT_PASS)
        expect = expect_key(a, record, type, key, identity_below);
    zone_init(&z, a);
    zone_add(&z, STR("sel.a._domainkey.good.test"), DNS_TXT, record);
    if (random_one_in(&t->random, 8)) {
        zone_add(&z, STR("sel.a._domainkey.good.test"), DNS_TXT, STR("v=DKIM1; p="));
        expect = expect == EXPECT_PASS ? EXPECT_EITHER : expect;
    }
    bool passes = verify_passes(t, a, c->message, &z, false);
    t->mutations++;
    t->passes += passes;
    bool fine = true;
    if (passes && expect == EXPECT_NO_PASS)
        fine = trial_violated(t, c->message, &z, "passes with the key record '%.*s'", STR_FMT(record));
    else if (!passes && expect == EXPECT_PASS)
        fine = trial_violated(t, c->message, &z, "does not pass with the key record '%.*s'", STR_FMT(record));
    arena_free(a);
    return fine;
}

bool property_key(struct trial *t)
{
    struct signed_case c;
    enum key_type type = random_one_in(&t->random, 3) ? KEY_RSA : KEY_ED25519;
    struct str domain;
    struct str from = gen_from(t, (const char *const[]){ "good.test" }, 1, &domain);
    if (!make_case(t, gen_message(t, from), type, &c))
        return trial_violated(t, STR("(none)"), NULL, "a message cannot be signed");
    bool below = has_identity_below(t, c.message);
    for (unsigned n = 0; n < 3; n++) {
        struct str record = gen_key_record(t, type);
        if (!check_key(t, &c, record, type, below))
            return false;
        for (unsigned i = 0; i < MUTATIONS; i++)
            if (!check_key(t, &c, random_mutation(&t->random, t->arena, record, 0, record.n + 1), type, below))
                return false;
    }
    return true;
}
