/* ip_test.c - addresses, mapped ones, networks. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "mailseal/ip.h"
#include "tests/support/support.h"

static void addresses(void **state)
{
    (void)state;
    static const struct {
        const char *in, *text, *reverse; /* text NULL: refused */
    } rows[] = {
        { "192.0.2.1", "192.0.2.1", "1.2.0.192.in-addr.arpa" },
        { "::ffff:192.0.2.1", "192.0.2.1", "1.2.0.192.in-addr.arpa" },
        { "2001:DB8::1", "2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa" },
        { "", NULL, NULL },
        { "192.0.2", NULL, NULL },
        { "192.0.2.256", NULL, NULL },
        { "192.0.2.1 ", NULL, NULL },
        { "fe80::1%eth0", NULL, NULL },
        { "[2001:db8::1]", NULL, NULL },
        { "1234567890123456789012345678901234567890123456789", NULL, NULL },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ip ip;
        ROW_INT(rows[i].in, ip_parse(str_of(rows[i].in), &ip), rows[i].text != NULL);
        if (rows[i].text == NULL)
            continue;
        ROW_STR(rows[i].in, ip_text(a, ip), str_of(rows[i].text));
        ROW_STR(rows[i].in, ip_reverse_name(a, ip), str_of(rows[i].reverse));
    }
    struct ip ip;
    assert_false(ip_parse(STR("192.0.2.1\0"), &ip));
    ROW_STR("unknown", ip_text(a, (struct ip){ 0 }), STR("unknown"));
    arena_free(a);
}

static void networks(void **state)
{
    (void)state;
    static const struct {
        const char *network, *ip;
        bool parses, has;
    } rows[] = {
        { "192.0.2.0/24", "192.0.2.255", true, true },
        { "192.0.2.0/24", "192.0.3.0", true, false },
        { "192.0.2.77/24", "192.0.2.1", true, true },
        { "192.0.2.128/25", "192.0.2.127", true, false },
        { "192.0.2.128/25", "192.0.2.128", true, true },
        { "192.0.2.1", "192.0.2.1", true, true },
        { "192.0.2.1", "192.0.2.2", true, false },
        { "0.0.0.0/0", "203.0.113.9", true, true },
        { "0.0.0.0/0", "2001:db8::1", true, false },
        { "::/0", "203.0.113.9", true, false },
        { "2001:db8::/33", "2001:db8:7fff::1", true, true },
        { "2001:db8::/33", "2001:db8:8000::1", true, false },
        { "::ffff:192.0.2.0/120", "192.0.2.9", true, true },
        { "::ffff:192.0.2.0/120", "192.0.3.9", true, false },
        { "::ffff:192.0.2.0/24", NULL, false, false },
        { "192.0.2.0/33", NULL, false, false },
        { "192.0.2.0/", NULL, false, false },
        { "192.0.2.0/-1", NULL, false, false },
        { "2001:db8::/129", NULL, false, false },
        { "example.com", NULL, false, false },
        { "", NULL, false, false },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct network net;
        struct ip ip;
        ROW_INT(rows[i].network, network_parse(str_of(rows[i].network), &net), rows[i].parses);
        if (!rows[i].parses)
            continue;
        assert_true(ip_parse(str_of(rows[i].ip), &ip));
        ROW_INT(rows[i].ip, network_list_has(&net, 1, ip), rows[i].has);
        assert_false(network_list_has(&net, 0, ip));
        assert_false(network_list_has(&net, 1, (struct ip){ 0 }));
    }
}

static void socket_addresses(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    inet_pton(AF_INET, "192.0.2.7", &in.sin_addr);
    inet_pton(AF_INET6, "::ffff:192.0.2.8", &in6.sin6_addr);
    ROW_STR("v4", ip_text(a, ip_of_sockaddr((struct sockaddr *)&in)), STR("192.0.2.7"));
    ROW_STR("mapped", ip_text(a, ip_of_sockaddr((struct sockaddr *)&in6)), STR("192.0.2.8"));
    assert_int_equal(ip_of_sockaddr((struct sockaddr *)&un).family, 0);
    assert_int_equal(ip_of_sockaddr(NULL).family, 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(addresses), cmocka_unit_test(networks),
                                        cmocka_unit_test(socket_addresses) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
