/* conf_show_test.c - what is shown reads back as the same; the manual and the example file know every option. */
#include "config_support.h"

#include "mailseal/limits.h"

static struct str shown(struct arena *a, const struct conf *c)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    assert_non_null(f);
    conf_show(f, c);
    assert_int_equal(fclose(f), 0);
    arena_defer(a, free, text);
    return (struct str){ text, n };
}

static struct conf *parse_or_fail(struct arena *a, struct str text)
{
    const char *error = "";
    struct conf *c = parse_text(a, text, &error);
    if (c == NULL)
        fail_msg("%s\n%.*s", error, STR_FMT(text));
    c->authserv_id = c->authserv_id[0] != '\0' ? c->authserv_id : "host.example"; /* as conf_read() does */
    return c;
}

/* None of them a default. */
#define EVERYTHING                                                                                                                 \
    "socket = \"inet:8891@localhost\" socket-mode = 0666 user = u group = g authserv-id = \"mx.example\"\n"                        \
    "trusted-authserv-ids = { \"a.example\", b } policy = \"x/mine.policy\" quarantine = label dmarc-temperror = tempfail\n"       \
    "defer-times = 3 defer-minutes = 7 resolver-down-share = 30 resolver-down = tempfail\n"                                        \
    "internal-networks = { \"2001:db8::/32\" } trusted-forwarders = { \"192.0.2.1\" } nameservers = { \"[::1]:53\" }\n"            \
    "trusted-relays = { \"192.0.2.2\" } relay-received = no\n"                                                                     \
    "trusted-sealers = { \"lists.example\" } seal-domain = seal.example seal-selector = s seal-key-file = \"/k/seal\"\n"           \
    "trust-ad = yes dns-snapshot = \"a \\\"b\\\\c.json\" dkim-min-rsa-bits = 2048 dkim-accept-unsigned-tail = on\n"                \
    "dkim-clock-slack = 1 log = syslog log-format = json log-level = debug max-messages = 2 workers = 3\n"                         \
    "key-directory = keys key-table = \"file:k\" signing-table = \"refile:/s\" sign-all-matches = yes sign-subdomains = yes\n"     \
    "sign-headers = \"*,+x\" sign-oversign-headers = from sign-canonicalization = \"simple/relaxed\" sign-expire-after = 9\n"      \
    "exempt-clients = c exempt-dkim-domains = d treat-as-reject = t never-reject = n require-dkim = \"file:r\"\n"                  \
    "journal = j journal-max-size = 9 journal-max-age = 8 journal-redact = client\n"                                               \
    "sender-login-map = l sign-self-check = never require-published-key = yes\n"                                                   \
    "sign-for = envelope sign-algorithms = { rsa-sha256, \"a.example=ed25519-sha256\" } sign-self-check-every = 7\n"               \
    "sign \"M\xc3\xbcller.example\" { selector = a key-file = \"a b.pem\" headers = { from, \"x-y\" }\n"                           \
    "  canonicalization = \"simple/relaxed\" oversign = no expire-after = 86400\n"                                                 \
    "  identity = \"@xn--mller-kva.example\" oversign-headers = { to } subdomains = yes }\n"                                       \
    "sign \"b.example\" { selector = b key-file = \"/k/b\" }\n"

static void what_is_shown_reads_back(void **state)
{
    (void)state;
    static const char *const texts[] = { "", EVERYTHING };
    for (size_t i = 0; i < ROWS(texts); i++) {
        struct arena *a = arena_new();
        struct str once = shown(a, parse_or_fail(a, str_of(texts[i])));
        struct str twice = shown(a, parse_or_fail(a, once));
        ROW_STR("round trip", twice, once);
        arena_free(a);
    }
}

/* Were a field not written, or written from another one, a value of EVERYTHING would be the default again. */
static void every_value_survives(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct conf *defaults = parse_or_fail(a, STR_NONE);
    struct conf *set = parse_or_fail(a, STR(EVERYTHING)), *back = parse_or_fail(a, shown(a, set));
    for (const struct conf_option *o = conf_options; o->name != NULL; o++) {
        struct buf of_defaults, of_set, of_back;
        buf_init(&of_defaults, a, 1000);
        buf_init(&of_set, a, 1000);
        buf_init(&of_back, a, 1000);
        option_write(o, defaults, &of_defaults);
        option_write(o, set, &of_set);
        option_write(o, back, &of_back);
        ROW_STR(o->name, buf_view(&of_back), buf_view(&of_set));
        if (str_eq(buf_view(&of_defaults), buf_view(&of_set)))
            fail_msg("%s: the test does not set it", o->name);
    }
    assert_int_equal(keyring_count(back->keyring), 2);
    const struct sign_key *key = keyring_get(back->keyring, 0);
    assert_string_equal(key->domain, "xn--mller-kva.example");
    assert_string_equal(key->key_file, "/etc/a b.pem");
    assert_string_equal(key->headers.v[1], "x-y");
    assert_int_equal(key->header_canon, DKIM_CANON_SIMPLE);
    assert_false(key->oversign);
    assert_int_equal(key->expire_after, 86400);
    assert_string_equal(key->identity, "@xn--mller-kva.example");
    assert_string_equal(key->oversign_headers.v[0], "to");
    assert_true(key->subdomains);
    arena_free(a);
}

/* A list that needs several lines of the file still reads back. */
static void the_longest_list_reads_back(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct buf text;
    buf_init(&text, a, LIMIT_CONFIG_FILE);
    for (int i = 0; i < CONF_LIST_MAX; i++)
        buf_printf(&text, "%s\"2001:db8:ffff:ffff:ffff:ffff:ffff:%x/128\"\n", i == 0 ? "internal-networks = {\n" : ", ",
                   (unsigned)i + 1);
    buf_puts(&text, "}\n");
    struct conf *back = parse_or_fail(a, shown(a, parse_or_fail(a, buf_view(&text))));
    assert_int_equal(back->internal.n, CONF_LIST_MAX);
    arena_free(a);
}

static struct str read_text(struct arena *a, const char *path)
{
    FILE *f = fopen(test_path(a, path), "r");
    char *text = arena_alloc(a, LIMIT_CONFIG_FILE);
    assert_non_null(f);
    size_t n = fread(text, 1, LIMIT_CONFIG_FILE, f);
    assert_int_equal(fclose(f), 0);
    return (struct str){ text, n };
}

/* The example's options without the "#" before them: text lines have a blank behind it, lines of a section more than one. */
static struct str without_comment_signs(struct arena *a, struct str text)
{
    struct buf out;
    struct str line;
    buf_init(&out, a, text.n);
    while (text.n > 0) {
        (void)str_cut(text, '\n', &line, &text);
        bool option = str_istarts(line, STR("#")) && (!str_istarts(line, STR("# ")) || str_istarts(line, STR("#  ")));
        buf_str(&out, option ? str_skip(line, 1) : line);
        buf_char(&out, '\n');
    }
    return buf_view(&out);
}

static void the_example_shows_every_option_with_its_default(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct str example = read_text(a, "contrib/mailseal.conf.example");
    struct str settings = without_comment_signs(a, example);
    struct conf *as_it_is = parse_or_fail(a, example), *set = parse_or_fail(a, settings);
    assert_int_equal(keyring_count(as_it_is->keyring), 0);
    assert_int_equal(keyring_count(set->keyring), 1);
    for (const struct conf_option *o = conf_options; o->name != NULL; o++) {
        struct buf of_default, of_set;
        struct str head = str_printf(a, "\n%s = ", o->name);
        if (memmem(settings.p, settings.n, head.p, head.n) == NULL)
            fail_msg("%s is not in the example", o->name);
        buf_init(&of_default, a, 1000);
        buf_init(&of_set, a, 1000);
        option_write(o, as_it_is, &of_default);
        option_write(o, set, &of_set);
        if (strcmp(o->name, "authserv-id") != 0) /* has no fixed default */
            ROW_STR(o->name, buf_view(&of_set), buf_view(&of_default));
    }
    for (const struct conf_option *o = sign_options; o->name != NULL; o++) {
        struct str head = str_printf(a, "\n    %s = ", o->name);
        if (memmem(settings.p, settings.n, head.p, head.n) == NULL)
            fail_msg("%s is not in the example", o->name);
    }
    arena_free(a);
}

static void the_manual_has_every_option(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    assert_non_null(f);
    conf_manual(f);
    assert_int_equal(fclose(f), 0);
    const struct conf_option *const tables[] = { conf_options, sign_options };
    for (size_t i = 0; i < ROWS(tables); i++) {
        for (const struct conf_option *o = tables[i]; o->name != NULL; o++) {
            const char *item = str_cstr(a, str_printf(a, "\n.It Cm %s\n", o->name));
            const char *found = strstr(text, item);
            if (found == NULL)
                fail_msg("%s is not in the manual", o->name);
            char *doc = arena_copy(a, found + strlen(item), strlen(o->doc) + 1);
            doc[strlen(o->doc)] = '\0';
            for (char *c = doc; *c != '\0'; c++)
                *c = *c == '\n' ? ' ' : *c; /* it is wrapped */
            assert_string_equal(doc, o->doc);
        }
    }
    assert_non_null(strstr(text, ".It Cm workers\n"));
    assert_non_null(strstr(text, "A number from 0 to 64.\nThe default is\n.Ql 16 .\n"));
    free(text);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_shown_reads_back),    cmocka_unit_test(every_value_survives),
        cmocka_unit_test(the_longest_list_reads_back), cmocka_unit_test(the_example_shows_every_option_with_its_default),
        cmocka_unit_test(the_manual_has_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
