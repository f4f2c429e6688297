/*
 * prop_engine.c - P7: whole messages from random outside clients, through the engine. The field we write says dmarc=pass only where
 * the references of P1, P3, P4 and P5 allow an aligned pass, and where nothing was changed it does say so; likewise spf and dkim.
 *
 * P8: such messages, and those of our own clients and relays, have facts that there can be: the proof that a rule can never match
 * (milter/policy/space.c) rests on it.
 */
#include "mailseal/conf.h"
#include "mailseal/engine.h"

#include "milter/policy/policy_int.h"
#include "tests/property/property.h"

static const char *const domains[] = { "good.test", "sub.good.test", "evil.test", "s1.test", "xgood.test", "good.test.evil.test" };
enum { DOMAINS = 6 };

const struct outcome *drive(struct trial *t, struct conn *c, struct str mail_from, bool authenticated, struct str message,
                            struct msg **m)
{
    struct ref_mail mail;
    struct msg_info info = { .mail_from = mail_from, .auth_user = STR_NONE, .authenticated = authenticated };
    *m = msg_new(c, &info);
    msg_rcpt(*m, STR("<rcpt@site.test>"));
    ref_mail_split(t->arena, message, &mail);
    for (size_t i = 0; i < mail.n; i++) {
        struct str name, value;
        (void)str_cut(mail.v[i].raw, ':', &name, &value);
        msg_header(*m, name, value);
    }
    msg_eoh(*m);
    for (struct str rest = mail.body; rest.n > 0;) {
        size_t n = 1 + random_to(&t->random, rest.n);
        if (!msg_body(*m, rest.p, n))
            break;
        rest = str_skip(rest, n);
    }
    return msg_eom(*m);
}

/* What another machine would read in our field: without comments and quoted strings, is there ";method=pass"? */
static bool says_pass(struct arena *a, struct str v, const char *method)
{
    struct buf b;
    unsigned depth = 0;
    bool quoted = false;
    buf_init(&b, a, ROOM);
    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        if (c == '\\' && (quoted || depth > 0))
            i++;
        else if (quoted)
            quoted = c != '"';
        else if (c == '(')
            depth++;
        else if (depth > 0)
            depth -= c == ')';
        else if (c == '"')
            quoted = true;
        else if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
            buf_char(&b, char_lower(c));
    }
    const char *wanted = str_cstr(a, str_printf(a, ";%s=pass", method));
    return strstr(b.p, wanted) != NULL || strncmp(b.p, wanted + 1, strlen(wanted) - 1) == 0;
}

struct engine_case {
    const char *home; /* the domain that author, sender and signer have in common, when they do */
    struct zone zone;
    struct str message, helo, mail_from, spf_domain; /* spf_domain: of the MAIL FROM identity, or empty */
    struct ip client;
    struct ref_sig good;
    bool acceptable; /* the signature is in time and has a key */
};

static const char *choose_domain(struct trial *t, const struct engine_case *c)
{
    return random_one_in(&t->random, 2) ? c->home : random_of(&t->random, domains, DOMAINS);
}

static void gen_envelope(struct trial *t, struct engine_case *c)
{
    struct random *r = &t->random;
    const char *domain = choose_domain(t, c), *helo = choose_domain(t, c);
    bool odd_helo = random_one_in(r, 4);
    c->helo = str_of(
        odd_helo ? RANDOM_OF(r, "good.test;dmarc=pass", "x\"; dmarc=pass (", "[192.0.2.1]", "single", "a;\r\n dmarc=pass") : helo);
    c->spf_domain = str_of(domain);
    switch (random_to(r, 8)) {
    case 0:
        c->mail_from = str_of(RANDOM_OF(r, "<>", ""));
        c->spf_domain = odd_helo ? STR_NONE : str_of(helo);
        break;
    case 1:
        c->mail_from = str_printf(t->arena, "<\"x@good.test; dmarc=pass\"@%s>", domain);
        break;
    case 2:
        c->mail_from = str_printf(t->arena, "<@good.test:u@%s>", domain);
        break;
    case 3:
        c->mail_from = STR("<u@good.test\"; dmarc=pass>");
        c->spf_domain = STR_NONE;
        break;
    default:
        c->mail_from = str_printf(t->arena, "<u@%s>", domain);
    }
}

static void gen_zone(struct trial *t, struct engine_case *c)
{
    struct random *r = &t->random;
    zone_init(&c->zone, t->arena);
    for (unsigned i = 0; i < DOMAINS; i++) {
        if (!random_one_in(r, 3))
            gen_spf_record(t, &c->zone, i, str_of(domains[i]));
        if (!random_one_in(r, 3))
            zone_add(&c->zone, zone_name(t->arena, "_dmarc.", str_of(domains[i])), DNS_TXT,
                     random_one_in(r, 2) ? STR("v=DMARC1; p=reject") : gen_dmarc_record(t));
    }
    if (random_one_in(r, 6))
        zone_add(&c->zone, STR("_dmarc.test"), DNS_TXT, gen_dmarc_record(t));
    gen_hosts(t, &c->zone);
    c->client = gen_client(t, &c->zone);
    if (random_one_in(r, 6))
        zone_fail(&c->zone,
                  zone_name(t->arena, RANDOM_OF(r, "", "_dmarc.", "s._domainkey."), str_of(domains[random_to(r, DOMAINS)])),
                  DNS_TXT);
}

/* From, a signature perhaps, and its key perhaps. */
static void gen_mail(struct trial *t, struct engine_case *c)
{
    struct random *r = &t->random;
    enum key_type type = random_one_in(r, 4) ? KEY_RSA : KEY_ED25519;
    struct str author, signer = str_of(choose_domain(t, c));
    const char *from = choose_domain(t, c);
    struct ref_mail m;
    struct look look;
    bool in_time;
    struct str key = zone_name(t->arena, "s._domainkey.", signer);
    c->message = gen_message(t, gen_from(t, &from, 1, &author));
    c->acceptable = false;
    if (random_one_in(r, 4))
        return;
    struct str with = gen_signed(t, c->message, type, signer, STR("s"), &in_time);
    if (with.n == 0)
        return;
    c->message = with;
    if (!random_one_in(r, 6))
        zone_add(&c->zone, key, DNS_TXT, dkim_key_record(t->arena, t->keys->key[type]));
    zone_look(&c->zone, key, DNS_TXT, &look);
    ref_mail_split(t->arena, c->message, &m);
    for (size_t i = 0; i < m.n; i++)
        if (ref_name_is(m.v[i].name, "dkim-signature"))
            ref_sig_read(t->arena, &m, i, &c->good);
    c->acceptable = in_time && look.n > 0 && c->good.valid;
}

/* What the references say about one message. */
struct verdicts {
    enum expect dkim;
    enum auth_code spf, helo;
    bool unsure, dmarc;
};

static void read_verdicts(struct arena *a, const struct engine_case *c, struct str message, struct verdicts *v)
{
    struct ref_spf spf = { .zone = &c->zone, .arena = a, .client = c->client }, helo = spf;
    struct ref_id ids[2];
    struct ref_mail m;
    struct ref_from from;
    struct ref_dmarc dmarc;
    size_t n = 0;
    bool named = memchr(c->helo.p, '.', c->helo.n) != NULL && strcspn(c->helo.p, ";[\" ") == c->helo.n;
    v->dkim = ref_expect(a, &c->good, c->acceptable, false, message);
    v->spf = c->spf_domain.n > 0 ? ref_spf_check(&spf, c->spf_domain) : AUTH_NONE;
    v->helo = named ? ref_spf_check(&helo, c->helo) : AUTH_NONE;
    v->unsure = spf.unsure;
    if (c->spf_domain.n > 0)
        ids[n++] = (struct ref_id){ c->spf_domain, v->spf, true };
    if (v->dkim != EXPECT_NO_PASS)
        ids[n++] = (struct ref_id){ str_lower(a, c->good.domain), AUTH_PASS, false };
    ref_mail_split(a, message, &m);
    ref_from_of_mail(a, &m, &from);
    v->dmarc = false;
    if (from.odd || from.n != 1)
        return;
    ref_dmarc_eval(&c->zone, a, from.domain, ids, n, &dmarc);
    v->dmarc = dmarc.code == AUTH_PASS;
    v->unsure = v->unsure || dmarc.other != dmarc.code;
}

static struct str our_field(const struct outcome *o)
{
    for (size_t i = 0; i < o->n_edits; i++)
        if (o->edits[i].op == EDIT_INSERT && ref_name_is(o->edits[i].name, "authentication-results"))
            return o->edits[i].value;
    return STR_NONE;
}

static bool judge(struct trial *t, struct arena *a, const struct engine_case *c, const struct outcome *o, struct str message,
                  bool unchanged)
{
    struct str field = our_field(o);
    struct verdicts v;
    const char *wrong = NULL;
    read_verdicts(a, c, message, &v);
    bool dmarc = says_pass(a, field, "dmarc");
    bool certain = unchanged && v.dkim != EXPECT_EITHER && !v.unsure && o->author.status == AUTHOR_ONE &&
                   (o->spf.code != AUTH_TEMPERROR || v.spf == AUTH_TEMPERROR);
    if (field.n == 0)
        wrong = "no field of ours";
    else if (says_pass(a, field, "spf") && v.spf != AUTH_PASS && v.helo != AUTH_PASS)
        wrong = "spf=pass";
    else if (says_pass(a, field, "dkim") && v.dkim == EXPECT_NO_PASS)
        wrong = "dkim=pass";
    else if (dmarc && !v.dmarc)
        wrong = "dmarc=pass";
    else if (certain && v.dmarc && !dmarc)
        wrong = "no dmarc=pass";
    t->mutations++;
    t->passes += dmarc;
    if (wrong == NULL)
        return true;
    return trial_violated(t, message, &c->zone,
                          "%s, client %.*s helo '%.*s' mail from '%.*s', where the references say spf %s, dkim %s, "
                          "dmarc %s; the field:%.*s",
                          wrong, STR_FMT(ip_text(a, c->client)), STR_FMT(c->helo), STR_FMT(c->mail_from), auth_code_name(v.spf),
                          v.dkim == EXPECT_NO_PASS ? "no" : "pass", v.dmarc ? "pass" : "no", STR_FMT(field));
}

static bool check(struct trial *t, const struct engine_case *c, struct env *e, struct str message, bool unchanged)
{
    struct arena *a = arena_new();
    struct conn *conn = conn_new(e, c->client);
    struct msg *m;
    conn_helo(conn, c->helo);
    const struct outcome *o = drive(t, conn, c->mail_from, false, message, &m);
    bool fine = judge(t, a, c, o, message, unchanged);
    msg_free(m);
    conn_free(conn);
    arena_free(a);
    return fine;
}

bool property_engine(struct trial *t)
{
    struct engine_case *c = ARENA_NEW(t->arena, struct engine_case);
    const char *error = NULL;
    bool fine;
    c->home = random_of(&t->random, domains, DOMAINS);
    gen_zone(t, c);
    gen_envelope(t, c);
    gen_mail(t, c);
    struct env *e = env_new(conf_ref(t->keys->conf[0]), zone_dns(&c->zone), 0, &error);
    fine = check(t, c, e, c->message, true);
    for (unsigned i = 0; fine && i < 12; i++)
        fine = check(t, c, e, random_mutation(&t->random, t->arena, c->message, 0, c->message.n), false);
    env_free(e);
    return fine;
}

/* ---- P8 ---- */

static bool is_in_box(const struct space *s, const uint64_t *box, const struct policy_facts *f)
{
    for (size_t d = 0; d < s->n; d++)
        if (s->dim[d].fact->kind == FACT_WORD && (box[d] >> policy_fact_code(s->dim[d].fact, f) & 1) == 0)
            return false;
    return true;
}

static const char *impossible(struct arena *a, const struct policy_facts *f)
{
    const struct space *s = space_of(a, NULL, 0);
    for (size_t i = 0; i < s->n_impossible; i++)
        if (is_in_box(s, s->impossible + i * s->n, f))
            return s->why[i];
    return NULL;
}

/* By a relay of ours, which may or may not say where the message came from. */
static struct str relayed(struct trial *t, struct arena *a, const struct engine_case *c, struct str message)
{
    struct str ip = ip_text(a, c->client);
    if (random_one_in(&t->random, 3))
        return message;
    return str_printf(a,
                      "Received: from %s (unknown [%s%.*s])\r\n by relay.test with ESMTP; Thu, 1 Jan 1970 00:00:00 +0000\r\n%.*s",
                      choose_domain(t, c), c->client.family == 6 ? "IPv6:" : "", STR_FMT(ip), STR_FMT(message));
}

static bool judge_facts(struct trial *t, struct arena *a, const struct engine_case *c, const struct outcome *o, struct str message)
{
    const char *why = impossible(a, &o->facts);
    t->mutations++;
    t->passes += o->facts.dmarc == AUTH_PASS;
    return why == NULL || trial_violated(t, message, &c->zone, "%s: %.*s", why, STR_FMT(policy_facts_write(a, &o->facts)));
}

static bool check_facts(struct trial *t, const struct engine_case *c, struct env *e, struct str message)
{
    struct arena *a = arena_new();
    struct ip client = c->client;
    const char *host = RANDOM_OF(&t->random, "", "", PROPERTY_RELAY, "198.19.0.1");
    if (*host != '\0' && !ip_parse(str_of(host), &client))
        abort();
    if (str_eq(str_of(host), STR(PROPERTY_RELAY)))
        message = relayed(t, a, c, message);
    struct conn *conn = conn_new(e, client);
    struct msg *m;
    conn_helo(conn, c->helo);
    const struct outcome *o = drive(t, conn, c->mail_from, random_one_in(&t->random, 5), message, &m);
    bool fine = judge_facts(t, a, c, o, message);
    msg_free(m);
    conn_free(conn);
    arena_free(a);
    return fine;
}

/* Several From fields, none, or one that a mutation has spoilt. */
static struct str spoil(struct trial *t, struct str message)
{
    switch (random_to(&t->random, 6)) {
    case 0:
        return str_printf(t->arena, "From: %s\r\n%.*s", RANDOM_OF(&t->random, "u@evil.test", "u@good.test, v@evil.test", "u", ""),
                          STR_FMT(message));
    case 1:
        return str_printf(t->arena, "X-Was-%.*s", STR_FMT(message));
    case 2:
        return message;
    default:
        return random_mutation(&t->random, t->arena, message, 0, message.n);
    }
}

bool property_facts(struct trial *t)
{
    struct engine_case *c = ARENA_NEW(t->arena, struct engine_case);
    const char *error = NULL;
    bool fine = true;
    c->home = random_of(&t->random, domains, DOMAINS);
    gen_zone(t, c);
    gen_envelope(t, c);
    gen_mail(t, c);
    struct env *e = env_new(conf_ref(t->keys->conf[2]), zone_dns(&c->zone), 0, &error);
    for (unsigned i = 0; fine && i < 12; i++)
        fine = check_facts(t, c, e, spoil(t, c->message));
    env_free(e);
    return fine;
}
