/* facts_test.c - results and lists as facts: what is aligned, what a signature that did not pass is worth, silent lists. */
#include "engine_support.h"

#include "milter/engine/engine_int.h"

/* ---- alignment ---- */

/* The author's domain is mail.good.example, its organizational domain, when a record was found, good.example. */
enum record { NO_RECORD, NOT_USABLE, RELAXED, STRICT };
static const struct {
    const char *name;
    enum record record;
    enum auth_code dmarc;
    bool spf_aligned, dkim_aligned; /* what dmarc_eval() says */
    struct {
        const char *domain;
        enum auth_code code;
    } spf, dkim[2];
    enum auth_code want_dkim;
    bool want;
} alignment[] = {
    { "pass", RELAXED, AUTH_PASS, false, true, { "x.example", AUTH_NONE }, { { "good.example", AUTH_PASS } }, AUTH_PASS, true },
    { "SPF alone",
      RELAXED,
      AUTH_PASS,
      true,
      false,
      { "good.example", AUTH_PASS },
      { { "x.example", AUTH_PASS } },
      AUTH_NONE,
      true },
    { "a signature of another domain",
      RELAXED,
      AUTH_FAIL,
      false,
      false,
      { "x.example", AUTH_PASS },
      { { "x.example", AUTH_PASS } },
      AUTH_NONE,
      false },
    { "a broken one",
      RELAXED,
      AUTH_FAIL,
      false,
      false,
      { "x.example", AUTH_FAIL },
      { { "x.example", AUTH_PASS }, { "sub.good.example", AUTH_FAIL } },
      AUTH_FAIL,
      false },
    { "the better of two",
      RELAXED,
      AUTH_TEMPERROR,
      false,
      false,
      { "x.example", AUTH_FAIL },
      { { "good.example", AUTH_TEMPERROR }, { "good.example", AUTH_FAIL } },
      AUTH_TEMPERROR,
      false },
    { "strict",
      STRICT,
      AUTH_FAIL,
      false,
      false,
      { "good.example", AUTH_PASS },
      { { "good.example", AUTH_FAIL }, { "mail.good.example", AUTH_PERMERROR } },
      AUTH_PERMERROR,
      false },
    { "DMARC says no",
      RELAXED,
      AUTH_FAIL,
      false,
      false,
      { "good.example", AUTH_PASS },
      { { "psd.good.example", AUTH_PASS } },
      AUTH_NONE,
      false },
    { "DMARC does not know",
      RELAXED,
      AUTH_TEMPERROR,
      false,
      false,
      { "x.example", AUTH_FAIL },
      { { "psd.good.example", AUTH_PASS } },
      AUTH_TEMPERROR,
      false },
    { "DMARC has looked at the key that was not to be had",
      RELAXED,
      AUTH_FAIL,
      false,
      false,
      { "x.example", AUTH_FAIL },
      { { "psd.good.example", AUTH_TEMPERROR } },
      AUTH_NONE,
      false },
    { "one below the site's demands, and one without an answer",
      NO_RECORD,
      AUTH_NONE,
      false,
      false,
      { "x.example", AUTH_FAIL },
      { { "mail.good.example", AUTH_POLICY }, { "mail.good.example", AUTH_TEMPERROR } },
      AUTH_TEMPERROR,
      false },
    { "no record known, beside",
      NO_RECORD,
      AUTH_TEMPERROR,
      false,
      false,
      { "x.example", AUTH_FAIL },
      { { "web.good.example", AUTH_PASS } },
      AUTH_TEMPERROR,
      false },
    { "no record known, above",
      NO_RECORD,
      AUTH_TEMPERROR,
      false,
      false,
      { "x.example", AUTH_FAIL },
      { { "good.example", AUTH_PASS } },
      AUTH_TEMPERROR,
      false },
    { "no record known, the same name",
      NO_RECORD,
      AUTH_TEMPERROR,
      false,
      false,
      { "x.example", AUTH_FAIL },
      { { "mail.good.example", AUTH_PASS } },
      AUTH_PASS,
      true },
    { "no record, the same name",
      NO_RECORD,
      AUTH_NONE,
      false,
      false,
      { "x.example", AUTH_PASS },
      { { "mail.good.example", AUTH_PASS } },
      AUTH_PASS,
      true },
    { "no record, above",
      NO_RECORD,
      AUTH_NONE,
      false,
      false,
      { "x.example", AUTH_PASS },
      { { "good.example", AUTH_PASS } },
      AUTH_PASS,
      true },
    { "no record, below",
      NO_RECORD,
      AUTH_NONE,
      false,
      false,
      { "a.mail.good.example", AUTH_PASS },
      { { NULL, AUTH_NONE } },
      AUTH_NONE,
      true },
    { "no record, beside",
      NO_RECORD,
      AUTH_NONE,
      false,
      false,
      { "web.good.example", AUTH_PASS },
      { { "web.good.example", AUTH_PASS } },
      AUTH_NONE,
      false },
    { "no record, the top",
      NO_RECORD,
      AUTH_NONE,
      false,
      false,
      { "example", AUTH_PASS },
      { { "example", AUTH_PASS } },
      AUTH_NONE,
      false },
    { "no record, no pass",
      NO_RECORD,
      AUTH_NONE,
      false,
      false,
      { "good.example", AUTH_SOFTFAIL },
      { { "good.example", AUTH_FAIL } },
      AUTH_FAIL,
      false },
    { "a record of no use, beside",
      NOT_USABLE,
      AUTH_NONE,
      false,
      false,
      { "x.example", AUTH_PASS },
      { { "web.good.example", AUTH_PASS } },
      AUTH_PASS,
      true },
    { "null sender", NO_RECORD, AUTH_NONE, false, false, { "", AUTH_NONE }, { { NULL, AUTH_NONE } }, AUTH_NONE, false },
};

static void facts_by_hand(struct arena *a, size_t row, struct msg *m)
{
    struct outcome *o = &m->outcome;
    static struct dmarc_record relaxed, strict = { .strict_dkim = true, .strict_spf = true };
    *m = (struct msg){ .arena = a, .conf = test_conf(a, "") };
    headers_init(&m->headers, a);
    o->dmarc = (struct dmarc_result){ .code = alignment[row].dmarc,
                                      .from_domain = STR("mail.good.example"),
                                      .org_domain = STR("mail.good.example"),
                                      .has_policy = alignment[row].record >= RELAXED,
                                      .spf_aligned = alignment[row].spf_aligned,
                                      .dkim_aligned = alignment[row].dkim_aligned,
                                      .dkim_open = alignment[row].dmarc == AUTH_TEMPERROR };
    if (alignment[row].record != NO_RECORD) {
        o->dmarc.org_domain = STR("good.example");
        o->dmarc.record = alignment[row].record == STRICT ? &strict : &relaxed;
    }
    o->spf = (struct spf_result){ .code = alignment[row].spf.code, .domain = str_of(alignment[row].spf.domain) };
    o->dkim = ARENA_ARRAY(a, struct dkim_result, 2);
    for (; o->n_dkim < 2 && alignment[row].dkim[o->n_dkim].domain != NULL; o->n_dkim++) {
        o->dkim[o->n_dkim].code = alignment[row].dkim[o->n_dkim].code;
        o->dkim[o->n_dkim].domain = str_of(alignment[row].dkim[o->n_dkim].domain);
    }
    facts_of(m);
}

static void what_is_aligned(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(alignment); i++) {
        struct arena *a = arena_new();
        struct msg m;
        facts_by_hand(a, i, &m);
        ROW_INT(alignment[i].name, m.outcome.facts.dkim_aligned, alignment[i].want_dkim);
        ROW_INT(alignment[i].name, m.outcome.facts.aligned, alignment[i].want);
        conf_unref(m.conf);
        arena_free(a);
    }
}

/* ---- the site's lists ---- */

#define DEAD "socketmap:unix:/nonexistent/mailseal-test:x"
enum { TREAT = 1, NEVER = 2, REQUIRE = 4, EXEMPT = 8 };
static const struct {
    const char *name;
    const char *option, *list; /* list NULL: a server that is not there */
    const char *signer;        /* of a signature that passed, or NULL */
    unsigned want;
    bool unanswered;
} lists[] = {
    { "no list", "", "", NULL, 0, false },
    { "treat as reject", "treat-as-reject", "mail.good.example\n", NULL, TREAT, false },
    { "never reject", "never-reject", ".good.example\n", NULL, NEVER, false },
    { "require DKIM", "require-dkim", "mail.good.example\n", NULL, REQUIRE, false },
    { "another domain", "treat-as-reject", "x.example\n", NULL, 0, false },
    { "client", "exempt-clients", "192.0.2.0/24\n", NULL, EXEMPT, false },
    { "another client", "exempt-clients", "192.0.2.8\n", NULL, 0, false },
    { "signer", "exempt-dkim-domains", "list.example\n", "list.example", EXEMPT, false },
    { "another signer", "exempt-dkim-domains", "good.example\n", "list.example", 0, false },
    { "silent about the author", "require-dkim", NULL, NULL, 0, true },
    { "silent about the signer", "exempt-dkim-domains", NULL, "list.example", 0, true },
    { "nobody to ask about", "exempt-dkim-domains", NULL, NULL, 0, false },
};

static void what_the_lists_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(lists); i++) {
        struct arena *a = arena_new();
        const char *list = lists[i].list != NULL ? test_file(a, lists[i].list) : DEAD;
        const char *text = *lists[i].option != '\0' ? str_cstr(a, str_printf(a, "%s = \"%s\"\n", lists[i].option, list)) : "";
        static const struct client_names none;
        struct msg m = { .arena = a, .conf = test_conf(a, text), .client_names = &none };
        struct dkim_result signature = { .code = AUTH_PASS, .domain = str_of(lists[i].signer) };
        headers_init(&m.headers, a);
        assert_true(ip_parse(STR("192.0.2.1"), &m.client));
        m.outcome.dmarc.from_domain = STR("mail.good.example");
        m.outcome.dkim = &signature;
        m.outcome.n_dkim = lists[i].signer != NULL;
        facts_of(&m);
        const struct policy_facts *f = &m.outcome.facts;
        unsigned got = (f->treat_as_reject ? TREAT : 0) | (f->never_reject ? NEVER : 0) | (f->require_dkim ? REQUIRE : 0) |
                       (f->exempt ? EXEMPT : 0);
        ROW_INT(lists[i].name, got, lists[i].want);
        ROW_INT(lists[i].name, m.unanswered != NULL, lists[i].unanswered);
        if (lists[i].list != NULL)
            unlink(list);
        conf_unref(m.conf);
        arena_free(a);
    }
}

/* ---- who and where ---- */

static void who_sends_what_to_whom(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *list = test_file(a, "good.example\n"), *clients = test_file(a, "0.0.0.0/0\n.example\n");
    const char *conf = str_cstr(a, str_printf(a,
                                              "internal-networks = \"10.0.0.0/8\"\ntreat-as-reject = \"%s\"\n"
                                              "exempt-clients = \"%s\"\n",
                                              list, clients));
    struct env *e = test_policy_env(a, conf, "rule \"all\" { action = accept }");
    unlink(list);
    unlink(clients);
    static const struct {
        const char *client;
        bool authenticated, local;
        enum direction direction;
        enum client_class class;
    } rows[] = {
        { "192.0.2.1", false, false, DIRECTION_INBOUND, CLIENT_OUTSIDE },
        { "192.0.2.1", true, false, DIRECTION_OUTBOUND, CLIENT_OUTSIDE },
        { "10.0.0.1", false, false, DIRECTION_OUTBOUND, CLIENT_INTERNAL },
        { "127.0.0.1", false, true, DIRECTION_OUTBOUND, CLIENT_LOCAL },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct conn *c = test_conn(e, rows[i].client);
        struct msg_info info = { .mail_from = STR("<a@Bounce.Good.example>"),
                                 .daemon = STR("ORIGINATING"),
                                 .authenticated = rows[i].authenticated,
                                 .local = rows[i].local };
        struct msg *m = msg_new(c, &info);
        msg_header(m, STR("From"), STR(" a@Good.Example"));
        msg_eoh(m);
        msg_queue_id(m, STR("4abc"));
        const struct policy_facts *f = &msg_eom(m)->facts;
        ROW_INT(rows[i].client, f->direction, rows[i].direction);
        ROW_INT(rows[i].client, f->client, rows[i].class);
        ROW_INT(rows[i].client, f->authenticated, rows[i].authenticated);
        /* lists are about mail of others */
        ROW_INT(rows[i].client, f->treat_as_reject, rows[i].direction == DIRECTION_INBOUND);
        ROW_INT(rows[i].client, f->exempt, rows[i].direction == DIRECTION_INBOUND);
        ROW_STR("from", f->from_domain, STR("good.example"));
        ROW_STR("sender", f->sender_domain, STR("bounce.good.example"));
        ROW_STR("recipient", f->recipient_domain, STR_NONE);
        ROW_STR("daemon", f->daemon, STR("ORIGINATING"));
        ROW_STR("ip", f->client_ip, str_of(rows[i].client));
        ROW_STR("id", f->queue_id, STR("4abc"));
        assert_true(f->now > 0);
        test_done(m, c, NULL);
    }
    test_done(NULL, NULL, e);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_aligned), cmocka_unit_test(what_the_lists_say),
                                        cmocka_unit_test(who_sends_what_to_whom) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
