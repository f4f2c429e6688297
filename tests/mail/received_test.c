/* received_test.c - Received fields of many mail servers, and of those who would like to write one into another. */
#include "tests/support/support.h"

#include "mailseal/limits.h"
#include "mailseal/received.h"

#define BY " by mx.example with ESMTP id 4abc; Thu, 28 May 2026 20:26:40 +0000"

/* Nothing but the address must be right: the words are those in the second table. */
static const struct {
    const char *name, *value;
    const char *client, *helo; /* client "unknown": nothing is claimed; NULL: no field of this form */
} fields[] = {
    { "Postfix", " from mail.a.example (rev.a.example [192.0.2.1])\r\n\t(using TLSv1.3 with cipher X (256/256 bits))" BY,
      "192.0.2.1", "mail.a.example" },
    { "Postfix, no name", " from mail.a.example (unknown [192.0.2.1])" BY, "192.0.2.1", "mail.a.example" },
    { "Postfix, IPv6", " from mail.a.example (rev.a.example [IPv6:2001:db8::1])" BY, "2001:db8::1", "mail.a.example" },
    { "Postfix, HELO is a literal", " from [192.0.2.9] (rev.a.example [192.0.2.1])" BY, "192.0.2.1", "[192.0.2.9]" },
    { "Sendmail, no name", " from mail.a.example ([192.0.2.1])" BY, "192.0.2.1", "mail.a.example" },
    { "Sendmail, doubtful name", " from mail.a.example (rev.a.example [192.0.2.1] (may be forged))" BY, "192.0.2.1",
      "mail.a.example" },
    { "Sendmail, ident", " from mail.a.example (IDENT:joe@rev.a.example [192.0.2.1])" BY, "192.0.2.1", "mail.a.example" },
    { "Exim", " from rev.a.example ([192.0.2.1] helo=mail.a.example)" BY, "192.0.2.1", "mail.a.example" },
    { "Exim, HELO is the name", " from rev.a.example ([192.0.2.1])" BY, "192.0.2.1", "rev.a.example" },
    { "Exim, port and ident", " from rev.a.example ([192.0.2.1]:4711 helo=mail.a.example ident=joe)" BY, "192.0.2.1",
      "mail.a.example" },
    { "Exim, no name", " from [192.0.2.1] (helo=mail.a.example)" BY, "192.0.2.1", "mail.a.example" },
    { "Exim, no name, port", " from [2001:db8::1]:4711 (port=4711 helo=[192.0.2.9])" BY, "2001:db8::1", "[192.0.2.9]" },
    { "Exim, ident alone", " from [192.0.2.1] (ident=joe)" BY, "192.0.2.1", "[192.0.2.1]" },
    { "Exchange", " from mail.a.example (192.0.2.1) by mx.example (10.0.0.1) with Microsoft SMTP Server id 15.1 via X; date",
      "192.0.2.1", "mail.a.example" },
    { "Exchange, IPv6", " from mail.a.example (2001:db8::1) by mx.example (2001:db8::2) with mapi id 15.20", "2001:db8::1",
      "mail.a.example" },
    { "qmail", " from unknown (HELO mail.a.example) (192.0.2.1)\r\n  by mx.example with SMTP; 28 May 2026 20:26:40 -0000",
      "192.0.2.1", "mail.a.example" },
    { "CommuniGate", " from [192.0.2.1] (HELO mail.a.example)" BY, "192.0.2.1", "mail.a.example" },
    { "Courier", " from mail.a.example (rev.a.example [::ffff:192.0.2.1])\n  (TLS: TLSv1.2,256bits)" BY, "192.0.2.1",
      "mail.a.example" },
    { "final dot", " from mail.a.example (mail.a.example. [192.0.2.1])" BY, "192.0.2.1", "mail.a.example" },
    { "no HELO", " from (rev.a.example [192.0.2.1])" BY, "192.0.2.1", "" },
    { "keywords in any case", " From mail.a.example (rev.a.example [192.0.2.1]) BY mx.example WITH ESMTP id 4abc", "192.0.2.1",
      "mail.a.example" },
    { "the same address twice", " from mail.a.example ([192.0.2.1]) (ip [192.0.2.1])" BY, "192.0.2.1", "mail.a.example" },

    { "no address", " from mail.a.example" BY, "unknown", "mail.a.example" },
    { "local", " by mx.example with ESMTP (Postfix, from userid 1000) id 4abc; date", "unknown", "" },
    { "Exim, local", " from joe" BY, "unknown", "joe" },
    { "the address of the receiving host", " from mail.a.example by mx.example ([192.0.2.1]) with ESMTP", "unknown",
      "mail.a.example" },
    { "HELO is a literal, nothing else", " from [192.0.2.9]" BY, "unknown", "[192.0.2.9]" },
    { "HELO is an address", " from 192.0.2.9 (unknown)" BY, "unknown", "192.0.2.9" },
    { "qmail, HELO is a literal", " from unknown (HELO [192.0.2.9]) (192.0.2.1)" BY, "192.0.2.1", "[192.0.2.9]" },
    { "two addresses", " from mail.a.example (rev.a.example [192.0.2.1]) (evil [192.0.2.9])" BY, "unknown", "mail.a.example" },
    { "a user with an address", " from a (b [192.0.2.1]) (Authenticated sender: [192.0.2.9])" BY, "unknown", "a" },
    { "no address in brackets", " from a (b [192.0.2])" BY, "unknown", "a" },
    { "zone", " from a (b [fe80::1%eth0])" BY, "unknown", "a" },
    { "text behind the bracket", " from a (b [192.0.2.1].c)" BY, "unknown", "a" },
    { "no port behind the colon", " from a (b [192.0.2.1]:65536)" BY, "unknown", "a" },
    { "bracket not closed", " from a (b [192.0.2.1)" BY, "unknown", "a" },
    { "written into HELO, behind it the real one", " from a (b [192.0.2.9]) (c [192.0.2.1])" BY, "unknown", "a" },
    { "Exim, written into HELO", " from [192.0.2.1] (helo= [192.0.2.9])" BY, "192.0.2.1", "[192.0.2.1]" },
    { "Exim's form written into HELO", " from [192.0.2.9] (helo=a) (c [192.0.2.1])" BY, "unknown", "a" },

    { "empty", "", NULL, NULL },
    { "a date", " Thu, 28 May 2026 20:26:40 +0000", NULL, NULL },
    { "no by", " from a (b [192.0.2.1])", NULL, NULL },
    { "by nothing", " from a (b [192.0.2.1]) by", NULL, NULL },
    { "by twice", " from a (b [192.0.2.9]) by c (d [192.0.2.1])" BY, NULL, NULL },
    { "by behind the date", " from a (b [192.0.2.9]) by c; (d [192.0.2.1])" BY, NULL, NULL },
    { "from twice", " from a from b (c [192.0.2.1])" BY, NULL, NULL },
    { "from behind by", " by mx.example from a (b [192.0.2.1])", NULL, NULL },
    { "from behind the date", " by mx.example; from a (b [192.0.2.1])", NULL, NULL },
    { "qmail's own", " (qmail 4711 invoked from network); 28 May 2026 20:26:40 -0000", NULL, NULL },
    { "comment not closed", " from a (b [192.0.2.1]" BY, NULL, NULL },
    { "comment not opened", " from a) (b [192.0.2.1])" BY, NULL, NULL },
    { "the comment goes on to the end", " from a (b [192.0.2.9]) by c ( (d [192.0.2.1])" BY, NULL, NULL },
};

static void fields_of_many_mail_servers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(fields); i++) {
        struct arena *a = arena_new();
        struct received r;
        ROW_INT(fields[i].name, received_parse(a, str_of(fields[i].value), &r), fields[i].client != NULL);
        ROW_STR(fields[i].name, ip_text(a, r.client), str_of(fields[i].client != NULL ? fields[i].client : "unknown"));
        ROW_STR(fields[i].name, r.helo, str_of(fields[i].helo));
        arena_free(a);
    }
}

static void the_words_of_a_field(void **state)
{
    (void)state;
    static const struct {
        const char *value, *by, *with;
    } rows[] = {
        { " from a (b [192.0.2.1]) by mx.example (Postfix) with ESMTPS id x for <by@c.example>; date", "mx.example", "ESMTPS" },
        { " from a (b [192.0.2.1]) by mx.example with Microsoft SMTP Server (version=X) id y with z", "mx.example", "Microsoft" },
        { " from a (b [192.0.2.1])\r\n\tby mx.example\r\n\tid x; date with time", "mx.example", "" },
        { " by 2001:db8::1 with SMTP id x csp1; date", "2001:db8::1", "SMTP" },
        { " by mx.example id x with LMTP", "mx.example", "LMTP" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct received r;
        assert_true(received_parse(a, str_of(rows[i].value), &r));
        ROW_STR(rows[i].value, r.by, str_of(rows[i].by));
        ROW_STR(rows[i].value, r.with, str_of(rows[i].with));
        arena_free(a);
    }
}

static void a_field_beyond_the_limit_is_not_read(void **state)
{
    (void)state;
    static const char begin[] = " from a (b [192.0.2.1]) by mx.example ";
    struct arena *a = arena_new();
    struct received r;
    char *text = arena_alloc(a, LIMIT_RECEIVED + 1);
    memset(text, 'x', LIMIT_RECEIVED + 1);
    memcpy(text, begin, sizeof(begin) - 1);
    assert_true(received_parse(a, (struct str){ text, LIMIT_RECEIVED }, &r));
    assert_int_equal(r.client.family, 4);
    assert_false(received_parse(a, (struct str){ text, LIMIT_RECEIVED + 1 }, &r));
    assert_int_equal(r.client.family, 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_many_mail_servers),
        cmocka_unit_test(the_words_of_a_field),
        cmocka_unit_test(a_field_beyond_the_limit_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
