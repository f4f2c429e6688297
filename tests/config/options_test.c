/* options_test.c - the option table: defaults, values that are taken, values that are refused, and how the rows are written. */
#include "config_support.h"

#include "mailseal/limits.h"

static const struct conf_option *find_option(const struct conf_option *table, const char *name)
{
    for (const struct conf_option *o = table; o->name != NULL; o++) {
        if (strcmp(o->name, name) == 0)
            return o;
    }
    fail_msg("no option '%s'", name);
    return NULL;
}

/* What the field of an option holds after the text was read, as `config show` would have it. */
static struct str value_after(struct arena *a, const char *name, const char *text)
{
    const char *error = "";
    struct buf value;
    struct conf *c = parse_text(a, str_of(text), &error);
    if (c == NULL)
        fail_msg("%s: '%s' is refused: %s", name, text, error);
    buf_init(&value, a, LIMIT_CONFIG_FILE);
    option_write(find_option(conf_options, name), c, &value);
    return buf_view(&value);
}

#define ID_255                                                                                                                     \
    "a234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"                         \
    "a234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"                         \
    "a234567890123456789012345678901234567890123456789012345"

static const struct {
    const char *name, *input, *want;
} taken[] = {
    { "socket", "", "\"unix:/run/mailseal/mailseal.sock\"" },
    { "socket", "socket = \"unix:/x\"", "\"unix:/x\"" },
    { "socket", "socket = \"local:/var/spool/postfix/x\"", "\"local:/var/spool/postfix/x\"" },
    { "socket", "socket = \"inet:8891@localhost\"", "\"inet:8891@localhost\"" },
    { "socket", "socket = \"inet6:65535@[::1]\"", "\"inet6:65535@[::1]\"" },
    { "socket", "socket = inet:1", "\"inet:1\"" },
    { "socket-mode", "", "0660" },
    { "socket-mode", "socket-mode = 0", "00" },
    { "socket-mode", "socket-mode = \"777\"", "0777" },
    { "user", "", "\"\"" },
    { "user", "user = mailseal", "\"mailseal\"" },
    { "group", "", "\"\"" },
    { "group", "group = \"mail_seal-1.x\"", "\"mail_seal-1.x\"" },
    { "authserv-id", "", "\"\"" },
    { "authserv-id", "authserv-id = \"mx.example.com\"", "\"mx.example.com\"" },
    { "authserv-id", "authserv-id = \"" ID_255 "\"", "\"" ID_255 "\"" },
    { "trusted-authserv-ids", "", "{}" },
    { "trusted-authserv-ids", "trusted-authserv-ids = { \"a.example\", b.example }", "{ \"a.example\", \"b.example\" }" },
    { "policy", "", "\"standard\"" },
    { "policy", "policy = strict", "\"strict\"" },
    { "policy", "policy = \"./mine.policy\"", "\"/etc/mine.policy\"" },
    { "policy", "policy = \"/p/mine.policy\"", "\"/p/mine.policy\"" },
    { "quarantine", "", "\"hold\"" },
    { "quarantine", "quarantine = \"label\"", "\"label\"" },
    { "dmarc-temperror", "", "\"accept\"" },
    { "dmarc-temperror", "dmarc-temperror = tempfail", "\"tempfail\"" },
    { "defer-times", "", "12" },
    { "defer-times", "defer-times = 1", "1" },
    { "defer-minutes", "", "240" },
    { "defer-minutes", "defer-minutes = 7200", "7200" },
    { "resolver-down-share", "", "50" },
    { "resolver-down-share", "resolver-down-share = 100", "100" },
    { "resolver-down", "", "\"release\"" },
    { "resolver-down", "resolver-down = tempfail", "\"tempfail\"" },
    { "internal-networks", "", "{ \"127.0.0.0/8\", \"::1/128\" }" },
    { "internal-networks", "internal-networks = {}", "{}" },
    { "internal-networks", "internal-networks = \"192.0.2.1\"", "{ \"192.0.2.1/32\" }" },
    { "internal-networks", "internal-networks = { \"2001:db8::/32\", \"10.0.0.0/8\" }", "{ \"2001:db8::/32\", \"10.0.0.0/8\" }" },
    { "seal-domain", "", "\"\"" },
    { "seal-domain", "seal-domain = Seal.Example", "\"seal.example\"" },
    { "seal-selector", "", "\"\"" },
    { "seal-selector", "seal-selector = s1", "\"s1\"" },
    { "seal-key-file", "", "\"\"" },
    { "seal-key-file", "seal-key-file = \"/k/seal.pem\"", "\"/k/seal.pem\"" },
    { "trusted-sealers", "", "{}" },
    { "trusted-sealers", "trusted-sealers = { \"Lists.Example.ORG\" }", "{ \"Lists.Example.ORG\" }" },
    { "trusted-relays", "", "{}" },
    { "trusted-relays", "trusted-relays = { \"192.0.2.0/28\", \"2001:db8::1\" }", "{ \"192.0.2.0/28\", \"2001:db8::1/128\" }" },
    { "relay-received", "", "\"true\"" },
    { "relay-received", "relay-received = no", "\"false\"" },
    { "trusted-forwarders", "", "{}" },
    { "trusted-forwarders", "trusted-forwarders = { \"192.0.2.0/24\" }", "{ \"192.0.2.0/24\" }" },
    { "nameservers", "", "{}" },
    { "nameservers", "nameservers = { \"192.0.2.1\", \"192.0.2.1:53\", \"::1\", \"[::1]:5353\" }",
      "{ \"192.0.2.1\", \"192.0.2.1:53\", \"::1\", \"[::1]:5353\" }" },
    { "trust-ad", "", "\"false\"" },
    { "trust-ad", "trust-ad = yes", "\"true\"" },
    { "trust-ad", "trust-ad = OFF", "\"false\"" },
    { "dns-snapshot", "", "\"\"" },
    { "dns-snapshot", "dns-snapshot = \"a/b.json\"", "\"/etc/a/b.json\"" },
    { "dkim-min-rsa-bits", "", "1024" },
    { "dkim-min-rsa-bits", "dkim-min-rsa-bits = 8192", "8192" },
    { "dkim-accept-unsigned-tail", "", "\"false\"" },
    { "dkim-accept-unsigned-tail", "dkim-accept-unsigned-tail = true", "\"true\"" },
    { "dkim-clock-slack", "", "300" },
    { "dkim-clock-slack", "dkim-clock-slack = 0", "0" },
    { "log", "", "\"stderr\"" },
    { "log", "log = \"syslog\"", "\"syslog\"" },
    { "log-format", "", "\"text\"" },
    { "log-format", "log-format = json", "\"json\"" },
    { "log-level", "", "\"info\"" },
    { "log-level", "log-level = debug", "\"debug\"" },
    { "log-level", "log-level = error", "\"error\"" },
    { "max-messages", "", "1000" },
    { "max-messages", "max-messages = 1", "1" },
    { "workers", "", "16" },
    { "workers", "workers = 64", "64" },
    { "workers", "workers = \"007\"", "7" },
    { "journal", "", "\"\"" },
    { "journal", "journal = \"j.db\"", "\"/etc/j.db\"" },
    { "journal-max-size", "", "100" },
    { "journal-max-size", "journal-max-size = 8", "8" },
    { "journal-max-age", "", "30" },
    { "journal-max-age", "journal-max-age = 3650", "3650" },
    { "journal-redact", "", "\"none\"" },
    { "journal-redact", "journal-redact = client", "\"client\"" },
    { "key-directory", "", "\"\"" },
    { "key-directory", "key-directory = \"keys\"", "\"/etc/keys\"" },
    { "key-table", "", "\"\"" },
    { "key-table", "key-table = \"file:k\" signing-table = \"/s\"", "\"file:/etc/k\"" },
    { "key-table", "key-table = \"refile:/x/k\" signing-table = \"/s\"", "\"refile:/x/k\"" },
    { "key-table", "key-table = \"socketmap:unix:/x:k\" signing-table = \"socketmap:inet:localhost:9:s\"",
      "\"socketmap:unix:/x:k\"" },
    { "signing-table", "", "\"\"" },
    { "signing-table", "key-table = \"k\" signing-table = \"s\"", "\"/etc/s\"" },
    { "sign-all-matches", "", "\"false\"" },
    { "sign-all-matches", "sign-all-matches = yes", "\"true\"" },
    { "sign-subdomains", "", "\"false\"" },
    { "sign-subdomains", "sign-subdomains = yes", "\"true\"" },
    { "sign-headers", "", "{}" },
    { "sign-headers", "sign-headers = { \"*\", \"+x\", \"-y\" }", "{ \"*\", \"+x\", \"-y\" }" },
    { "sign-headers", "sign-headers = \"*,+autocrypt\"", "{ \"*,+autocrypt\" }" },
    { "sign-oversign-headers", "", "{}" },
    { "sign-oversign-headers", "sign-oversign-headers = from", "{ \"from\" }" },
    { "sign-canonicalization", "", "\"relaxed/relaxed\"" },
    { "sign-canonicalization", "sign-canonicalization = \"relaxed/simple\"", "\"relaxed/simple\"" },
    { "sign-expire-after", "", "0" },
    { "sign-expire-after", "sign-expire-after = 5", "5" },
    { "sender-login-map", "", "\"\"" },
    { "sender-login-map", "sender-login-map = logins", "\"/etc/logins\"" },
    { "sender-login-map", "sender-login-map = \"socketmap:unix:/x:n\"", "\"socketmap:unix:/x:n\"" },
    { "exempt-clients", "", "\"\"" },
    { "exempt-clients", "exempt-clients = \"lists/c\"", "\"/etc/lists/c\"" },
    { "exempt-dkim-domains", "", "\"\"" },
    { "exempt-dkim-domains", "exempt-dkim-domains = \"file:d\"", "\"file:/etc/d\"" },
    { "treat-as-reject", "", "\"\"" },
    { "treat-as-reject", "treat-as-reject = \"/x\"", "\"/x\"" },
    { "never-reject", "", "\"\"" },
    { "never-reject", "never-reject = \"\"", "\"\"" },
    { "require-dkim", "", "\"\"" },
    { "require-dkim", "require-dkim = d", "\"/etc/d\"" },
    { "sign-for", "", "\"from\"" },
    { "sign-for", "sign-for = Sender", "\"sender\"" },
    { "sign-for", "sign-for = envelope", "\"envelope\"" },
    { "sign-algorithms", "", "{}" },
    { "sign-algorithms", "sign-algorithms = { rsa-sha256, \"a.example=ed25519-sha256\" }",
      "{ \"rsa-sha256\", \"a.example=ed25519-sha256\" }" },
    { "sign-self-check-every", "", "1" },
    { "sign-self-check-every", "sign-self-check-every = 1000000", "1000000" },
    { "sign-self-check", "", "\"rsa\"" },
    { "sign-self-check", "sign-self-check = always", "\"always\"" },
    { "sign-self-check", "sign-self-check = never", "\"never\"" },
    { "require-published-key", "", "\"false\"" },
    { "require-published-key", "require-published-key = yes", "\"true\"" },
};

static void values_are_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(taken); i++) {
        struct arena *a = arena_new();
        struct str name = str_printf(a, "%s, row %zu", taken[i].name, i);
        ROW_STR(str_cstr(a, name), value_after(a, taken[i].name, taken[i].input), str_of(taken[i].want));
        arena_free(a);
    }
}

/* X14: negative and huge numbers among them. All with the line. */
static const struct {
    const char *input, *want;
} refused[] = {
    { "socket = \"/run/x\"", "socket: '/run/x' is no socket (unix:/PATH, local:/PATH, inet:PORT@HOST or inet6:PORT@HOST)" },
    { "socket = \"unix:x\"", "socket: 'unix:x' is no socket (unix:/PATH, local:/PATH, inet:PORT@HOST or inet6:PORT@HOST)" },
    { "socket = \"inet:localhost:8891\"",
      "socket: 'inet:localhost:8891' is no socket (unix:/PATH, local:/PATH, inet:PORT@HOST or inet6:PORT@HOST)" },
    { "socket = \"inet:0@localhost\"",
      "socket: 'inet:0@localhost' is no socket (unix:/PATH, local:/PATH, inet:PORT@HOST or inet6:PORT@HOST)" },
    { "socket = \"inet:65536@localhost\"",
      "socket: 'inet:65536@localhost' is no socket (unix:/PATH, local:/PATH, inet:PORT@HOST or inet6:PORT@HOST)" },
    { "socket = \"inet:25@\"", "socket: 'inet:25@' is no socket (unix:/PATH, local:/PATH, inet:PORT@HOST or inet6:PORT@HOST)" },
    { "socket = \"tcp:25@h\"", "socket: 'tcp:25@h' is no socket (unix:/PATH, local:/PATH, inet:PORT@HOST or inet6:PORT@HOST)" },
    { "socket-mode = 0668", "socket-mode: '0668' is no octal number up to 0777" },
    { "socket-mode = 01000", "socket-mode: '01000' is no octal number up to 0777" },
    { "socket-mode = 777777777777777777777777", "socket-mode: '777777777777777777777777' is no octal number up to 0777" },
    { "socket-mode = \"\"", "socket-mode: '' is no octal number up to 0777" },
    { "user = \"a b\"", "user: 'a b' is no account name" },
    { "group = \"x:y\"", "group: 'x:y' is no account name" },
    { "authserv-id = \"\"", "authserv-id: '' is no authserv-id (an RFC 2045 token: letters, digits, '.', '-' and the like)" },
    { "authserv-id = \"mx;x\"",
      "authserv-id: 'mx;x' is no authserv-id (an RFC 2045 token: letters, digits, '.', '-' and the like)" },
    { "authserv-id = \"m x\"", "authserv-id: 'm x' is no authserv-id (an RFC 2045 token: letters, digits, '.', '-' and the like)" },
    { "authserv-id = \"mü\"",
      "authserv-id: 'm\\xc3\\xbc' is no authserv-id (an RFC 2045 token: letters, digits, '.', '-' and the like)" },
    { "trusted-authserv-ids = { a, \"b/c\" }",
      "trusted-authserv-ids: 'b/c' is no authserv-id (an RFC 2045 token: letters, digits, '.', '-' and the like)" },
    { "policy = \"\"", "policy: '' is no policy (a name, or a path with a '/')" },
    { "policy = \"..\"", "policy: '..' is no policy (a name, or a path with a '/')" },
    { "policy = \"a b\"", "policy: 'a b' is no policy (a name, or a path with a '/')" },
    { "quarantine = reject", "quarantine: 'reject' is none of hold, label" },
    { "defer-times = 0", "defer-times: '0' is no number from 1 to 1000" },
    { "defer-minutes = 7201", "defer-minutes: '7201' is no number from 1 to 7200" },
    { "resolver-down-share = 101", "resolver-down-share: '101' is no number from 1 to 100" },
    { "resolver-down = accept", "resolver-down: 'accept' is none of release, tempfail" },
    { "dmarc-temperror = \"\"", "dmarc-temperror: '' is none of accept, tempfail" },
    { "internal-networks = { \"10.0.0.0/33\" }", "internal-networks: '10.0.0.0/33' is no network (ADDRESS or ADDRESS/BITS)" },
    { "seal-domain = \"a..example\"", "seal-domain: 'a..example' is no domain name" },
    { "seal-selector = \"s s\"", "seal-selector: 's s' is no domain name" },
    { "trusted-sealers = { \"a..example\" }", "trusted-sealers: 'a..example' is no domain name" },
    { "trusted-relays = mx2", "trusted-relays: 'mx2' is no network (ADDRESS or ADDRESS/BITS)" },
    { "relay-received = maybe", "relay-received: 'maybe' is none of true, false, yes, no, on, off" },
    { "trusted-forwarders = localhost", "trusted-forwarders: 'localhost' is no network (ADDRESS or ADDRESS/BITS)" },
    { "nameservers = { \"ns.example.com\" }",
      "nameservers: 'ns.example.com' is no name server (ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT)" },
    { "nameservers = { \"192.0.2.1:0\" }",
      "nameservers: '192.0.2.1:0' is no name server (ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT)" },
    { "nameservers = { \"[192.0.2.1]:53\" }",
      "nameservers: '[192.0.2.1]:53' is no name server (ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT)" },
    { "nameservers = { 1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1 }",
      "nameservers: more than 8 values" },
    { "trust-ad = 1", "trust-ad: '1' is none of true, false, yes, no, on, off" },
    { "dkim-min-rsa-bits = 1023", "dkim-min-rsa-bits: '1023' is no number from 1024 to 8192" },
    { "dkim-min-rsa-bits = 8193", "dkim-min-rsa-bits: '8193' is no number from 1024 to 8192" },
    { "dkim-accept-unsigned-tail = maybe", "dkim-accept-unsigned-tail: 'maybe' is none of true, false, yes, no, on, off" },
    { "dkim-clock-slack = -1", "dkim-clock-slack: '-1' is no number from 0 to 86400" },
    { "log = file", "log: 'file' is none of stderr, syslog" },
    { "log-format = xml", "log-format: 'xml' is none of text, json" },
    { "log-level = loud", "log-level: 'loud' is none of error, warning, info, debug" },
    { "max-messages = 0", "max-messages: '0' is no number from 1 to 1000" },
    { "max-messages = 99999999999999999999", "max-messages: '99999999999999999999' is no number from 1 to 1000" },
    { "max-messages = 0x10", "max-messages: '0x10' is no number from 1 to 1000" },
    { "workers = 65", "workers: '65' is no number from 0 to 64" },
    { "workers = \"\"", "workers: '' is no number from 0 to 64" },
    { "key-table = \"dsn:mysql://x/y\"",
      "key-table: 'dsn:mysql://x/y' is no table (file:PATH, refile:PATH, PATH or socketmap:...)" },
    { "sender-login-map = \"ldap:/etc/x\"", "sender-login-map: 'ldap:/etc/x' is no table (PATH, file:PATH or socketmap:...)" },
    { "signing-table = \"socketmap:unix:x:t\"", "signing-table: 'socketmap:unix:x:t' is no socketmap server "
                                                "(socketmap:unix:/PATH:NAME or socketmap:inet:ADDRESS:PORT:NAME)" },
    { "journal-max-size = 7", "journal-max-size: '7' is no number from 8 to 1000000" },
    { "journal-max-age = 0", "journal-max-age: '0' is no number from 1 to 3650" },
    { "journal-redact = all", "journal-redact: 'all' is none of none, client" },
    { "exempt-clients = \"hash:/etc/x\"", "exempt-clients: 'hash:/etc/x' is no table (PATH, file:PATH or socketmap:...)" },
    { "exempt-dkim-domains = \"hash:/etc/x\"",
      "exempt-dkim-domains: 'hash:/etc/x' is no table (PATH, file:PATH or socketmap:...)" },
    { "treat-as-reject = \"hash:/etc/x\"", "treat-as-reject: 'hash:/etc/x' is no table (PATH, file:PATH or socketmap:...)" },
    { "never-reject = \"hash:/etc/x\"", "never-reject: 'hash:/etc/x' is no table (PATH, file:PATH or socketmap:...)" },
    { "require-dkim = \"hash:/etc/x\"", "require-dkim: 'hash:/etc/x' is no table (PATH, file:PATH or socketmap:...)" },
    { "signing-table = \"file:\"", "signing-table: 'file:' is no table (file:PATH, refile:PATH, PATH or socketmap:...)" },
    { "sign-all-matches = 2", "sign-all-matches: '2' is none of true, false, yes, no, on, off" },
    { "sign-subdomains = 2", "sign-subdomains: '2' is none of true, false, yes, no, on, off" },
    { "sign-headers = { \"+\", \"a b\" }", "sign-headers: 'a b' is no header field name" },
    { "sign-oversign-headers = \"a:b\"", "sign-oversign-headers: 'a:b' is no header field name" },
    { "sign-canonicalization = strict",
      "sign-canonicalization: 'strict' is none of simple/simple, simple/relaxed, relaxed/simple, relaxed/relaxed" },
    { "sign-expire-after = x", "sign-expire-after: 'x' is no number from 0 to 315360000" },
    { "sign-for = author", "sign-for: 'author' is none of from, sender, envelope" },
    { "sign-algorithms = rsa", "sign-algorithms: 'rsa' is no algorithm (rsa-sha256 or ed25519-sha256)" },
    { "sign-self-check-every = 0", "sign-self-check-every: '0' is no number from 1 to 1000000" },
    { "sign-self-check = yes", "sign-self-check: 'yes' is none of always, rsa, never" },
    { "require-published-key = 2", "require-published-key: '2' is none of true, false, yes, no, on, off" },
};

static void values_are_refused_with_their_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(refused); i++) {
        struct arena *a = arena_new();
        const char *error = "(none)";
        struct conf *c = parse_text(a, str_printf(a, "# first\n\n%s\n", refused[i].input), &error);
        ROW_INT(refused[i].input, c == NULL, true);
        ROW_STR(refused[i].input, str_of(error), str_printf(a, "x.conf:3: %s", refused[i].want));
        arena_free(a);
    }
}

/* A sentence for the manual, a name that the file can hold, no name twice. */
static void check_rows(const struct conf_option *table)
{
    for (const struct conf_option *o = table; o->name != NULL; o++) {
        size_t n = strlen(o->doc);
        if (n < 10 || o->doc[n - 1] != '.' || strchr(o->doc, '\n') != NULL || o->doc[0] == '.' || strchr(o->doc, '\\') != NULL ||
            strstr(o->doc, " .") != NULL || strstr(o->doc, " '") != NULL)
            fail_msg("%s: '%s' is no sentence", o->name, o->doc);
        for (const char *c = o->name; *c != '\0'; c++)
            assert_true((*c >= 'a' && *c <= 'z') || *c == '-');
        assert_ptr_equal(find_option(table, o->name), o);
    }
}

/* And each option is shown above by default, value and refusal. */
static void rows_are_complete(void **state)
{
    (void)state;
    check_rows(conf_options);
    check_rows(sign_options);
    for (const struct conf_option *o = conf_options; o->name != NULL; o++) {
        bool by_default = false, by_value = false, wrong = o->type == OPTION_PATH;
        for (size_t i = 0; i < ROWS(taken); i++) {
            bool same = strcmp(taken[i].name, o->name) == 0;
            by_default = by_default || (same && taken[i].input[0] == '\0');
            by_value = by_value || (same && taken[i].input[0] != '\0');
        }
        for (size_t i = 0; i < ROWS(refused); i++)
            wrong = wrong || (str_istarts(str_of(refused[i].want), str_of(o->name)) && refused[i].want[strlen(o->name)] == ':');
        if (!by_default || !by_value || !wrong)
            fail_msg("%s: default, value and refusal need a row each", o->name);
    }
}

/* The checker's own defaults and ours must not drift apart. */
static void dkim_defaults_are_those_of_the_checker(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *error;
    struct conf *c = parse_text(a, STR_NONE, &error);
    assert_non_null(c);
    assert_int_equal(c->dkim.min_rsa_bits, dkim_params_default.min_rsa_bits);
    assert_int_equal(c->dkim.accept_unsigned_tail, dkim_params_default.accept_unsigned_tail);
    assert_int_equal(c->dkim.clock_slack, dkim_params_default.clock_slack);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_taken),
        cmocka_unit_test(values_are_refused_with_their_line),
        cmocka_unit_test(rows_are_complete),
        cmocka_unit_test(dkim_defaults_are_those_of_the_checker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
