/* signer_test.c - for whom a message is signed: the author, who sends for the author, or the envelope sender. */
#include "sign_support.h"

#define TWO                                                                                                                        \
    "sign \"good.example\" { selector = s key-file = \"%s/k.pem\" }\nsign \"send.example\" { selector = s key-file = "             \
    "\"%s/k.pem\" }\n"
#define BY_SENDER   "sign-for = sender\n" TWO
#define BY_ENVELOPE "sign-for = envelope\n" TWO
#define MAP         "sender-login-map = \"%s/both\"\n"

#define GOOD "good.example"
#define SEND "send.example"
#define ANN  "From: ann@good.example"

static const struct {
    const char *name, *conf, *envelope, *from, *sender, *login;
    const char *want, *reason; /* d=, or "" with why not */
} rows[] = {
    { "the author is the default", TWO, "<x@send.example>", ANN, "Sender: x@send.example", "ann", GOOD, "" },
    { "sender", BY_SENDER, "<ann@good.example>", ANN, "Sender: X <x@Send.example>", "ann", SEND, "" },
    { "no sender", BY_SENDER, "<x@send.example>", ANN, NULL, "ann", GOOD, "" },
    { "two mailboxes", BY_SENDER, "<>", ANN, "Sender: x@send.example, y@send.example", "ann", GOOD, "" },
    { "two domains", BY_SENDER, "<>", ANN, "Sender: x@send.example, y@good.example", "ann", GOOD, "" },
    { "no address", BY_SENDER, "<>", ANN, "Sender: x", "ann", GOOD, "" },
    { "sender without a key", BY_SENDER, "<>", ANN, "Sender: x@other.example", "ann", "", "no key signs for the sender's domain" },
    { "envelope", BY_ENVELOPE, "<x@Send.example>", ANN, "Sender: x@other.example", "ann", SEND, "" },
    { "envelope without brackets", BY_ENVELOPE, "x@send.example", ANN, NULL, "ann", SEND, "" },
    { "null sender", BY_ENVELOPE, "<>", ANN, "Sender: x@send.example", "ann", GOOD, "" },
    { "envelope without a domain", BY_ENVELOPE, "<ann>", ANN, NULL, "ann", GOOD, "" },
    { "envelope that is no address", BY_ENVELOPE, "<ann@..>", ANN, NULL, "ann", GOOD, "" },
    { "envelope without a key", BY_ENVELOPE, "<x@other.example>", ANN, NULL, "ann", "", "no key signs for the sender's domain" },
    { "several authors", BY_SENDER, "<>", "From: ann@good.example, x@send.example", "Sender: x@send.example", "ann", "",
      "several domains" },
    { "no author", BY_ENVELOPE, "<x@send.example>", "From: ann", NULL, "ann", "", "no '@' in an address" },
    /* DK-87: a login that may use one address only must not lend it the signature of another. */
    { "login allowed both", MAP BY_SENDER, "<>", ANN, "Sender: x@send.example", "ann", SEND, "" },
    { "login allowed the author only", MAP BY_SENDER, "<>", ANN, "Sender: eve@send.example", "ann", "",
      "the login may not use the sender's address" },
    { "login allowed the sender only", MAP BY_SENDER, "<>", "From: bob@good.example", "Sender: x@send.example", "ann", "",
      "the login may not use the author's address" },
    { "envelope, login allowed the author only", MAP BY_ENVELOPE, "<eve@send.example>", ANN, NULL, "ann", "",
      "the login may not use the sender's address" },
    { "one address for both", MAP BY_ENVELOPE, "<ann@good.example>", ANN, NULL, "ann", GOOD, "" },
};

static void whose_keys_sign(void **state)
{
    const struct place *p = *state;
    write_text(p, "both", "ann@good.example ann\nx@send.example ann\n");
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct env *e = env_with(p, conf_text_of(p, rows[i].conf), NULL);
        struct msg_info info = { .mail_from = str_of(rows[i].envelope), .authenticated = true, .auth_user = str_of(rows[i].login) };
        struct sent s = send_message(p, e, &info, FIELDS(rows[i].from, rows[i].sender), STR_NONE);
        const char *d = str_cstr(p->arena, str_printf(p->arena, " d=%s; ", rows[i].want));
        ROW_STR(rows[i].name, s.reason, str_of(rows[i].reason));
        ROW_INT(rows[i].name, s.signatures, rows[i].want[0] != '\0');
        if (rows[i].want[0] != '\0' && !str_has(s.value, d))
            fail_msg("%s: want '%s' in '%.*s'", rows[i].name, d, STR_FMT(s.value));
        env_free(e);
    }
}

/* DK-90 */
static void never_with_two_senders_or_authors(void **state)
{
    const struct place *p = *state;
    const struct msg_info info = { .mail_from = STR("<x@send.example>"), .authenticated = true, .auth_user = STR("ann") };
    const char *confs[] = { TWO, BY_SENDER, BY_ENVELOPE };
    for (size_t i = 0; i < ROWS(confs); i++) {
        struct env *e = env_with(p, conf_text_of(p, confs[i]), NULL);
        struct sent s = send_message(p, e, &info, FIELDS(ANN, ANN, "Sender: x@send.example"), STR_NONE);
        ROW_STR(confs[i], s.reason, STR("several From fields"));
        s = send_message(p, e, &info, FIELDS("Sender: x@send.example"), STR_NONE);
        ROW_STR(confs[i], s.reason, STR("no From field"));
        env_free(e);
    }
    struct env *e = env_with(p, conf_text_of(p, BY_SENDER), NULL);
    struct sent s = send_message(p, e, &info, FIELDS(ANN, "Sender: x@send.example", "Sender: x@send.example"), STR_NONE);
    assert_true(str_has(s.value, " d=good.example; "));
    env_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whose_keys_sign, setup, teardown),
        cmocka_unit_test_setup_teardown(never_with_two_senders_or_authors, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
