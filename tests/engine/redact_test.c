/* redact_test.c - the client's address gives way to its network, and only that; questions that hold it are hidden. */
#include "engine_support.h"

#include "milter/engine/engine_int.h"

static struct redaction of(struct arena *a, const char *client, const char *local)
{
    struct redaction r;
    struct ip ip = { 0 };
    if (client[0] != '\0')
        assert_true(ip_parse(str_of(client), &ip));
    redaction_of(&r, a, ip, str_of(local));
    return r;
}

static void texts(void **state)
{
    (void)state;
    static const struct {
        const char *client, *text, *want;
    } rows[] = {
        { "192.0.2.77", "", "" },
        { "192.0.2.77", "192.0.2.77", "192.0.2.0" },
        { "192.0.2.77", "{\"ip\":\"192.0.2.77\",\"helo\":\"[192.0.2.77]\"}", "{\"ip\":\"192.0.2.0\",\"helo\":\"[192.0.2.0]\"}" },
        { "192.0.2.77", "ip4:192.0.2.77/32 v192.0.2.77.", "ip4:192.0.2.0/32 v192.0.2.0." },
        { "192.0.2.7", "192.0.2.77 192.0.2.7 1192.0.2.7", "192.0.2.77 192.0.2.0 1192.0.2.7" },
        { "192.0.2.7", "8.192.0.2.7 192.0.2.7.8", "8.192.0.2.7 192.0.2.7.8" },
        { "192.0.2.7", "::ffff:192.0.2.7", "::ffff:192.0.2.0" },
        { "2001:db8:1:2:3:4:5:6", "ip6:2001:db8:1:2:3:4:5:6 is", "ip6:2001:db8:1:2:: is" },
        { "2001:db8::1", "2001:db8::1 2001:db8::12 2001:db8::1:2", "2001:db8:: 2001:db8::12 2001:db8::1:2" },
        { "", "192.0.2.77", "192.0.2.77" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct redaction r = of(a, rows[i].client, "");
        ROW_STR(rows[i].text, redact_text(&r, a, str_of(rows[i].text)), str_of(rows[i].want));
        arena_free(a);
    }
}

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *client, *local, *name;
        bool hidden;
    } rows[] = {
        { "192.0.2.77", "bob", "example.org", false },
        { "192.0.2.77", "bob", "77.2.0.192.in-addr.arpa", true },
        { "192.0.2.77", "bob", "192.0.2.77._spf.example.org", true },
        { "192.0.2.77", "bob", "x.192.0.2.77", true },
        { "192.0.2.77", "bob", "1192.0.2.77.example.org", false },
        { "192.0.2.77", "bob", "192.0.2.777.192.0.2.77.example.org", true },
        { "192.0.2.77", "bob", "bob._at.example.org", true },
        { "192.0.2.77", "Bob", "at.bob", true },
        { "192.0.2.77", "bob", "bobby.example.org", false },
        { "192.0.2.77", "", "example.org", false },
        { "2001:db8::1", "", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", true },
        { "2001:db8::1", "", "2.0.0.1.0.d.b.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.example.org", true },
        { "2001:db8::2", "", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", false },
        { "", "", "77.2.0.192.in-addr.arpa", false },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct redaction r = of(a, rows[i].client, rows[i].local);
        ROW_INT(rows[i].name, redact_hides(&r, str_of(rows[i].name)), rows[i].hidden);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(texts), cmocka_unit_test(names) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
