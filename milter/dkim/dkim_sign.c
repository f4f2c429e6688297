/*
 * dkim_sign.c - make a DKIM-Signature field (RFC 6376 5, RFC 8301, RFC 8463).
 *
 * Which messages may be signed for which domain is decided by the caller. What stands here: which fields are signed, that a
 * message without exactly one From is not, and the layout of the field. The text hashed is the text given out, so "simple" holds
 * as well.
 */
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/base64.h"
#include "mailseal/domain.h"
#include "mailseal/limits.h"

#include "dkim_int.h"

/*
 * Naming a field once more than it occurs keeps others from being added (RFC 6376 5.4, 8.15). BARE: never, since lists and later
 * hops add them. PRESENT: if the message has it; Sendmail adds a missing Date or Message-ID after us, and a conversion to 7 bits
 * adds MIME fields. ALWAYS: even when absent.
 */
enum oversign { OVERSIGN_BARE, OVERSIGN_PRESENT, OVERSIGN_ALWAYS };

/* RFC 6376 5.4.1, and fields that steer what a reader sees or does. A name that is not here: PRESENT, and not by default. */
static const struct {
    const char *name;
    bool by_default;
    enum oversign oversign;
} known[] = {
    { "From", true, OVERSIGN_ALWAYS },
    { "Sender", true, OVERSIGN_PRESENT },
    { "Reply-To", true, OVERSIGN_ALWAYS },
    { "Subject", true, OVERSIGN_ALWAYS },
    { "Date", true, OVERSIGN_PRESENT },
    { "Message-ID", true, OVERSIGN_PRESENT },
    { "To", true, OVERSIGN_ALWAYS },
    { "Cc", true, OVERSIGN_ALWAYS },
    { "In-Reply-To", true, OVERSIGN_PRESENT },
    { "References", true, OVERSIGN_PRESENT },
    { "MIME-Version", true, OVERSIGN_PRESENT },
    { "Content-Type", true, OVERSIGN_PRESENT },
    { "Content-Transfer-Encoding", true, OVERSIGN_PRESENT },
    { "Resent-From", true, OVERSIGN_BARE },
    { "Resent-Sender", true, OVERSIGN_BARE },
    { "Resent-To", true, OVERSIGN_BARE },
    { "Resent-Cc", true, OVERSIGN_BARE },
    { "Resent-Date", true, OVERSIGN_BARE },
    { "Resent-Message-ID", true, OVERSIGN_BARE },
    { "List-Id", true, OVERSIGN_BARE },
    { "List-Help", true, OVERSIGN_BARE },
    { "List-Unsubscribe", true, OVERSIGN_BARE },
    { "List-Unsubscribe-Post", true, OVERSIGN_BARE },
    { "List-Subscribe", true, OVERSIGN_BARE },
    { "List-Post", true, OVERSIGN_BARE },
    { "List-Owner", true, OVERSIGN_BARE },
    { "List-Archive", true, OVERSIGN_BARE },
    /* RFC 6376 5.4: fields that are added or removed on the way. */
    { "Received", false, OVERSIGN_BARE },
    { "Return-Path", false, OVERSIGN_BARE },
    { "Bcc", false, OVERSIGN_BARE },
    { "Resent-Bcc", false, OVERSIGN_BARE },
    { "Content-Length", false, OVERSIGN_BARE },
    { "Authentication-Results", false, OVERSIGN_BARE },
    { "DKIM-Signature", false, OVERSIGN_BARE },
    { "ARC-Seal", false, OVERSIGN_BARE },
    { "ARC-Message-Signature", false, OVERSIGN_BARE },
    { "ARC-Authentication-Results", false, OVERSIGN_BARE },
};

struct dkim_sign {
    struct arena *arena;
    const struct headers *headers;
    struct dkim_body *body;
    const struct dkim_sign_params *params;
    struct dkim_names names;
    int hash; /* number of the body hash */
};

void dkim_names_add(struct dkim_names *names, struct str name)
{
    if (names->n == LIMIT_DKIM_H)
        names->too_many = true;
    else
        names->v[names->n++] = name;
}

bool dkim_names_have(const struct dkim_names *names, struct str name)
{
    for (size_t i = 0; i < names->n; i++)
        if (str_ieq(names->v[i], name))
            return true;
    return false;
}

const char *dkim_sign_default_field(size_t i)
{
    for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
        if (known[k].by_default && i-- == 0)
            return known[k].name;
    return NULL;
}

static enum oversign oversign_rule(const struct dkim_sign_params *p, struct str name)
{
    for (size_t i = 0; i < p->n_oversigned; i++)
        if (str_ieq(name, p->oversigned[i]))
            return OVERSIGN_ALWAYS;
    if (p->n_oversigned > 0)
        return OVERSIGN_BARE;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (str_ieq(name, str_of(known[i].name)))
            return known[i].oversign;
    return OVERSIGN_PRESENT;
}

static bool is_left_out(const struct dkim_sign_params *p, struct str name)
{
    for (size_t i = 0; i < p->n_left_out; i++)
        if (str_ieq(name, p->left_out[i]))
            return true;
    return false;
}

/* RFC 6376 5.4.2: the name once for each instance, then once more where that is the rule. */
static void add_instances(struct dkim_sign *s, struct str name)
{
    size_t count = headers_count(s->headers, name);
    enum oversign rule = oversign_rule(s->params, name);
    if (dkim_names_have(&s->names, name) || is_left_out(s->params, name))
        return;
    if (s->params->oversign && (rule == OVERSIGN_ALWAYS || (rule == OVERSIGN_PRESENT && count > 0)))
        count++;
    for (size_t i = 0; i < count && !s->names.too_many; i++)
        dkim_names_add(&s->names, name);
}

static void choose_names(struct dkim_sign *s)
{
    const struct dkim_sign_params *p = s->params;
    for (size_t i = 0; p->fields != NULL && i < p->n_fields; i++) {
        if (p->oversign)
            add_instances(s, p->fields[i]);
        else
            dkim_names_add(&s->names, p->fields[i]);
    }
    for (size_t i = 0; p->fields == NULL && i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].by_default)
            add_instances(s, str_of(known[i].name));
    for (size_t i = 0; i < p->n_oversigned; i++)
        add_instances(s, p->oversigned[i]);
}

/* RFC 5322 3.6.8, less the ";" that would end the tag. */
static bool is_field_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] >= 0x7f || name.p[i] == ':' || name.p[i] == ';')
            return false;
    return name.n > 0;
}

const char *dkim_names_refusal(const struct dkim_names *names)
{
    if (names->too_many)
        return "too many fields to sign";
    for (size_t i = 0; i < names->n; i++)
        if (!is_field_name(names->v[i]))
            return "a field to sign is no field name";
    /* RFC 6376 5.4 */
    return dkim_names_have(names, STR("From")) ? NULL : "From is not among the fields to sign";
}

bool dkim_identity_fits(struct arena *a, struct str identity, struct str domain)
{
    struct str local, of, normal;
    for (size_t i = 0; i < identity.n; i++)
        if (identity.p[i] <= ' ' || identity.p[i] >= 0x7f || strchr(";=", identity.p[i]) != NULL)
            return false;
    return str_rcut(identity, '@', &local, &of) && domain_normalise(a, of, &normal) && domain_is_under(normal, domain);
}

static const char *params_refusal(struct arena *a, const struct dkim_sign_params *p)
{
    if (p->key == NULL)
        return "there is no key";
    if (!domain_is_valid(p->domain))
        return "the domain to sign for is no domain name";
    if (!domain_is_valid(p->selector))
        return "the selector is not valid";
    /* RFC 6376 3.5 i= */
    if (p->identity.n > 0 && !dkim_identity_fits(a, p->identity, p->domain))
        return "the identity is not within the domain";
    /* RFC 6376 3.5 x= */
    if (p->expires != 0 && p->expires <= p->timestamp)
        return "the signature would expire before it is made";
    return NULL;
}

const char *dkim_headers_refusal(const struct headers *h)
{
    if (h->overflow)
        return "header beyond the limits";
    size_t from = headers_count(h, STR("From"));
    if (from == 0)
        return "the message has no From field";
    return from > 1 ? "the message has several From fields" : NULL;
}

struct dkim_sign *dkim_sign_start(struct arena *a, const struct headers *h, struct dkim_body *body,
                                  const struct dkim_sign_params *params, const char **reason)
{
    *reason = dkim_headers_refusal(h);
    if (*reason == NULL)
        *reason = params_refusal(a, params);
    if (*reason != NULL)
        return NULL;
    struct dkim_sign *s = ARENA_NEW(a, struct dkim_sign);
    *s = (struct dkim_sign){ .arena = a, .headers = h, .body = body, .params = params };
    choose_names(s);
    *reason = dkim_names_refusal(&s->names);
    if (*reason != NULL)
        return NULL;
    s->hash = dkim_body_want(body, params->body_canon, DKIM_LENGTH_ALL);
    if (s->hash < 0) {
        *reason = "too many different body hashes";
        return NULL;
    }
    return s;
}

static struct str canon_text(struct arena *a, const struct dkim_sign_params *p)
{
    return str_printf(a, "%s/%s", name_of(dkim_canon_names, p->header_canon), name_of(dkim_canon_names, p->body_canon));
}

static void write_tags(struct dkim_sign *s, struct dkim_folder *f, const uint8_t *body_digest, uint64_t length)
{
    const struct dkim_sign_params *p = s->params;
    struct arena *a = s->arena;
    dkim_fold_tag(f, "v", STR("1"));
    dkim_fold_tag(f, "a", privkey_type(p->key) == KEY_RSA ? STR("rsa-sha256") : STR("ed25519-sha256"));
    dkim_fold_tag(f, "c", canon_text(a, p));
    dkim_fold_tag(f, "d", p->domain);
    dkim_fold_tag(f, "s", p->selector);
    if (p->identity.n > 0)
        dkim_fold_tag(f, "i", p->identity);
    if (p->timestamp != 0)
        dkim_fold_tag(f, "t", str_printf(a, "%lld", (long long)p->timestamp));
    if (p->expires != 0)
        dkim_fold_tag(f, "x", str_printf(a, "%lld", (long long)p->expires));
    if (p->length)
        dkim_fold_tag(f, "l", str_printf(a, "%llu", (unsigned long long)length));
    dkim_fold_names(f, s->names.v, s->names.n);
    dkim_fold_tag(f, "bh", base64_encode(a, body_digest, SHA256_SIZE));
    dkim_fold_word(f, 3);
    dkim_fold_add(f, STR("b="));
}

bool dkim_sign_finish(struct dkim_sign *s, struct str *value, const char **reason)
{
    uint8_t body_digest[SHA256_SIZE], digest[SHA256_SIZE];
    uint64_t length;
    struct str signature;
    struct dkim_folder f;
    dkim_fold_init(&f, s->arena, DKIM_FIELD_NAME, LIMIT_DKIM_FIELD);
    dkim_body_digest(s->body, s->hash, body_digest, &length);
    write_tags(s, &f, body_digest, length);
    /* RFC 6376 3.7: the field itself is hashed last, with an empty b=. */
    field_index_digest(field_index_new(s->arena, s->headers), s->names.v, s->names.n, s->params->header_canon, NULL,
                       buf_view(&f.buf), digest);
    if (!privkey_sign(s->arena, s->params->key, digest, &signature)) {
        *reason = "OpenSSL cannot sign with the key";
        return false;
    }
    if (s->params->check != NULL && !pubkey_verify(s->params->check, digest, signature)) {
        *reason = "the signature made does not verify";
        return false;
    }
    dkim_fold_base64(&f, base64_encode(s->arena, signature.p, signature.n));
    *reason = f.buf.full ? "the signature field is too long" : NULL;
    *value = str_skip(buf_view(&f.buf), sizeof(DKIM_FIELD_NAME ":") - 1);
    return !f.buf.full;
}
