/*
 * dkim_key.c - key records in the DNS (RFC 6376 3.6.1, RFC 8301, RFC 8463 4): read one, write one.
 *
 * Values are compared exactly (RFC 6376 3.2). n= and the historic g= are passed over.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/base64.h"
#include "mailseal/limits.h"
#include "mailseal/taglist.h"

#include "dkim_int.h"

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
