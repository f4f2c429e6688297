/* dns_servers_test.c - addresses, resolv.conf, and the order in which servers are asked. Time is the test's. */
#include <sys/stat.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "mailseal/dns.h"

#include "milter/dns/dns_int.h"
#include "tests/support/support.h"

struct address_row {
    const char *input, *addr; /* addr NULL: refused */
    unsigned port;
    bool loopback;
};

static const struct address_row address_rows[] = {
    { "192.0.2.1", "192.0.2.1", 53, false },
    { "127.0.0.1", "127.0.0.1", 53, true },
    { "127.200.0.1:5353", "127.200.0.1", 5353, true },
    { "2001:db8::1", "2001:db8::1", 53, false },
    { "::1", "::1", 53, true },
    { "[::1]", "::1", 53, true },
    { "[2001:db8::1]:5353", "2001:db8::1", 5353, false },
    { "", NULL, 0, false },
    { "localhost", NULL, 0, false },
    { "192.0.2.1:", NULL, 0, false },
    { "[::1]:", NULL, 0, false },
    { "192.0.2.1:0", NULL, 0, false },
    { "192.0.2.1:65536", NULL, 0, false },
    { "192.0.2.1:x", NULL, 0, false },
    { "[::1", NULL, 0, false },
    { "[::1]53", NULL, 0, false },
    { "192.0.2.256", NULL, 0, false },
    { "2001:db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001", NULL, 0, false },
};

static void check_server(const char *name, const struct dns_server *s, const char *addr, unsigned port)
{
    char text[INET6_ADDRSTRLEN];
    const void *in4 = &((const struct sockaddr_in *)(const void *)&s->addr)->sin_addr;
    const void *in6 = &((const struct sockaddr_in6 *)(const void *)&s->addr)->sin6_addr;
    inet_ntop(s->addr.ss_family, s->addr.ss_family == AF_INET ? in4 : in6, text, sizeof(text));
    ROW_STR(name, str_of(text), str_of(addr));
    ROW_INT(name, ntohs(((const struct sockaddr_in *)(const void *)&s->addr)->sin_port), port); /* at the same place in both */
}

static void addresses_are_read_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(address_rows); i++) {
        const struct address_row *r = &address_rows[i];
        struct dns_servers s = { .port = 53 };
        struct str text = str_of(r->input);
        ROW_INT(r->input, dns_servers_set(&s, &text, 1), r->addr != NULL);
        if (r->addr == NULL)
            continue;
        check_server(r->input, &s.v[0], r->addr, r->port);
        ROW_INT(r->input, s.v[0].loopback, r->loopback);
    }
}

static void more_than_eight_servers_are_refused(void **state)
{
    struct dns_servers s = { .port = 53 };
    struct str text[9];
    (void)state;
    for (size_t i = 0; i < ROWS(text); i++)
        text[i] = STR("192.0.2.1");
    assert_true(dns_servers_set(&s, text, 8));
    assert_int_equal(s.n, 8);
    assert_false(dns_servers_set(&s, text, 9));
}

static void put_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

struct file_row {
    const char *name, *text;
    size_t n;
    const char *first, *last;
};

static const struct file_row file_rows[] = {
    { "no line", "", 1, "127.0.0.1", "127.0.0.1" },
    { "one", "nameserver 192.0.2.1\n", 1, "192.0.2.1", "192.0.2.1" },
    { "among others", "# nameserver 192.0.2.9\nsearch example\n\nnameserver\t192.0.2.1 \noptions rotate\nnameserver   ::1\n", 2,
      "192.0.2.1", "::1" },
    { "no end of line", "nameserver 192.0.2.1", 1, "192.0.2.1", "192.0.2.1" },
    { "something behind", "nameserver 192.0.2.1 # ours\n", 1, "192.0.2.1", "192.0.2.1" },
    { "not an address", "nameserver localhost\nnameserver\nnameserver 192.0.2.2\n", 1, "192.0.2.2", "192.0.2.2" },
    { "ten",
      "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\nnameserver 192.0.2.5\n"
      "nameserver 192.0.2.6\nnameserver 192.0.2.7\nnameserver 192.0.2.8\nnameserver 192.0.2.9\nnameserver 192.0.2.10\n",
      8, "192.0.2.1", "192.0.2.8" },
};

static void nameserver_lines_are_followed(void **state)
{
    char path[] = "/tmp/mailseal-resolv-XXXXXX";
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < ROWS(file_rows); i++) {
        const struct file_row *r = &file_rows[i];
        struct dns_servers s = { .port = 53, .path = path };
        put_file(path, r->text);
        dns_servers_follow(&s, 0, 1000);
        ROW_INT(r->name, s.n, r->n);
        check_server(r->name, &s.v[0], r->first, 53);
        check_server(r->name, &s.v[s.n - 1], r->last, 53);
    }
    unlink(path);
}

/* N15 */
static void a_changed_file_is_read_again(void **state)
{
    char path[] = "/tmp/mailseal-resolv-XXXXXX";
    struct dns_servers s = { .port = 53, .path = path };
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    close(fd);
    put_file(path, "nameserver 192.0.2.1\n");
    dns_servers_follow(&s, 0, 1000);
    put_file(path, "nameserver 192.0.2.22\n");
    dns_servers_follow(&s, 999, 1000);
    check_server("too early", &s.v[0], "192.0.2.1", 53);
    dns_servers_follow(&s, 1000, 1000);
    check_server("in time", &s.v[0], "192.0.2.22", 53);
    unsigned generation = s.generation;
    dns_servers_follow(&s, 2000, 1000);
    assert_int_equal(s.generation, generation);
    unlink(path);
    dns_servers_follow(&s, 3000, 1000);
    check_server("gone", &s.v[0], "192.0.2.22", 53);
    put_file(path, "nameserver 192.0.2.3\n");
    dns_servers_follow(&s, 4000, 1000);
    check_server("back", &s.v[0], "192.0.2.3", 53);
    unlink(path);
}

static void without_a_file_this_machine_is_asked(void **state)
{
    struct dns_servers s = { .port = 53, .path = "/nonexistent/resolv.conf" };
    (void)state;
    dns_servers_follow(&s, 0, 1000);
    assert_int_equal(s.n, 1);
    check_server("no file", &s.v[0], "127.0.0.1", 53);
}

static void servers_are_told_as_they_are_given(void **state)
{
    struct dns_servers s = { .port = 53 }, again = { .port = 53 };
    const struct str given[] = { STR("192.0.2.1"), STR("2001:db8::1"), STR("192.0.2.3:5353"), STR("[2001:db8::2]:5353") };
    static const char *const want[] = { "192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.3:5353", "[2001:db8::2]:5353" };
    struct str told[LIMIT_DNS_NAMESERVERS];
    struct arena *a = arena_new();
    (void)state;
    assert_true(dns_servers_set(&s, given, ROWS(given)));
    assert_int_equal(dns_servers_text(&s, a, told), ROWS(want));
    for (size_t i = 0; i < ROWS(want); i++)
        ROW_STR(want[i], told[i], str_of(want[i]));
    assert_true(dns_servers_set(&again, told, ROWS(want)));
    assert_in_range(dns_system_servers(a, told), 1, LIMIT_DNS_NAMESERVERS);
    arena_free(a);
}

static unsigned next(struct dns_servers *s, struct dns_asked *asked, int64_t now)
{
    struct dns_server out;
    return dns_servers_next(s, asked, now, 100, &out) ? asked->now : 99;
}

static void three(struct dns_servers *s)
{
    const struct str text[] = { STR("192.0.2.1"), STR("192.0.2.2"), STR("192.0.2.3") };
    *s = (struct dns_servers){ .port = 53 };
    assert_true(dns_servers_set(s, text, 3));
}

static void silent_servers_are_asked_in_turn_and_failed_ones_once(void **state)
{
    struct dns_servers s;
    struct dns_asked asked = { 0 };
    (void)state;
    three(&s);
    assert_int_equal(next(&s, &asked, 0), 0);
    assert_int_equal(next(&s, &asked, 0), 1);
    dns_servers_failed(&s, &asked);
    assert_int_equal(next(&s, &asked, 0), 2);
    assert_int_equal(next(&s, &asked, 0), 0);
    assert_int_equal(next(&s, &asked, 0), 2);
    dns_servers_failed(&s, &asked);
    assert_int_equal(next(&s, &asked, 0), 0);
    dns_servers_failed(&s, &asked);
    assert_int_equal(next(&s, &asked, 0), 99);
}

/* N16 */
static void a_silent_server_is_asked_last_until_one_lookup_finds_it_back(void **state)
{
    struct dns_servers s;
    struct dns_asked first = { 0 }, second = { 0 }, third = { 0 }, fourth = { 0 }, fifth = { 0 };
    (void)state;
    three(&s);
    assert_int_equal(next(&s, &first, 10), 0);
    dns_servers_silent(&s, &first, 10, 110);
    assert_int_equal(next(&s, &second, 20), 1);
    assert_int_equal(next(&s, &second, 20), 2);
    assert_int_equal(next(&s, &second, 20), 0); /* last, but not never */
    assert_int_equal(next(&s, &third, 110), 0); /* its time is over: this one tries it */
    assert_int_equal(next(&s, &fourth, 110), 1);
    dns_servers_replied(&s, &third, 120);
    assert_int_equal(next(&s, &fifth, 120), 0);
}

static void a_server_that_answers_others_is_not_down(void **state)
{
    struct dns_servers s;
    struct dns_asked slow = { 0 }, quick = { 0 }, later = { 0 };
    (void)state;
    three(&s);
    assert_int_equal(next(&s, &slow, 10), 0);
    assert_int_equal(next(&s, &quick, 10), 0);
    dns_servers_replied(&s, &quick, 20);
    dns_servers_silent(&s, &slow, 10, 110);
    assert_int_equal(next(&s, &later, 30), 0);
}

static void marks_of_an_old_list_do_not_touch_the_new_one(void **state)
{
    const struct str text = STR("192.0.2.9");
    struct dns_servers s;
    struct dns_asked asked = { 0 };
    (void)state;
    three(&s);
    assert_int_equal(next(&s, &asked, 0), 0);
    assert_int_equal(next(&s, &asked, 0), 1);
    assert_true(dns_servers_set(&s, &text, 1));
    dns_servers_failed(&s, &asked);
    dns_servers_silent(&s, &asked, 0, 1000);
    assert_int_equal(next(&s, &asked, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_or_refused),
        cmocka_unit_test(more_than_eight_servers_are_refused),
        cmocka_unit_test(nameserver_lines_are_followed),
        cmocka_unit_test(a_changed_file_is_read_again),
        cmocka_unit_test(without_a_file_this_machine_is_asked),
        cmocka_unit_test(servers_are_told_as_they_are_given),
        cmocka_unit_test(silent_servers_are_asked_in_turn_and_failed_ones_once),
        cmocka_unit_test(a_silent_server_is_asked_last_until_one_lookup_finds_it_back),
        cmocka_unit_test(a_server_that_answers_others_is_not_down),
        cmocka_unit_test(marks_of_an_old_list_do_not_touch_the_new_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
