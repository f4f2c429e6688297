/* client_name_test.c - names of a client count when they have its address, and only when a list has names at all. */
#include "engine_support.h"

#include "milter/engine/engine_int.h"

#define NAMES                                                                                                                      \
    "{\"1.2.0.192.in-addr.arpa\":{\"PTR\":[\"forged.example\",\"Mail.Partner.Example\",\"not a name\",\"mx.partner.example\"]},"   \
    "\"forged.example\":{\"A\":[\"203.0.113.1\"]},\"mail.partner.example\":{\"A\":[\"203.0.113.1\",\"192.0.2.1\"]},"               \
    "\"mx.partner.example\":{\"A\":[\"192.0.2.1\"]},"                                                                              \
    "\"2.2.0.192.in-addr.arpa\":\"TIMEOUT\","                                                                                      \
    "\"3.2.0.192.in-addr.arpa\":{\"PTR\":[\"slow.partner.example\",\"mx3.example\"]},\"slow.partner.example\":\"TIMEOUT\","        \
    "\"mx3.example\":{\"A\":[\"192.0.2.3\"]},"                                                                                     \
    "\"4.2.0.192.in-addr.arpa\":{\"PTR\":[\"a.example\",\"b.example\",\"c.example\",\"d.example\",\"e.partner.example\"]},"        \
    "\"e.partner.example\":{\"A\":[\"192.0.2.4\"]},"                                                                               \
    "\"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa\":{\"PTR\":[\"six.partner.example\"]},"            \
    "\"six.partner.example\":{\"AAAA\":[\"2001:db8::1\"]}}"

static const struct {
    const char *name, *list, *client;
    const char *names[3];
    bool failed, exempt;
    unsigned queries; /* beside those for SPF and DMARC */
} rows[] = {
    { "confirmed names only", ".partner.example\n", "192.0.2.1", { "mail.partner.example", "mx.partner.example" }, false, true, 4 },
    { "another name is listed",
      "forged.example\n",
      "192.0.2.1",
      { "mail.partner.example", "mx.partner.example" },
      false,
      false,
      4 },
    { "no name in the list", "192.0.2.0/24\n", "192.0.2.1", { NULL }, false, true, 0 },
    { "no answer", ".partner.example\n", "192.0.2.2", { NULL }, true, false, 1 },
    { "no answer about one", "mx3.example\n", "192.0.2.3", { "mx3.example" }, true, true, 3 },
    { "none beyond the limit", ".partner.example\n", "192.0.2.4", { NULL }, false, false, 5 },
    { "no names", ".partner.example\n", "192.0.2.5", { NULL }, false, false, 1 },
    { "IPv6", "six.partner.example\n", "2001:db8::1", { "six.partner.example" }, false, true, 2 },
};

static unsigned questions(struct arena *a, const char *conf, const char *client, struct env **e, struct conn **c, struct msg **m)
{
    const char *error = NULL;
    *e = env_new(test_conf(a, conf), dns_snapshot_of_json(js_read(a, STR(NAMES), &error), &error), 0, &error);
    *c = test_conn(*e, client);
    return test_message(*c, "<a@good.example>", false, FIELDS("From: a@good.example"), m)->dns_queries;
}

static void names_of_clients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct env *e;
        struct conn *c;
        struct msg *m;
        unsigned without = questions(a, "", rows[i].client, &e, &c, &m);
        test_done(m, c, e);
        const char *list = test_file(a, rows[i].list);
        const char *conf = str_cstr(a, str_printf(a, "exempt-clients = \"%s\"\n", list));
        ROW_INT(rows[i].name, questions(a, conf, rows[i].client, &e, &c, &m) - without, rows[i].queries);
        unlink(list);
        size_t n = 0;
        for (; n < 3 && rows[i].names[n] != NULL; n++)
            ROW_STR(rows[i].name, m->client_names->name[n], str_of(rows[i].names[n]));
        ROW_INT(rows[i].name, m->client_names->n, n);
        ROW_INT(rows[i].name, m->client_names->failed, rows[i].failed);
        ROW_INT(rows[i].name, m->outcome.facts.exempt, rows[i].exempt);
        ROW_INT(rows[i].name, m->unnamed, rows[i].failed && !rows[i].exempt);
        test_done(m, c, e);
        arena_free(a);
    }
}

/* The questions go on in a worker; a message may end without them. */
static void a_message_may_end_before_its_names_are_known(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *error = NULL, *list = test_file(a, ".partner.example\n");
    struct conf *conf = test_conf(a, str_cstr(a, str_printf(a, "exempt-clients = \"%s\"\n", list)));
    struct env *e = env_new(conf, dns_snapshot_of_json(js_read(a, STR(NAMES), &error), &error), 2, &error);
    struct conn *c = test_conn(e, "192.0.2.1");
    unlink(list);
    for (int i = 0; i < 20; i++)
        msg_free(msg_new(c, &(struct msg_info){ .mail_from = STR("<a@good.example>") }));
    test_done(NULL, c, e);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_clients),
        cmocka_unit_test(a_message_may_end_before_its_names_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
