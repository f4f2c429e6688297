/*
 * arc_seal.c - add an ARC set to a message (RFC 8617 5.1).
 *
 * What the chain was on arrival comes from arc_verify.c and is not judged again; the results to be sealed are given as text. What
 * stands here: when no set may be added, which fields the message signature covers, and the layout of the three fields.
 */
#include "mailseal/arena.h"
#include "mailseal/base64.h"
#include "mailseal/domain.h"

#include "arc_int.h"

/* RFC 6376 5.4.1, and DKIM-Signature (RFC 8617 4.1.2). */
static const char *const usual_fields[] = {
    "From",
    "Sender",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "To",
    "Cc",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Resent-From",
    "Resent-Sender",
    "Resent-To",
    "Resent-Cc",
    "Resent-Date",
    "List-Id",
    "List-Help",
    "List-Unsubscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
    "List-Subscribe",
    "DKIM-Signature",
    "Resent-Message-ID",
    "List-Unsubscribe-Post",
    "Content-Transfer-Encoding",
};

/* RFC 8617 4.1.2: the message signature must not cover what later hops remove or add. */
static const char *const barred_fields[] = { "Authentication-Results", ARC_AAR_NAME, ARC_AMS_NAME, ARC_AS_NAME };

struct arc_seal {
    struct arena *arena;
    struct dkim_body *body;
    const struct arc_seal_params *params;
    int hash; /* number of the body hash */
    struct dkim_names names;
};

/* The set being made: what stands in every field of it. */
struct arc_made {
    unsigned instance;
    struct str position;       /* of the instance, as text */
    struct str raw[ARC_KINDS]; /* "Name: value" */
    struct arc_chain *chain;   /* the sets before it */
};

static bool is_left_out(const struct arc_seal_params *p, struct str name)
{
    for (size_t i = 0; i < p->n_left_out; i++)
        if (str_ieq(name, p->left_out[i]))
            return true;
    return false;
}

/* RFC 6376 5.4.2: a name for each instance. 8.15: From once more, so that no second one can be added. */
static void choose_names(struct arc_seal *s, const struct headers *h)
{
    const struct arc_seal_params *p = s->params;
    s->names = (struct dkim_names){ .n = 0 };
    for (size_t i = 0; p->fields != NULL && i < p->n_fields; i++)
        dkim_names_add(&s->names, p->fields[i]);
    for (size_t i = 0; p->fields == NULL && i < sizeof(usual_fields) / sizeof(usual_fields[0]); i++) {
        struct str name = str_of(usual_fields[i]);
        if (is_left_out(p, name))
            continue;
        for (size_t k = headers_count(h, name); k > 0 && !s->names.too_many; k--)
            dkim_names_add(&s->names, name);
    }
    if (p->fields == NULL)
        dkim_names_add(&s->names, STR("From"));
}

static const char *names_refusal(const struct dkim_names *names)
{
    for (size_t i = 0; i < sizeof(barred_fields) / sizeof(barred_fields[0]); i++)
        if (dkim_names_have(names, str_of(barred_fields[i])))
            return "a field that must not be signed is among the fields to sign";
    return dkim_names_refusal(names);
}

static const char *params_refusal(const struct arc_seal_params *p)
{
    if (p->key == NULL)
        return "there is no key";
    if (!domain_is_valid(p->domain))
        return "the domain to seal for is no domain name";
    return domain_is_valid(p->selector) ? NULL : "the selector is not valid";
}

struct arc_seal *arc_seal_start(struct arena *a, struct dkim_body *body, const struct arc_seal_params *params, const char **reason)
{
    *reason = params_refusal(params);
    if (*reason != NULL)
        return NULL;
    struct arc_seal *s = ARENA_NEW(a, struct arc_seal);
    *s = (struct arc_seal){ .arena = a, .body = body, .params = params };
    s->hash = dkim_body_want(body, params->body_canon, DKIM_LENGTH_ALL);
    if (s->hash < 0) {
        *reason = "too many different body hashes";
        return NULL;
    }
    return s;
}

static const char *chain_refusal(const struct arc_chain *c, const struct arc_result *arrival)
{
    /* RFC 8617 5.1.2: a chain that has failed is not continued. */
    if (c->ended)
        return "the chain has ended: its newest seal says cv=fail";
    /* RFC 8617 4.2.1 */
    if (c->n >= LIMIT_ARC_SETS)
        return "the chain has 50 sets already";
    bool same = c->n == arrival->instance && c->present == (arrival->code != AUTH_NONE);
    if (!same || (arrival->code == AUTH_PASS && c->fault != NULL))
        return "the chain is not the one that was validated";
    return NULL;
}

/* Line ends become CRLF. False when one is not that of a fold: what follows would be a field of its own. */
static bool fold_text(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        bool cr = text.p[i] == '\r';
        if (cr && (i + 1 == text.n || text.p[i + 1] != '\n'))
            return false;
        if (cr)
            continue;
        if (text.p[i] == '\n') {
            if (i + 1 == text.n || !char_is_wsp(text.p[i + 1]))
                return false;
            buf_puts(out, "\r\n");
        } else {
            buf_char(out, text.p[i]);
        }
    }
    return true;
}

/* RFC 8617 4.1.1 */
static const char *write_authres(struct arc_seal *s, struct arc_made *m, struct str payload)
{
    struct dkim_folder f;
    struct authres parsed;
    if (!authres_parse(s->arena, payload, &parsed))
        return "the results to be sealed do not follow the grammar";
    dkim_fold_init(&f, s->arena, ARC_AAR_NAME, (size_t)2 * LIMIT_AUTHRES);
    buf_printf(&f.buf, " i=%.*s; ", STR_FMT(m->position));
    if (!fold_text(payload, &f.buf))
        return "the results to be sealed have a line end that is no fold";
    m->raw[ARC_AAR] = buf_view(&f.buf);
    return f.buf.full ? "the results to be sealed are too long" : NULL;
}

/* The tags of both signatures that name the key, and t=. */
static void write_key_tags(struct arc_seal *s, struct dkim_folder *f)
{
    const struct arc_seal_params *p = s->params;
    dkim_fold_tag(f, "d", p->domain);
    dkim_fold_tag(f, "s", p->selector);
    if (p->timestamp != 0)
        dkim_fold_tag(f, "t", str_printf(s->arena, "%lld", (long long)p->timestamp));
}

static struct str algorithm(const struct arc_seal_params *p)
{
    return privkey_type(p->key) == KEY_RSA ? STR("rsa-sha256") : STR("ed25519-sha256");
}

/* RFC 6376 3.7: the field itself is hashed last, with an empty b=, and gets its value now. */
static const char *write_signature(struct arc_seal *s, struct dkim_folder *f, const uint8_t *digest, struct str *raw)
{
    struct str signature;
    if (!privkey_sign(s->arena, s->params->key, digest, &signature))
        return "OpenSSL cannot sign with the key";
    dkim_fold_base64(f, base64_encode(s->arena, signature.p, signature.n));
    *raw = buf_view(&f->buf);
    return f->buf.full ? "the signature field is too long" : NULL;
}

static void write_empty_b(struct dkim_folder *f)
{
    dkim_fold_word(f, sizeof("b=") - 1);
    dkim_fold_add(f, STR("b="));
}

/* RFC 8617 4.1.2 */
static const char *write_message_signature(struct arc_seal *s, struct arc_made *m, const struct headers *h)
{
    const struct arc_seal_params *p = s->params;
    uint8_t digest[SHA256_SIZE];
    uint64_t length;
    struct dkim_folder f;
    dkim_body_digest(s->body, s->hash, digest, &length);
    dkim_fold_init(&f, s->arena, ARC_AMS_NAME, LIMIT_DKIM_FIELD);
    dkim_fold_tag(&f, "i", m->position);
    dkim_fold_tag(&f, "a", algorithm(p));
    dkim_fold_tag(
        &f, "c",
        str_printf(s->arena, "%s/%s", name_of(dkim_canon_names, p->header_canon), name_of(dkim_canon_names, p->body_canon)));
    write_key_tags(s, &f);
    dkim_fold_names(&f, s->names.v, s->names.n);
    dkim_fold_tag(&f, "bh", base64_encode(s->arena, digest, SHA256_SIZE));
    write_empty_b(&f);
    field_index_digest(field_index_new(s->arena, h), s->names.v, s->names.n, p->header_canon, NULL, buf_view(&f.buf), digest);
    return write_signature(s, &f, digest, &m->raw[ARC_AMS]);
}

/* RFC 8617 5.1.1; 5.1.2: a chain that failed has no order to rely on, so its end covers nothing but itself. */
static const char *write_seal(struct arc_seal *s, struct arc_made *m, enum auth_code cv)
{
    struct str covered[LIMIT_ARC_SETS * ARC_KINDS];
    size_t n = 0;
    uint8_t digest[SHA256_SIZE];
    struct dkim_folder f;
    dkim_fold_init(&f, s->arena, ARC_AS_NAME, LIMIT_DKIM_FIELD);
    dkim_fold_tag(&f, "i", m->position);
    dkim_fold_tag(&f, "a", algorithm(s->params));
    dkim_fold_tag(&f, "cv", str_of(auth_code_name(cv)));
    write_key_tags(s, &f);
    write_empty_b(&f);
    for (unsigned i = 1; i < m->instance && cv == AUTH_PASS; i++)
        for (int kind = 0; kind < ARC_KINDS; kind++)
            covered[n++] = arc_canonical(s->arena, m->chain->set[i].field[kind]->raw);
    covered[n++] = arc_canonical(s->arena, m->raw[ARC_AAR]);
    covered[n++] = arc_canonical(s->arena, m->raw[ARC_AMS]);
    arc_seal_digest(s->arena, covered, n, buf_view(&f.buf), digest);
    return write_signature(s, &f, digest, &m->raw[ARC_AS]);
}

static struct str value_of(struct str raw)
{
    struct str name, value;
    str_cut(raw, ':', &name, &value);
    return value;
}

bool arc_seal_finish(struct arc_seal *s, const struct headers *h, const struct arc_result *arrival, struct str authres,
                     struct arc_fields *out, const char **reason)
{
    struct arc_made m = { .chain = ARENA_NEW(s->arena, struct arc_chain) };
    *reason = dkim_headers_refusal(h);
    if (*reason == NULL) {
        choose_names(s, h);
        *reason = names_refusal(&s->names);
    }
    if (*reason == NULL) {
        arc_chain_read(s->arena, h, m.chain);
        *reason = chain_refusal(m.chain, arrival);
    }
    m.instance = m.chain->n + 1;
    m.position = str_printf(s->arena, "%u", m.instance);
    if (*reason == NULL)
        *reason = write_authres(s, &m, authres);
    if (*reason == NULL)
        *reason = write_message_signature(s, &m, h);
    if (*reason == NULL)
        *reason = write_seal(s, &m, arrival->code);
    if (*reason != NULL)
        return false;
    *out = (struct arc_fields){ value_of(m.raw[ARC_AAR]), value_of(m.raw[ARC_AMS]), value_of(m.raw[ARC_AS]) };
    return true;
}
