/* policy_parse_test.c - every mistake in a profile is an error with its line, and no profile is half loaded. */
#include "tests/policy/fake_table.h"
#include "tests/policy/profile.h"

#include <sys/stat.h>

#include "mailseal/buf.h"

#define ALL             "\nrule \"all\" {\n  action = accept\n}\n"
#define REJECT(reply)   "\n\nrule \"all\" {\n  action = reject\n  reply = \"" reply "\"\n}\n"
#define TEMPFAIL(reply) "\n\nrule \"a\" { when = {\"list=yes\"}\n  action = tempfail\n  reply = \"" reply "\"\n}\n" ALL
#define WHEN(condition) "rule \"a\" {\n when = {\"" condition "\"}\n action = accept\n}\n" ALL
#define OPTION(option)  "rule \"a\" {\n when = {\"list=yes\"}\n action = accept\n " option "\n}\n" ALL

struct row {
    const char *name, *text;
    const char *error; /* NULL: the profile is good */
};

static const struct row rows[] = {
    { "one rule", ALL, NULL },
    { "conditions", "rule \"a\" {\n when = {\"dmarc=fail\", \"spf != pass|none\", \"list=yes\"}\n action = \"quarantine\"\n}\n" ALL,
      NULL },
    { "an empty when", "rule \"all\" { when = {} action = accept }", NULL },
    { "every fact",
      "rule \"a\" { when = {\"dmarc=fail\", \"policy=quarantine\", \"from=one\", \"spf=softfail\", \"helo=neutral\", "
      "\"dkim=policy\", \"list=no\", \"forwarder=yes\", \"temperror-option=tempfail\", \"arc=pass\", \"sealer=trusted\"} "
      "action = accept }\n"
      "rule \"b\" { when = {\"direction=inbound\", \"client=relay\", \"authenticated=no\", \"exempt=yes\", \"aligned=no\", "
      "\"treat-as-reject=yes\", \"never-reject=no\", \"require-dkim=yes\", \"dkim-aligned=fail|none\", \"daemon=a\"} "
      "action = accept }" ALL,
      NULL },
    { "a rule behind the last", ALL "rule \"b\" { action = accept }\n",
      ":5: rule 'b' can never match: rule 'all' before it takes all that it could" },
    { "fact", "\nrule \"a\" {\n  when = {\"colour=red\"}\n  action = accept\n}\n" ALL, ":3: there is no fact 'colour'" },
    { "fact in another case", "rule \"a\" { when = {\"DMARC=fail\"} action = accept }" ALL, ":1: there is no fact 'DMARC'" },
    { "value", "rule \"a\" { when = {\"dmarc=fail|maybe\"} action = accept }" ALL, ":1: 'dmarc' has no value 'maybe'" },
    { "empty value", "rule \"a\" { when = {\"dmarc=\"} action = accept }" ALL, ":1: 'dmarc' has no value ''" },
    { "empty alternative", "rule \"a\" { when = {\"dmarc=fail|\"} action = accept }" ALL, ":1: 'dmarc' has no value ''" },
    { "no condition", "rule \"a\" { when = {\"dmarc\"} action = accept }" ALL,
      ":1: 'dmarc' is no condition: fact=value or fact!=value" },
    { "action", "\nrule \"a\" {\n  action = drop\n}\n", ":3: there is no action 'drop'" },
    { "no action", "\nrule \"a\" {\n  when = {\"dmarc=fail\"}\n}\n" ALL, ":2: rule 'a' has no action" },
    { "unknown option", "rule \"a\" {\n  then = accept\n}\n", ":2: no such option 'then'" },
    { "unknown section", "\nrole \"a\" {\n  action = accept\n}\n", ":2: no such option 'role'" },
    { "no title", "\nrule {\n  action = accept\n}\n", ":2: 'rule' must be followed by '=', or by a title and '{'" },
    { "empty name", "rule \"\" { action = accept }", ":1: a rule's name is 1 to 64 letters, digits, spaces, '-', '_' and '.'" },
    { "the same name again", "rule \"a\" {\n when = {\"list=yes\"}\n action = accept\n}\nrule \"a\" {\n action = accept\n}\n",
      ":5: there are two rules 'a', the first in line 1" },
    { "no rule for the rest",
      "rule \"a\" { when = {\"list=yes\"} action = accept }\n\nrule \"b\" {\n when = {\"list=no\"}\n action = accept\n}\n",
      ":3: the last rule must match everything: it has no 'when'" },
    { "action twice", "rule \"a\" {\n  action = reject\n  action = accept\n}\n",
      ":3: option 'action' is set twice, first in line 2" },
    { "when twice", "rule \"a\" {\n  when = {\"spf=pass\", \"dkim=pass\"}\n  when = {\"list=yes\"}\n  action = accept\n}\n" ALL,
      ":3: option 'when' is set twice, first in line 2" },
    { "when twice, then empty", "rule \"a\" {\n  when = {\"spf=pass\"}\n  when = {}\n  action = accept\n}\n",
      ":3: option 'when' is set twice, first in line 2" },
    { "when twice, then no list", "rule \"a\" {\n  when = {\"spf=pass\"}\n  when = \"dkim=pass\"\n  action = accept\n}\n",
      ":3: option 'when' is set twice, first in line 2" },
    { "a function", "rule \"a\" {\n  action = accept\n}\ninclude(\"/etc/passwd\")\n",
      ":4: unexpected character '(' outside of a string" },
    { "a setting outside of rules", "action = accept\n" ALL, ":1: no such option 'action'" },
    { "a rule in a rule", "rule a {\n  rule b { action = accept }\n}\n",
      ":2: 'rule' must be followed by '=' (a section stands in no other)" },
    /* what no text may hold (conf_text_test.c has it all) */
    { "comment signs", "# a {\nrule all { action = accept } # '", NULL },
    { "comment signs in quotes", "rule \"all\" { action = \"accept\" } rule b { action = \"#//\" }",
      ":1: there is no action '#//'" },
    { "another comment", "// a\n" ALL, ":1: '//' begins no comment: a comment begins with '#'" },
    { "single quotes", "rule 'all' { action = accept }", ":1: a string stands in double quotes, not in single ones" },
    { "a rule behind comments", "# one\n# two\n\nrule \"x\" { # three\n  # four\n  when = {\"dmarc=fail\"}\n  action = accept\n}\n",
      ":4: the last rule must match everything: it has no 'when'" },
    { "a file that ends in a rule", ALL "\nrule b {\n action = accept\n", ":6: section is not closed" },
    { "an escaped quote", "rule \"a\\\"b\" { action = accept }",
      ":1: a rule's name is 1 to 64 letters, digits, spaces, '-', '_' and '.'" },
    { "a variable of the environment", "rule all {\n action = reject\n reply = \"550 5.7.1 ${HOME}\" }",
      ":3: variables are not expanded: '${'" },
    { "carriage returns", "rule all {\r\n action = accept\r\n}\r\n", NULL },
    { "nothing", "", ":1: there is no rule" },
    { "a comment alone", "# nothing\n", ":1: there is no rule" },
    /* SC-12, SC-3: the code, its class, the enhanced code's class */
    { "reject", REJECT("550 5.7.1 Text"), NULL },
    { "tempfail", TEMPFAIL("451 4.4.3 Text"), NULL },
    { "reject with a 4xx", REJECT("451 4.7.1 Text"), ":5: the action reject needs a reply code 5xx" },
    { "tempfail with a 5xx", TEMPFAIL("550 5.7.1 Text"), ":5: the action tempfail needs a reply code 4xx" },
    { "classes that differ", REJECT("550 4.7.1 Text"), ":5: the enhanced code must begin with 5 like the reply code" },
    { "a 2xx", REJECT("250 2.0.0 Text"), ":5: the action reject needs a reply code 5xx" },
    { "no enhanced code", REJECT("550 Text of a reply"), ":5: a reply is a code, an enhanced code and a text: 550 5.7.1 Text" },
    { "no text", REJECT("550 5.7.1 "), ":5: a reply is a code, an enhanced code and a text: 550 5.7.1 Text" },
    { "two parts", REJECT("550 5.7 Text"), ":5: a reply is a code, an enhanced code and a text: 550 5.7.1 Text" },
    { "four digits", REJECT("550 5.7.1000 Text"), ":5: a reply is a code, an enhanced code and a text: 550 5.7.1 Text" },
    { "code of four digits", REJECT("5500 5.7.1 Text"), ":5: a reply is a code, an enhanced code and a text: 550 5.7.1 Text" },
    { "code above 599", REJECT("650 5.7.1 Text"), ":5: a reply is a code, an enhanced code and a text: 550 5.7.1 Text" },
    { "8-bit text", REJECT("550 5.7.1 na\xc3\xafve"), ":5: a reply is printable ASCII" },
    { "variables", REJECT("550 5.7.1 %{from-domain} 100% %{spf-domain}"), NULL },
    { "unknown variable", REJECT("550 5.7.1 Hello %{from}"), ":5: there is no variable 'from'" },
    { "an explanation", REJECT("550 5.7.23 SPF failed for %{spf-domain} %{spf-explanation}"), NULL },
    { "an explanation in the middle", REJECT("550 5.7.23 %{spf-explanation} failed"),
      ":5: %{spf-explanation} can only be the end of a reply" },
    { "two explanations", REJECT("550 5.7.23 failed %{spf-explanation}%{spf-explanation}"),
      ":5: %{spf-explanation} can only be the end of a reply" },
    { "an explanation alone", REJECT("550 5.7.23 %{spf-explanation}"),
      ":5: a reply is a code, an enhanced code and a text: 550 5.7.1 Text" },
    { "a variable that is not closed", REJECT("550 5.7.1 Hello %{from-domain"), ":5: a variable is written %{name}" },
    /* SC-5: the text cannot be guessed; SC-14: quarantine is no reply */
    { "reject without reply", "rule \"all\" { action = reject }", ":1: rule 'all' needs a reply" },
    { "tempfail without reply", "rule \"all\" { action = tempfail }", ":1: rule 'all' needs a reply" },
    { "every variable",
      REJECT("550 5.7.1 %{client-ip} %{queue-id} %{sender-domain} %{rule} %{reason} %{why} %{from-domain} %{spf-domain}"), NULL },
    { "every action", "rule \"a\" { when = {\"list=yes\"} action = label }\nrule \"b\" { action = discard }", NULL },
    { "label with reply", "rule \"all\" { action = label reply = \"550 5.7.1 Text\" }",
      ":1: rule 'all' has a reply, but the action label sends none" },
    { "discard with reply", "rule \"all\" { action = discard reply = \"550 5.7.1 Text\" }",
      ":1: rule 'all' has a reply, but the action discard sends none" },
    { "the name of what no rule matches", "rule exempt { action = accept }",
      ":1: the name 'exempt' is taken: of outbound mail that no rule matches" },
    /* texts */
    { "a domain", WHEN("from-domain=example.org"), NULL },
    { "domains below", WHEN("sender-domain != .example.org | Example.ORG. | \xc3\xa9.example"), NULL },
    { "no domain at all", WHEN("sender-domain=<>"), NULL },
    { "tables", WHEN("recipient-domain=/lists/one|file:/lists/two|socketmap:unix:/run/x:three"), NULL },
    { "a daemon", WHEN("daemon=smtpd/submission|Relay 2|<>"), NULL },
    { "no domain name", WHEN("from-domain=exa mple"), ":2: no domain name, no table and not <>: 'exa mple'" },
    { "an empty domain", WHEN("from-domain="), ":2: no domain name, no table and not <>: ''" },
    { "an empty alternative of domains", WHEN("from-domain=a.example|"), ":2: no domain name, no table and not <>: ''" },
    { "a dot", WHEN("from-domain=."), ":2: no domain name, no table and not <>: '.'" },
    { "a star", WHEN("from-domain=*.example"), ":2: no domain name, no table and not <>: '*.example'" },
    { "an empty daemon", WHEN("daemon=a|"), ":2: a name is missing; <> stands for none" },
    { "a table that is not there", WHEN("from-domain=/lists/missing"), ":2: /lists/missing: No such file or directory" },
    /* who says so, and until when */
    { "notes", OPTION("reason = \"ticket 4711\" owner = \"postmaster\" expires = \"2027-02-28\""), NULL },
    { "an empty reason", OPTION("reason = \"\""), ":4: 'reason' is a text of 1 to 200 characters" },
    { "8-bit owner", OPTION("owner = \"J\xc3\xb6rg\""), ":4: 'owner' is printable ASCII" },
    { "a leap day", OPTION("expires = \"2028-02-29\""), NULL },
    { "no leap day", OPTION("expires = \"2027-02-29\""), ":4: '2027-02-29' is no date: YYYY-MM-DD" },
    { "month 13", OPTION("expires = \"2027-13-01\""), ":4: '2027-13-01' is no date: YYYY-MM-DD" },
    { "day 0", OPTION("expires = \"2027-01-00\""), ":4: '2027-01-00' is no date: YYYY-MM-DD" },
    { "month 0", OPTION("expires = \"2027-00-10\""), ":4: '2027-00-10' is no date: YYYY-MM-DD" },
    { "a short year", OPTION("expires = \"27-01-01\""), ":4: '27-01-01' is no date: YYYY-MM-DD" },
    { "a time", OPTION("expires = \"2027-01-01T00:00\""), ":4: '2027-01-01T00:00' is no date: YYYY-MM-DD" },
    { "the last rule expires", "rule all {\n action = accept\n expires = \"2027-01-01\"\n}",
      ":1: the last rule must match everything: it cannot expire" },
    { "the last rule tempfails", "rule all { action = tempfail reply = \"451 4.7.1 Text\" }",
      ":1: the last rule must match everything: tempfail has its limits" },
    { "a rule for everything that expires", "rule a { action = accept expires = \"2027-01-01\" }" ALL, NULL },
    { "accept with reply", "rule \"all\" { action = accept reply = \"550 5.7.1 Text\" }",
      ":1: rule 'all' has a reply, but the action accept sends none" },
    { "quarantine with reply", "rule \"all\" { action = quarantine reply = \"550 5.7.1 Text\" }",
      ":1: rule 'all' has a reply, but the action quarantine sends none" },
};

static void each_mistake_is_an_error_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct row *row = &rows[i];
        struct arena *a = arena_new();
        const char *error;
        struct policy *policy = profile_read(a, row->text, strlen(row->text), &error);

        ROW_STR(row->name, str_of(error), str_of(row->error));
        ROW_INT(row->name, policy != NULL, row->error == NULL);
        arena_free(a);
    }
}

static void limits_of_one_rule(void **state)
{
    struct arena *a = arena_new();
    const char *error;
    char text[8192] = "rule \"a\" { when = {\"list=yes\"";

    (void)state;
    for (int i = 1; i < LIMIT_POLICY_WHEN; i++)
        strcat(text, ", \"list=yes\"");
    size_t full = strlen(text);
    strcpy(text + full, "} action = accept }" ALL);
    assert_non_null(profile_read(a, text, strlen(text), &error));
    strcpy(text + full, ", \"list=yes\"} action = accept }" ALL);
    assert_null(profile_read(a, text, strlen(text), &error));
    assert_string_equal(error, ":1: more than 32 conditions");

    strcpy(text, "rule \"a\" { action = reject reply = \"550 5.7.1 ");
    full = strlen(text);
    memset(text + full, 'x', LIMIT_REPLY);
    strcpy(text + full + LIMIT_REPLY - 10, "\" }");
    assert_non_null(profile_read(a, text, strlen(text), &error));
    memset(text + full, 'x', LIMIT_REPLY);
    strcpy(text + full + LIMIT_REPLY - 9, "\" }");
    assert_null(profile_read(a, text, strlen(text), &error));
    assert_string_equal(error, ":1: the reply is longer than 400 characters");
    arena_free(a);
}

static void a_table_is_opened_once(void **state)
{
    struct arena *a = arena_new();
    const char *error;
    struct buf text;

    (void)state;
    fake_tables_read = 0;
    profile_of(a,
               "rule \"a\" { when = {\"from-domain=/lists/one\", \"sender-domain!=/lists/one|/lists/two\"} action = accept }" ALL);
    assert_int_equal(fake_tables_read, 2);

    buf_init(&text, a, 64 * 1024);
    buf_puts(&text, "rule \"a\" { when = {\"from-domain=/lists/0");
    for (int i = 1; i < 64; i++)
        buf_printf(&text, "|/lists/%d", i);
    size_t full = text.n;
    buf_puts(&text, "\"} action = accept }" ALL);
    assert_non_null(profile_read(a, text.p, text.n, &error));
    buf_cut(&text, full);
    buf_puts(&text, "|/lists/64\"} action = accept }" ALL);
    assert_null(profile_read(a, text.p, text.n, &error));
    assert_string_equal(error, ":1: more than 64 tables");
    arena_free(a);
}

static void more_rules_than_the_limit_are_refused(void **state)
{
    struct arena *a = arena_new();
    const char *error;
    struct policy *policy;
    struct buf text;

    (void)state;
    buf_init(&text, a, 64 * 1024);
    for (int i = 1; i < LIMIT_POLICY_RULES; i++)
        buf_printf(&text, "rule r%d { when = {\"daemon=%d\"} action = accept }\n", i, i);
    size_t full = text.n;
    buf_puts(&text, "rule all { action = accept }\n");
    policy = profile_read(a, text.p, text.n, &error);
    assert_non_null(policy);
    assert_int_equal(policy_count(policy), LIMIT_POLICY_RULES);
    buf_cut(&text, full);
    buf_puts(&text, "rule one { when = {\"list=yes\"} action = accept }\nrule all { action = accept }\n");
    assert_null(profile_read(a, text.p, text.n, &error));
    assert_string_equal(error, ":257: more than 256 rules");
    arena_free(a);
}

/* X03: neither hang nor end the process. */
static void a_file_that_cannot_be_read_is_an_error(void **state)
{
    struct arena *a = arena_new();
    const char *error = NULL;
    char dir[] = "/tmp/mailseal-policy-XXXXXX";
    const char *fifo;

    (void)state;
    assert_null(policy_read(a, "/nonexistent/x.policy", &error));
    assert_string_equal(error, "/nonexistent/x.policy: No such file or directory");
    assert_null(policy_read(a, "/tmp", &error));
    assert_string_equal(error, "/tmp: is no regular file");
    assert_non_null(mkdtemp(dir));
    fifo = str_cstr(a, str_printf(a, "%s/fifo", dir));
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_null(policy_read(a, fifo, &error));
    ROW_STR("FIFO", str_of(error), str_printf(a, "%s: is no regular file", fifo));
    unlink(fifo);
    rmdir(dir);
    arena_free(a);
}

static void a_profile_is_named_after_its_file(void **state)
{
    struct arena *a = arena_new();
    const char *error = NULL;
    struct policy *policy = policy_read(a, test_path(a, "policies/standard.policy"), &error);

    (void)state;
    if (policy == NULL)
        fail_msg("%s", error);
    assert_string_equal(policy_name(policy), "standard");
    assert_int_equal(policy_count(policy), 17);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_is_an_error_with_its_line), cmocka_unit_test(limits_of_one_rule),
        cmocka_unit_test(more_rules_than_the_limit_are_refused),  cmocka_unit_test(a_file_that_cannot_be_read_is_an_error),
        cmocka_unit_test(a_profile_is_named_after_its_file),      cmocka_unit_test(a_table_is_opened_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
