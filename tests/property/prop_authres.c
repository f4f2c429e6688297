/*
 * prop_authres.c - P6: whatever Authentication-Results fields a message brings, after our edits none but ours on top can be taken
 * for ours (RFC 8601 5), by our own reader or by a careless one; and Postfix, which counts the instances of a name as they are
 * now, and Sendmail, which counts them as they were, come to the same header.
 */
#include "mailseal/conf.h"
#include "mailseal/domain.h"
#include "mailseal/engine.h"

#include "tests/property/property.h"

enum { FIELDS = 24, MANY = 2100, ID_SPELLINGS = 3 };
#define AUTHRES "Authentication-Results"

/* The ids of the two configurations, in every form a reader may compare. */
static const char *const own_ids[2][ID_SPELLINGS] = { { "mx.test", "old.mx.test", "mx.test" },
                                                      { "b\xc3\xbc"
                                                        "cher.test",
                                                        "xn--bcher-kva.test", "old.mx.test" } };

struct line {
    struct str name, value;
    bool gone;
};

/* ---- what a sender may write ---- */
static void add_spelled(struct random *r, struct buf *b, const char *id)
{
    bool quoted = random_one_in(r, 4);
    const char *odd = random_one_in(r, 2) ? "" : RANDOM_OF(r, "(c)", "\r\n ", " ", "((a)b)", "\"\"", "\\", ".");
    size_t at = random_to(r, strlen(id) + 1);
    bool everywhere = random_one_in(r, 10);
    buf_puts(b, RANDOM_OF(r, " ", "", "\r\n\t", " (a comment; with \\) x) ", "  "));
    if (quoted)
        buf_char(b, '"');
    for (size_t i = 0; id[i] != '\0'; i++) {
        if (i == at || (everywhere && random_one_in(r, 2)))
            buf_puts(b, odd);
        buf_char(b, random_one_in(r, 6) && id[i] >= 'a' && id[i] <= 'z' ? (char)(id[i] - 32) : id[i]);
    }
    if (quoted)
        buf_char(b, '"');
    buf_puts(b, RANDOM_OF(r, "", "", ".", " 1", " (x)", "(x) 1", "\r\n 2", ".."));
}

static struct str gen_value(struct trial *t, unsigned which)
{
    struct random *r = &t->random;
    struct buf b;
    buf_init(&b, t->arena, ROOM);
    if (random_one_in(r, 3))
        buf_puts(&b, RANDOM_OF(r, " mx.other.test", " xmx.test", " mx.test.evil.test", "", " ;", " (mx.test", "  other 1"));
    else
        add_spelled(r, &b, own_ids[which][random_to(r, ID_SPELLINGS)]);
    buf_puts(
        &b, RANDOM_OF(r, "; dmarc=pass header.from=good.test", ";dkim=pass", "; none", "", " ; spf=pass\r\n smtp.mailfrom=x", ";"));
    return buf_view(&b);
}

static size_t gen_lines(struct trial *t, unsigned which, struct line *v)
{
    struct random *r = &t->random;
    bool many = random_one_in(r, 3000);
    size_t n = many ? MANY : 1 + random_to(r, FIELDS - 1);
    for (size_t i = 0; i < n; i++) {
        if (!random_one_in(r, many ? 200 : 2)) {
            v[i] = (struct line){ .name = STR("X-Other"), .value = STR(" mx.test; dmarc=pass") };
            continue;
        }
        v[i].name =
            str_of(RANDOM_OF(r, AUTHRES, AUTHRES, "AUTHENTICATION-results", "Authentication-Results ", "authentication-results\t"));
        v[i].value = gen_value(t, which);
        v[i].gone = false;
    }
    if (random_one_in(r, 8))
        v[random_to(r, n)] = (struct line){ .name = STR("From"), .value = STR(" u@good.test") };
    return n;
}

/* A mail server hands over no other names: visible characters but ":", then white space perhaps. */
static bool is_possible_name(struct str s)
{
    size_t i = 0;
    while (i < s.n && s.p[i] > ' ' && s.p[i] < 0x7f && s.p[i] != ':')
        i++;
    bool any = i > 0;
    while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t'))
        i++;
    return any && i == s.n;
}

static void change(struct trial *t, struct line *v, size_t n)
{
    struct line *l = &v[random_to(&t->random, n)];
    struct str name = random_mutation(&t->random, t->arena, l->name, 0, l->name.n);
    if (random_one_in(&t->random, 10) && is_possible_name(name))
        l->name = name;
    else
        l->value = random_mutation(&t->random, t->arena, l->value, 0, l->value.n < 30 ? l->value.n + 1 : 30);
}

/* ---- the mail servers ---- */
static bool is_name(struct str name, struct str wanted)
{
    while (name.n > 0 && (name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '\t'))
        name.n--;
    return str_ieq(name, wanted);
}

/* Applies the edits; `out` has room for one more field for each. as_now: gone fields do not count. */
static size_t apply(const struct outcome *o, const struct line *in, size_t n, bool as_now, struct line *out)
{
    memcpy(out, in, n * sizeof(*in));
    for (size_t e = 0; e < o->n_edits; e++) {
        const struct edit *edit = &o->edits[e];
        unsigned seen = 0;
        if (edit->op == EDIT_INSERT) {
            memmove(out + 1, out, n * sizeof(*out));
            out[0] = (struct line){ .name = edit->name, .value = edit->value };
            n++;
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            if (!is_name(out[i].name, edit->name) || (as_now && out[i].gone) || ++seen != edit->index)
                continue;
            out[i].gone = true;
            break;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!out[i].gone)
            out[kept++] = out[i];
    return kept;
}

/* ---- the readers ---- */
static bool is_own_id(const char *p, size_t n, unsigned which)
{
    while (n > 0 && p[n - 1] == '.')
        n--;
    for (size_t i = 0; i < ID_SPELLINGS; i++)
        if (strlen(own_ids[which][i]) == n && memcmp(p, own_ids[which][i], n) == 0)
            return true;
    return false;
}

/* A careless reader: lower case, without comments, quotes and what quotes in them; its id is the first word, or the first few run
 * together, up to ";". Dots at the end do not count. */
static bool lax_is_ours(struct arena *a, struct str v, unsigned which)
{
    char *p = arena_alloc(a, v.n);
    size_t n = 0, depth = 0;
    bool quoted = false, ours = false;
    for (size_t i = 0; i < v.n && (v.p[i] != ';' || depth > 0 || quoted); i++) {
        char c = v.p[i];
        bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
        bool pair = c == '\\' && (quoted || depth > 0) && i + 1 < v.n;
        if (pair)
            c = v.p[++i];
        if (c == '"' && depth == 0 && !pair)
            quoted = !quoted;
        else if (c == '(' && !quoted && !pair)
            depth++;
        else if (c == ')' && depth > 0 && !pair)
            depth--;
        else if (depth == 0 && !blank)
            p[n++] = char_lower(c);
        if (!quoted && (blank || c == ')' || c == '('))
            ours = ours || is_own_id(p, n, which);
    }
    return ours || is_own_id(p, n, which);
}

static bool is_ours(struct arena *a, struct str value, unsigned which)
{
    struct authres read;
    struct str name;
    (void)!authres_parse(a, value, &read);
    if (!domain_normalise(a, read.authserv_id, &name))
        name = read.authserv_id;
    for (size_t i = 0; i < ID_SPELLINGS; i++)
        if (str_ieq(read.authserv_id, str_of(own_ids[which][i])) || str_ieq(name, str_of(own_ids[which][i])))
            return true;
    return lax_is_ours(a, value, which);
}

static struct str text_of(struct arena *a, const struct line *v, size_t n)
{
    struct buf b;
    buf_init(&b, a, ROOM);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%.*s:%.*s\r\n", STR_FMT(v[i].name), STR_FMT(v[i].value));
    return buf_view(&b);
}

static bool judge(struct trial *t, struct arena *a, const struct outcome *o, const struct line *v, size_t n, unsigned which)
{
    size_t room = n + o->n_edits, kept, kept2, ours = 0;
    struct line *postfix = ARENA_ARRAY(a, struct line, room), *sendmail = ARENA_ARRAY(a, struct line, room);
    kept = apply(o, v, n, true, postfix);
    kept2 = apply(o, v, n, false, sendmail);
    bool alike = kept == kept2;
    for (size_t i = 0; i < kept && alike; i++)
        alike = str_eq(postfix[i].name, sendmail[i].name) && str_eq(postfix[i].value, sendmail[i].value);
    if (!alike)
        return trial_violated(t, text_of(a, v, n), NULL, "Postfix and Sendmail come to different headers");
    for (size_t i = 0; i < n; i++)
        ours += !is_name(v[i].name, STR(AUTHRES));
    for (size_t i = 0; i < kept; i++)
        ours -= !is_name(postfix[i].name, STR(AUTHRES));
    if (ours != 0)
        return trial_violated(t, text_of(a, v, n), NULL, "a field of another name is gone");
    if (!o->exempt && (!is_name(postfix[0].name, STR(AUTHRES)) || !is_ours(a, postfix[0].value, which)))
        return trial_violated(t, text_of(a, v, n), NULL, "our own field is not on top");
    for (size_t i = !o->exempt; i < kept; i++)
        if (is_name(postfix[i].name, STR(AUTHRES)) && is_ours(a, postfix[i].value, which))
            return trial_violated(t, text_of(a, v, n), NULL, "a field that can be taken for ours was kept: '%.*s'",
                                  STR_FMT(str_escape(a, postfix[i].value, 300)));
    t->passes += kept < n;
    return true;
}

static bool check(struct trial *t, const struct line *v, size_t n, unsigned which)
{
    struct arena *a = arena_new();
    struct zone z;
    const char *error = NULL;
    zone_init(&z, a);
    struct env *e = env_new(conf_ref(t->keys->conf[which]), zone_dns(&z), 0, &error);
    struct conn *c = conn_new(e, gen_client(t, &z));
    struct msg_info info = { .mail_from = STR("<u@x.test>"), .auth_user = STR_NONE, .authenticated = random_one_in(&t->random, 4) };
    struct msg *m = msg_new(c, &info);
    for (size_t i = 0; i < n; i++)
        msg_header(m, v[i].name, v[i].value);
    msg_eoh(m);
    msg_body(m, "x\r\n", 3);
    bool fine = judge(t, a, msg_eom(m), v, n, which);
    t->mutations++;
    msg_free(m);
    conn_free(c);
    env_free(e);
    arena_free(a);
    return fine;
}

bool property_authres(struct trial *t)
{
    unsigned which = random_to(&t->random, 2);
    struct line *v = ARENA_ARRAY(t->arena, struct line, MANY);
    size_t n = gen_lines(t, which, v);
    if (!check(t, v, n, which))
        return false;
    for (unsigned i = 0; i < (n == MANY ? 0 : 12); i++) {
        change(t, v, n);
        if (!check(t, v, n, which))
            return false;
    }
    return true;
}
