/* policy_facts_test.c - all facts as text and back: what is written reads back as the same, and anything else does no harm. */
#include "tests/support/support.h"

#include "mailseal/limits.h"
#include "mailseal/policy.h"

#include "milter/policy/policy_int.h"

static void the_text_is_a_list_of_conditions(void **state)
{
    struct arena *a = arena_new();
    const struct policy_facts facts = { .direction = DIRECTION_OUTBOUND,
                                        .client = CLIENT_RELAY,
                                        .dmarc = AUTH_FAIL,
                                        .policy = DMARC_POLICY_REJECT,
                                        .sealer = true,
                                        .from = AUTHOR_SEVERAL,
                                        .from_domain = STR("a.example"),
                                        .daemon = STR("mta one%<>\n\xff") };

    (void)state;
    ROW_STR("some of all", policy_facts_write(a, &facts),
            STR("direction=outbound client=relay authenticated=no daemon=mta%20one%25%3C%3E%0A%FF exempt=no from=several "
                "from-domain=a.example sender-domain=<> recipient-domain=<> require-dkim=no dkim-aligned=none dmarc=fail "
                "temperror-option=accept never-reject=no policy=reject treat-as-reject=no aligned=no list=no arc=none "
                "sealer=trusted forwarder=no spf=none helo=none dkim=none"));
    arena_free(a);
}

static void set_fact(struct policy_facts *facts, const struct fact *f, unsigned value)
{
    static const struct str domains[] = { { "", 0 }, { "x.example", 9 }, { "_a-1.xn--9ca.example", 20 } };
    bool flag = value != 0;
    size_t n = 0;

    if (f->kind != FACT_WORD) {
        memcpy((char *)facts + f->offset, &domains[value % ROWS(domains)], sizeof(domains[0]));
        return;
    }
    while (f->values[n].name != NULL)
        n++;
    value %= (unsigned)n;
    flag = value != 0;
    memcpy((char *)facts + f->offset, f->size == sizeof(flag) ? (const void *)&flag : (const void *)&value, f->size);
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 64; round++) {
        struct arena *a = arena_new();
        struct policy_facts facts = { 0 }, back = { .spf = AUTH_PASS, .now = 5, .no_tempfail = true, .list = true };
        struct str text;
        unsigned k = 0;

        for (const struct fact *f = policy_fact_table; f->name != NULL; f++, k++)
            set_fact(&facts, f, (round * 7 + k * 5) % 11);
        text = policy_facts_write(a, &facts);
        assert_true(policy_facts_read(a, text, &back));
        for (const struct fact *f = policy_fact_table; f->name != NULL; f++)
            ROW_STR(f->name, policy_fact_value(f, &back), policy_fact_value(f, &facts));
        assert_int_equal(back.now, 5);
        assert_true(back.no_tempfail);
        arena_free(a);
    }
}

static const struct {
    const char *name, *text;
    bool good;
} rows[] = {
    { "one fact", "spf=pass", true },
    { "a fact that we do not know", "colour=red spf=pass", true },
    { "a text that we do not know", "colour=%zz spf=pass", true },
    { "only facts that we do not know", "colour=red", false },
    { "nothing", "", false },
    { "no facts", "hello world", false },
    { "no name", "=pass", false },
    { "a value that we do not know", "spf=green", false },
    { "no value", "spf=", false },
    { "two spaces", "spf=pass  dkim=pass", false },
    { "no domain name", "from-domain=a..example", false },
    { "a domain in capitals", "from-domain=A.example", false },
    { "an empty domain", "from-domain=", false },
    { "a domain with an escape", "from-domain=%61.example", true },
    { "an escape that is cut off", "daemon=a%4", false },
    { "no hexadecimal digit", "daemon=a%4g", false },
    { "a lower-case escape", "daemon=a%4a", false },
    { "a byte that should be escaped", "daemon=a\tb", false },
};

static void a_text_is_read_whole_or_not_at_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct policy_facts facts = { .dmarc = AUTH_FAIL };
        struct str text = str_printf(a, "%s%s", strcmp(rows[i].name, "nothing") == 0 ? "" : "list=yes ", rows[i].text);

        if (!rows[i].good && policy_facts_read(a, str_of(rows[i].text), &facts))
            fail_msg("%s: it was taken", rows[i].name);
        if (strncmp(rows[i].text, "colour=red", 10) != 0 || rows[i].good) {
            ROW_INT(rows[i].name, policy_facts_read(a, text, &facts), rows[i].good);
            ROW_INT(rows[i].name, facts.list, rows[i].good);
        }
        ROW_INT(rows[i].name, facts.dmarc, AUTH_FAIL);
        arena_free(a);
    }
}

static void long_texts_are_cut(void **state)
{
    struct arena *a = arena_new();
    char name[1000];
    struct policy_facts facts = { .daemon = { name, sizeof(name) } }, back = { 0 };

    (void)state;
    memset(name, ' ', sizeof(name));
    assert_true(policy_facts_read(a, policy_facts_write(a, &facts), &back));
    assert_int_equal(back.daemon.n, POLICY_VALUE_MAX);
    memset(name, 'd', sizeof(name));
    facts = (struct policy_facts){ .from_domain = { name, POLICY_VALUE_MAX },
                                   .sender_domain = { name, POLICY_VALUE_MAX },
                                   .recipient_domain = { name, POLICY_VALUE_MAX },
                                   .daemon = { name, POLICY_VALUE_MAX } };
    memset(name, '%', POLICY_VALUE_MAX);
    assert_non_null(strstr(str_cstr(a, policy_facts_write(a, &facts)), "dkim=none"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_is_a_list_of_conditions),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_text_is_read_whole_or_not_at_all),
        cmocka_unit_test(long_texts_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
