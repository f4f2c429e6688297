/* explain_text_test.c - the text of an explanation says what the document says, and nothing in it can be anything but text. */
#include "engine_support.h"

/* What is printed for a document. */
static struct str printed(struct arena *a, const struct json *doc)
{
    FILE *f = tmpfile();
    assert_non_null(f);
    explain_print(f, a, doc);
    size_t n = (size_t)ftell(f);
    char *text = arena_alloc(a, n + 1);
    rewind(f);
    assert_int_equal(fread(text, 1, n, f), n);
    fclose(f);
    text[n] = '\0';
    return (struct str){ text, n };
}

/* On one line, so that a sentence can be looked for. */
static const char *told(struct arena *a, struct str text)
{
    char *p = arena_alloc(a, text.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i] == '\n' ? ' ' : text.p[i];
        if (c != ' ' || n == 0 || p[n - 1] != ' ')
            p[n++] = c;
    }
    p[n] = '\0';
    return p;
}

static const struct json *parsed(struct arena *a, const char *text)
{
    const char *error = "";
    const struct json *j = js_read(a, str_of(text), &error);
    if (j == NULL)
        fail_msg("%s", error);
    return j;
}

static void sentences(void **state)
{
    (void)state;
    static const struct {
        const char *name, *doc, *want;
    } rows[] = {
        { "would", "{\"action\":\"reject\",\"rule\":\"r\",\"profile\":\"p\"}",
          "This message would be refused, by rule \"r\" of profile \"p\"." },
        { "was", "{\"queue_id\":\"A\",\"action\":\"reject\",\"rule\":\"r\",\"profile\":\"p\"}", "This message was refused, by" },
        { "a reply", "{\"reply\":\"550 5.7.1 no\"}", "The sender's host is told: 550 5.7.1 no" },
        { "a reply of several lines", "{\"reply\":\"550-5.7.23 no\\n550-5.7.23 x explains:\\n550 5.7.23 y\"}",
          "is told: 550-5.7.23 no 550-5.7.23 x explains: 550 5.7.23 y" },
        { "deferral", "{\"deferral\":\"deferred 3 of 12\"}", "did not give all answers: deferred 3 of 12." },
        { "differ", "{\"disagreement\":\"x for y\"}", "and the mildest is done for all: x for y." },
        { "label", "{\"action\":\"label\",\"rules\":[{\"matched\":true,\"action\":\"quarantine\"}]}", "The rule says quarantine." },
        { "deferred", "{\"action\":\"tempfail\"}", "tries again later" },
        { "an action to come", "{\"action\":\"x\"}", "does not know" },
        { "several authors", "{\"author\":{\"status\":\"several\",\"reason\":\"several domains\"}}",
          "does not name exactly one author: several domains." },
        { "null sender", "{\"envelope\":{\"null_sender\":true}}", "is empty: the message is itself a bounce" },
        { "client of ours", "{\"client\":{\"ip\":\"192.0.2.1\",\"class\":\"internal\"}}", "192.0.2.1, a host of the site" },
        { "no client", "{\"client\":{}}", "an address that is not known" },
        { "relayed", "{\"client\":{\"class\":\"outside\",\"relayed\":true}}", "by way of a relay" },
        { "spf without a word", "{\"spf\":{\"result\":\"none\",\"domain\":\"d\",\"reason\":\"why\"}}", "SPF: none for d: why." },
        { "spf by default", "{\"spf\":{\"result\":\"neutral\",\"mechanism\":\"default\"}}", "says nothing about this host." },
        { "spf explanation", "{\"spf\":{\"domain\":\"d\",\"explanation\":\"go away\"}}", "d explains: \"go away\"" },
        { "dkim hint", "{\"dkim\":[{\"result\":\"fail\",\"reason\":\"body hash did not verify\"}]}", "add a footer" },
        { "dkim without hint", "{\"dkim\":[{\"result\":\"permerror\",\"reason\":\"no d= tag\"}]}", "no d= tag." },
        { "dkim remark", "{\"dkim\":[{\"result\":\"pass\",\"reason\":\"test key\"}]}", "; remark: test key." },
        { "seal", "{\"arc\":{\"result\":\"pass\",\"sets\":[{\"instance\":1,\"domain\":\"d\"}]}}",
          "of d, which this site does not trust (it is not in trusted-sealers). It says that the message had not passed DMARC" },
        { "trusted seal", "{\"arc\":{\"result\":\"pass\",\"sets\":[{\"domain\":\"d\",\"trusted\":true,\"reports_pass\":true}]}}",
          "this site trusts (trusted-sealers). It says that the message passed DMARC" },
        { "broken chain", "{\"arc\":{\"result\":\"fail\",\"reason\":\"why\"}}", "does not count: why (ARC fail)" },
        { "np", "{\"dmarc\":{\"from_domain\":\"x.d\",\"tag\":\"np\",\"policy\":\"reject\",\"record\":{\"domain\":\"d\"}}}",
          "The record of d asks to refuse mail from x.d, a name below it that does not exist, that is not confirmed (np=reject)." },
        { "strict", "{\"dmarc\":{\"from_domain\":\"d\",\"tag\":\"p\",\"record\":{\"adkim\":\"s\"}}}",
          "very domain d (adkim=s, strict)" },
        { "testing", "{\"dmarc\":{\"tag\":\"p\",\"applied\":\"none\",\"record\":{\"t\":\"y\"}}}",
          "one step less is to be done (none)" },
        { "not needed", "{\"dmarc\":{\"result\":\"pass\",\"tag\":\"p\"},\"dkim\":[{\"result\":\"pass\",\"domain\":\"e\"}]}",
          "DKIM passed for e: it was not needed any more." },
        { "expired", "{\"rules\":[{\"rule\":\"r\",\"expired\":true,\"owner\":\"bob\",\"reason\":\"why\"}]}",
          "r: no, the rule has expired. (why; owner: bob)" },
        { "rule", "{\"rules\":[{\"rule\":\"r\",\"condition\":\"list=yes\",\"value\":\"no\"}]}",
          "r: no, it wants list=yes, but here it is no." },
        { "exempt", "{\"exempt\":\"authenticated\",\"signatures\":2}",
          "mail of the site itself: the client has logged in. Such mail is signed instead. Signatures put on it: 2." },
        { "unsigned", "{\"exempt\":\"authenticated\",\"unsigned\":\"why\",\"unpublished_keys\":1}",
          "It is not signed: why. A key" },
        { "profiles",
          "{\"profiles\":[{\"profile\":\"q\",\"action\":\"accept\",\"rule\":\"r\"},{\"profile\":\"x\",\"error\":\"bad\"}]}",
          "- q: accept, by rule \"r\" - x: cannot be read: bad" },
        { "taken", "{\"taken\":[{\"what\":\"client address\",\"value\":\"v\",\"from\":\"f\"}]}",
          "- client address: \"v\", from f" },
        { "edits",
          "{\"edits\":[{\"op\":\"delete\",\"name\":\"N\",\"index\":3},{\"op\":\"insert\",\"name\":\"M\",\"value\":\" a\\n\\tb\"}]}",
          "- N number 3 is removed: it bears the name of this site, and only this site may write it. + M: a b" },
        { "dns",
          "{\"dns\":{\"a.d\":{\"TXT\":[\"x\",\"y\"],\"MX\":[[10,\"h\"]],\"A\":[]},\"b.d\":{\"TXT\":\"NXDOMAIN\",\"A\":\"TIMEOUT\"}}"
          "}",
          "- a.d TXT \"x\" - a.d TXT \"y\" - a.d MX [10,\"h\"] - a.d A: nothing of this type - b.d TXT: there is no such name"
          " - b.d A: no answer in time" },
        { "evidence", "{\"facts\":\"list=yes sealer=trusted forwarder=yes never-reject=yes\"}",
          "It came through a mailing list: the list names itself (List-Id), and SPF or DKIM passed for the list's domain. - A "
          "sealer that"
          " this site trusts saw it pass DMARC. - The client passes on other people's mail (trusted-forwarders, or a relay of ours "
          "that does not tell from whom it had it). - The site's list "
          "never-reject" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        const char *text = told(a, printed(a, parsed(a, rows[i].doc)));
        if (strstr(text, rows[i].want) == NULL)
            fail_msg("%s: no '%s' in '%s'", rows[i].name, rows[i].want, text);
        arena_free(a);
    }
}

/* No member is needed: a journal may be older than we are. */
static void an_empty_document_is_no_harm(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    assert_true(printed(a, parsed(a, "{}")).n > 0);
    assert_true(printed(a, parsed(a, "{\"dmarc\":3,\"dkim\":{},\"rules\":[1],\"facts\":7,\"dns\":{\"a\":1}}")).n > 0);
    arena_free(a);
}

static void the_text_is_printable(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct env *e = test_env(a, "", 0);
    struct conn *c = test_conn(e, "192.0.2.1");
    conn_helo(c, STR("\x1b[31m\xff"));
    struct msg *m;
    const struct outcome *o =
        test_message(c, "<\x1b@x\r\n>", false, FIELDS("From: \x1b@\xff", "DKIM-Signature: d=\x1b; s=\xff"), &m);
    struct json *doc = outcome_json(a, o, msg_conf(m)), *dns = js_add_object(doc, "dns");
    js_add_text(js_add_array(js_add_object(dns, "x\x1b"), "TXT"), NULL, STR("\x1b\n\xff"));
    js_add_text(js_add_array(js_add_object(dns, "y"), "T\x1b"), NULL, STR("a"));
    struct str text = printed(a, doc);
    assert_true(text.n > 500);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != '\n' && (text.p[i] < ' ' || text.p[i] > '~'))
            fail_msg("byte %02x in the text", (unsigned char)text.p[i]);
    msg_free(m);
    conn_free(c);
    env_free(e);
    arena_free(a);
}

static struct str source(struct arena *a, const char *path)
{
    FILE *f = fopen(test_path(a, path), "r");
    assert_non_null(f);
    char *text = arena_alloc(a, 65536);
    size_t n = fread(text, 1, 65536, f);
    fclose(f);
    return (struct str){ text, n };
}

/* The next literal of a source, or false. */
static bool next_literal(struct str *rest, struct str *literal)
{
    struct str before;
    return str_cut(*rest, '"', &before, rest) && str_cut(*rest, '"', literal, rest);
}

/* A reason that speaks of identifiers and their alignment is also given in plain words. */
static void reasons_of_the_rfc_are_translated(void **state)
{
    (void)state;
    static const char *const sources[] = { "milter/dmarc/dmarc_eval.c", "milter/dmarc/dmarc_discover.c" };
    static const char *const terms[] = { "identifier", "align", "rua" };
    struct arena *a = arena_new();
    size_t found = 0;
    for (size_t i = 0; i < ROWS(sources); i++) {
        struct str literal, rest = source(a, sources[i]);
        while (next_literal(&rest, &literal)) {
            bool term = false;
            for (size_t k = 0; k < ROWS(terms); k++)
                term = term || memmem(literal.p, literal.n, terms[k], strlen(terms[k])) != NULL;
            if (!term || memchr(literal.p, '\n', literal.n) != NULL)
                continue;
            struct json *doc = js_object(a);
            js_add_text(js_add_object(doc, "dmarc"), "reason", literal);
            if (strstr(told(a, printed(a, doc)), "That is: ") == NULL)
                fail_msg("not translated: %.*s", STR_FMT(literal));
            found++;
        }
    }
    ROW_INT("reasons", found, 7);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(sentences), cmocka_unit_test(an_empty_document_is_no_harm),
                                        cmocka_unit_test(the_text_is_printable),
                                        cmocka_unit_test(reasons_of_the_rfc_are_translated) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
