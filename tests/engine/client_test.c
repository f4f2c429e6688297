/* client_test.c - who is connecting, and the first outside host behind our relays. */
#include "engine_support.h"

#define RELAYS "trusted-relays = {\"198.51.100.0/28\", \"2001:db8:5::/48\", \"127.0.0.2\"}\n"
#define FROM   "From: a@good.example"
#define BY     " by relay.site.example (Postfix) with ESMTP id 4abc; Thu, 28 May 2026 20:26:40 +0000"
#define GOOD   "Received: from good.example (mx.good.example [192.0.2.9])" BY
#define EVIL   "Received: from evil.example (evil.example [203.0.113.66])" BY
#define RELAY  "Received: from mx2.site.example (mx2.site.example [198.51.100.2])" BY
#define FILTER "Received: from localhost (localhost [127.0.0.1])" BY
#define USER   "Received: from laptop (laptop.site.example [10.0.0.7])" BY

#define NO_FIELD "client is a trusted relay, a Received field names no client"
#define NO_HOST  "client is a trusted relay, no outside host in Received"

static const struct {
    const char *name, *conf;
    const char *fields[5]; /* from the top */
    const char *client;    /* evaluated for; NULL: SPF is none, with ... */
    const char *reason;    /* ... this reason */
    enum auth_code spf, helo;
} relayed[] = {
    { "one hop", RELAYS, { GOOD, FROM }, "192.0.2.9", NULL, AUTH_PASS, AUTH_PASS },
    { "one hop, from elsewhere", RELAYS, { EVIL, FROM }, "203.0.113.66", NULL, AUTH_FAIL, AUTH_NONE },
    { "only the first outside host counts", RELAYS, { EVIL, GOOD, FROM }, "203.0.113.66", NULL, AUTH_FAIL, AUTH_NONE },
    { "behind two relays", RELAYS, { RELAY, GOOD, FROM }, "192.0.2.9", NULL, AUTH_PASS, AUTH_PASS },
    { "a content filter of the relay",
      RELAYS "internal-networks = {}",
      { FILTER, RELAY, GOOD, FROM },
      "192.0.2.9",
      NULL,
      AUTH_PASS,
      AUTH_PASS },
    { "through an internal host",
      RELAYS "internal-networks = \"10.0.0.0/8\"",
      { USER, GOOD, FROM },
      "192.0.2.9",
      NULL,
      AUTH_PASS,
      AUTH_PASS },
    { "HELO is the hop's",
      RELAYS,
      { "Received: from shop.example (unknown [192.0.2.9])" BY, FROM },
      "192.0.2.9",
      NULL,
      AUTH_PASS,
      AUTH_FAIL },
    { "the option is off", RELAYS "relay-received = no", { GOOD, FROM }, NULL, "client is a trusted relay", AUTH_NONE, AUTH_NONE },
    { "no field", RELAYS, { FROM }, NULL, NO_HOST, AUTH_NONE, AUTH_NONE },
    { "none but ours", RELAYS, { RELAY, FILTER, FROM }, NULL, NO_HOST, AUTH_NONE, AUTH_NONE },
    { "not to be read", RELAYS, { "Received: by relay", GOOD, FROM }, NULL, NO_FIELD, AUTH_NONE, AUTH_NONE },
    { "no address", RELAYS, { "Received: from good.example" BY, GOOD, FROM }, NULL, NO_FIELD, AUTH_NONE, AUTH_NONE },
    { "another one written into it",
      RELAYS,
      { "Received: from x (y [192.0.2.9]) by z; (evil.example [203.0.113.66])" BY, FROM },
      NULL,
      NO_FIELD,
      AUTH_NONE,
      AUTH_NONE },
};

static const struct outcome *judge(struct arena *a, struct env **e, struct conn **c, struct msg **m, const char *conf,
                                   const char *client, const char *const *fields)
{
    *e = test_env(a, conf, 0);
    *c = test_conn(*e, client);
    return test_message(*c, "<a@good.example>", false, fields, m);
}

static void done(struct arena *a, struct env *e, struct conn *c, struct msg *m)
{
    msg_free(m);
    conn_free(c);
    env_free(e);
    arena_free(a);
}

static void the_client_behind_relays(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(relayed); i++) {
        struct arena *a = arena_new();
        struct env *e;
        struct conn *c;
        struct msg *m;
        const struct outcome *o = judge(a, &e, &c, &m, relayed[i].conf, "198.51.100.1", relayed[i].fields);
        const char *name = relayed[i].name;
        ROW_INT(name, o->exempt, false);
        ROW_INT(name, o->relayed, relayed[i].client != NULL);
        ROW_STR(name, ip_text(a, o->client), str_of(relayed[i].client != NULL ? relayed[i].client : "198.51.100.1"));
        ROW_INT(name, o->spf.code, relayed[i].spf);
        ROW_INT(name, o->helo.code, relayed[i].helo);
        if (relayed[i].reason != NULL)
            ROW_STR(name, str_of(o->spf.reason), str_of(relayed[i].reason));
        ROW_INT(name, o->facts.client, CLIENT_RELAY);
        done(a, e, c, m);
    }
}

static void fields_beyond_the_limit_are_not_looked_at(void **state)
{
    (void)state;
    const char *fields[LIMIT_RELAY_HOPS + 3];
    for (size_t n = LIMIT_RELAY_HOPS - 1; n <= LIMIT_RELAY_HOPS; n++) {
        struct arena *a = arena_new();
        struct env *e;
        struct conn *c;
        struct msg *m;
        for (size_t i = 0; i < n; i++)
            fields[i] = RELAY;
        fields[n] = GOOD;
        fields[n + 1] = FROM;
        fields[n + 2] = NULL;
        const struct outcome *o = judge(a, &e, &c, &m, RELAYS, "198.51.100.1", fields);
        assert_int_equal(o->spf.code, n < LIMIT_RELAY_HOPS ? AUTH_PASS : AUTH_NONE);
        done(a, e, c, m);
    }
}

/* A header that lost fields may have lost the one that counts. */
static void a_header_that_is_not_whole_names_nobody(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, RELAYS, 0);
    struct conn *c = test_conn(e, "198.51.100.1");
    struct msg_info info = { .mail_from = STR("<a@good.example>") };
    struct msg *m = msg_new(c, &info);
    msg_header(m, STR("Received"), STR(" from good.example (mx.good.example [192.0.2.9])" BY));
    msg_headers_lost(m);
    msg_eoh(m);
    assert_int_equal(msg_eom(m)->spf.code, AUTH_NONE);
    done(a, e, c, m);
}

/* Nobody but a relay is asked who came before it. */
static void other_clients_are_who_they_are(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e;
    struct conn *c;
    struct msg *m;
    const struct outcome *o = judge(a, &e, &c, &m, RELAYS, "203.0.113.66", FIELDS(GOOD, FROM));
    assert_int_equal(o->spf.code, AUTH_FAIL);
    assert_false(o->relayed);
    done(a, e, c, m);
}

static void our_field_names_the_client_behind_the_relay(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e;
    struct conn *c;
    struct msg *m;
    const struct outcome *o = judge(a, &e, &c, &m, RELAYS, "2001:db8:5::1", FIELDS(GOOD, FROM));
    assert_non_null(strstr(str_cstr(a, o->edits[0].value), "(client 192.0.2.9 of our relay)"));
    done(a, e, c, m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_client_behind_relays),
        cmocka_unit_test(fields_beyond_the_limit_are_not_looked_at),
        cmocka_unit_test(a_header_that_is_not_whole_names_nobody),
        cmocka_unit_test(other_clients_are_who_they_are),
        cmocka_unit_test(our_field_names_the_client_behind_the_relay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
