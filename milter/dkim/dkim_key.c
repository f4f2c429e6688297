/*
 * dkim_key.c - key records in the DNS (RFC 6376 3.6.1, RFC 8301, RFC 8463 4): read one, write one; look them up, and choose
 * among those at one name (RFC 6376 3.6.2, 6.1.2).
 *
 * Values are compared exactly (RFC 6376 3.2). n= and the historic g= are passed over.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/base64.h"
#include "mailseal/limits.h"
#include "mailseal/taglist.h"

#include "dkim_int.h"

struct dkim_lookup {
    struct str name;
    struct dns_query *query; /* NULL once answered */
    struct dns_answer answer;
};

struct dkim_keys {
    struct arena *arena;
    struct dns *dns;
    int64_t deadline;
    struct dkim_lookup *v;
    size_t n, max;
};

static bool list_has(struct str list, struct str wanted)
{
    struct str element;
    while (dkim_list_next(&list, &element))
        if (str_eq(element, wanted))
            return true;
    return false;
}

/* RFC 6376 3.6.1 v=: if it is there it comes first and is exactly "DKIM1". */
static const char *read_version(const struct taglist *list)
{
    struct str v;
    if (!taglist_get(list, "v", &v))
        return NULL;
    if (!str_eq(list->v[0].name, STR("v")))
        return "v= is not the first tag of the key record";
    return str_eq(v, STR("DKIM1")) ? NULL : "key record version is not DKIM1";
}

/* RFC 6376 3.6.1 k=: unknown types must be ignored. */
static const char *read_type(const struct taglist *list, struct dkim_key *out)
{
    struct str k;
    if (!taglist_get(list, "k", &k))
        k = STR("rsa");
    out->type = str_eq(k, STR("ed25519")) ? KEY_ED25519 : KEY_RSA;
    return out->type == KEY_ED25519 || str_eq(k, STR("rsa")) ? NULL : "unknown key type";
}

static void read_restrictions(const struct taglist *list, struct dkim_key *out)
{
    struct str v;
    out->sha256 = !taglist_get(list, "h", &v) || list_has(v, STR("sha256"));
    out->email = !taglist_get(list, "s", &v) || list_has(v, STR("*")) || list_has(v, STR("email"));
    if (taglist_get(list, "t", &v)) {
        out->testing = list_has(v, STR("y"));
        out->strict = list_has(v, STR("s"));
    }
}

static const char *read_key(struct arena *a, const struct taglist *list, struct dkim_key *out)
{
    struct str p, der;
    const char *reason;
    if (!taglist_get(list, "p", &p))
        return "key record without p=";
    out->p = dkim_squeeze(a, p);
    /* RFC 6376 3.6.1 p=: an empty value means that this key has been revoked. */
    out->revoked = out->p.n == 0;
    if (out->revoked)
        return "key revoked";
    if (out->p.n > LIMIT_DKIM_P)
        return "key too long";
    if (!base64_decode(a, out->p, &der))
        return "key is not valid base64";
    out->key = pubkey_parse(a, out->type, der, &out->bits, &reason);
    return reason;
}

bool dkim_key_parse(struct arena *a, struct str text, struct dkim_key *out, const char **reason)
{
    struct taglist list;
    memset(out, 0, sizeof(*out));
    out->p = STR_NONE;
    if (!taglist_parse(&list, text, reason)) {
        *reason = "syntax error in the key record";
        return false;
    }
    *reason = read_version(&list);
    if (*reason == NULL)
        *reason = read_type(&list, out);
    if (*reason != NULL)
        return false;
    read_restrictions(&list, out);
    *reason = read_key(a, &list, out);
    /* RFC 6376 6.1.2: 6. the hash, 3.6.1 s=: a key for another service is to be ignored. */
    if (*reason == NULL && !out->sha256)
        *reason = "key is not for sha256";
    if (*reason == NULL && !out->email)
        *reason = "key is not for mail";
    return *reason == NULL;
}

struct str dkim_key_record(struct arena *a, const struct privkey *k)
{
    struct str p = privkey_public(a, k);
    struct buf b;
    buf_init(&b, a, LIMIT_DKIM_P + 32);
    buf_printf(&b, "v=DKIM1; k=%s; p=%.*s", privkey_type(k) == KEY_RSA ? "rsa" : "ed25519", STR_FMT(p));
    return buf_view(&b);
}

struct dkim_keys *dkim_keys_new(struct arena *a, struct dns *dns, int64_t deadline, size_t max)
{
    struct dkim_keys *keys = ARENA_NEW(a, struct dkim_keys);
    *keys = (struct dkim_keys){ .arena = a, .dns = dns, .deadline = deadline, .max = max };
    keys->v = ARENA_ARRAY(a, struct dkim_lookup, max);
    return keys;
}

/* RFC 6376 3.6.2.1 */
struct dkim_lookup *dkim_keys_start(struct dkim_keys *keys, const struct dkim_sig *sig)
{
    struct buf name;
    buf_init(&name, keys->arena, (size_t)2 * LIMIT_DOMAIN + 16);
    buf_printf(&name, "%.*s._domainkey.%.*s", STR_FMT(sig->selector), STR_FMT(sig->domain));
    for (size_t i = 0; i < keys->n; i++)
        if (str_eq(keys->v[i].name, buf_view(&name)))
            return &keys->v[i];
    if (keys->n == keys->max)
        return NULL;
    struct dkim_lookup *k = &keys->v[keys->n++];
    k->name = buf_view(&name);
    k->query = dns_start(keys->dns, k->name, DNS_TXT, keys->deadline);
    return k;
}

/* What one key record says to this signature: NULL when it can be used. */
static const char *key_refusal(struct arena *a, struct str text, const struct dkim_sig *s, unsigned min_rsa_bits,
                               struct dkim_key *key)
{
    const char *reason;
    if (!dkim_key_parse(a, text, key, &reason))
        return reason;
    /* RFC 6376 6.1.2: 7. */
    if (key->type != s->type)
        return "key is of another type than the signature";
    /* RFC 6376 3.6.1 t=s */
    if (key->strict && s->identity_domain.n > 0 && !str_eq(s->identity_domain, s->domain))
        return "i= is not exactly d=, which the key demands";
    /* RFC 8301 3.2 sets the least size, a site may ask for more. */
    return key->type == KEY_RSA && key->bits < min_rsa_bits ? "RSA key shorter than this site accepts" : NULL;
}

/* RFC 6376 3.6.2.2: several records are undefined, so more than one usable key is an error, unless they are the same text.
 * Records that are no usable key do not count (6.1.2: 3.); when none is usable, the first says why. */
static const char *key_choose(struct arena *a, const struct dns_answer *answer, const struct dkim_sig *s, unsigned min_rsa_bits,
                              struct dkim_key *key)
{
    const char *first = NULL;
    const struct str *used = NULL;
    size_t n = 0;
    for (size_t i = 0; i < answer->n; i++) {
        struct dkim_key k;
        if (used != NULL && str_eq(answer->rr[i], *used))
            continue;
        const char *reason = key_refusal(a, answer->rr[i], s, min_rsa_bits, &k);
        if (i == 0)
            first = reason;
        if (i == 0 || reason == NULL)
            *key = k;
        if (reason != NULL)
            continue;
        used = &answer->rr[i];
        if (++n > LIMIT_DKIM_KEY_RRS)
            return "several keys at one name";
    }
    return n > 0 ? NULL : first;
}

/* RFC 6376 6.1.2 */
enum auth_code dkim_keys_get(struct dkim_keys *keys, struct dkim_lookup *k, const struct dkim_sig *s, unsigned min_rsa_bits,
                             struct dkim_key *key, const char **reason)
{
    if (k->query != NULL)
        dns_wait(k->query, keys->arena, &k->answer);
    k->query = NULL;
    if (k->answer.status == DNS_TEMPFAIL) {
        *reason = "no answer to the key lookup";
        return AUTH_TEMPERROR;
    }
    *reason =
        k->answer.status == DNS_OK && k->answer.n > 0 ? key_choose(keys->arena, &k->answer, s, min_rsa_bits, key) : "no key record";
    return *reason == NULL ? AUTH_NONE : AUTH_PERMERROR;
}

void dkim_keys_drop(struct dkim_keys *keys)
{
    for (size_t i = 0; i < keys->n; i++) {
        if (keys->v[i].query != NULL)
            dns_drop(keys->v[i].query);
        keys->v[i].query = NULL;
    }
}
