/* signing_test.c - which keys sign, signatures that are there already, keys the DNS has otherwise, and wrong signatures. */
#include <pthread.h>

#include "sign_support.h"

#define OTHER_RECORD "v=DKIM1; k=ed25519; p=Ps4chVJpWhrGgCYMK4FKCr1WyRBfdhPed7FRbuZ7jIU="
#define GOOD         "good" /* good_record() */

static const struct {
    const char *conf, *record, *from;
    bool authenticated;
    const char *login;
    size_t signatures;
    unsigned unpublished;
    const char *reason, *want; /* in the DKIM-Signature field */
} rows[] = {
    { SECTION(""), GOOD, "ann@good.example", true, "ann", 1, 0, NULL, " d=good.example; s=s;" },
    { SECTION(""), NULL, "ann@good.example", true, "ann", 1, 1, NULL, " d=good.example" },
    { SECTION(""), OTHER_RECORD, "ann@good.example", true, "ann", 1, 1, NULL, " d=good.example" },
    { SECTION(""), "v=DKIM1; p=", "ann@good.example", true, "ann", 1, 1, NULL, " d=good.example" },
    { SECTION(""), "TIMEOUT", "ann@good.example", true, "ann", 1, 0, NULL, " d=good.example" },
    { "require-published-key = yes\n" SECTION(""), GOOD, "ann@good.example", true, "ann", 1, 0, NULL, " d=good.example" },
    { "require-published-key = yes\n" SECTION(""), OTHER_RECORD, "ann@good.example", true, "ann", 0, 1, "the key is not published",
      "" },
    { "require-published-key = yes\n" SECTION(""), "TIMEOUT", "ann@good.example", true, "ann", 1, 0, NULL, " d=good.example" },
    { "sign-self-check = always\n" SECTION(""), GOOD, "ann@good.example", true, "ann", 1, 0, NULL, " d=good.example" },
    { "sign-self-check = never\n" SECTION(""), GOOD, "ann@good.example", true, "ann", 1, 0, NULL, " d=good.example" },
    { SECTION(""), GOOD, "ann@sub.good.example", true, "ann", 0, 0, "no key signs for the author's domain", "" },
    { SECTION("subdomains = yes"), GOOD, "ann@sub.good.example", true, "ann", 1, 0, NULL, " d=good.example" },
    { SECTION("identity = \"@x.good.example\""), GOOD, "ann@good.example", true, "ann", 1, 0, NULL, " i=@x.good.example;" },
    { SECTION("headers = \"from,subject\" oversign = no"), GOOD, "ann@good.example", true, "ann", 1, 0, NULL, " h=from:subject;" },
    { SECTION("headers = \"from,subject,to\" oversign-headers = { from, x-a }"), GOOD, "ann@good.example", true, "ann", 1, 0, NULL,
      " h=from:from:subject:x-a;" },
    { "sender-login-map = \"%s/logins\"\n" SECTION(""), GOOD, "Ann@Good.example", true, "ann", 1, 0, NULL, " d=good.example" },
    { "sender-login-map = \"%s/logins\"\n" SECTION(""), GOOD, "ann@good.example", true, "eve", 0, 0,
      "the login may not use the author's address", "" },
    { "sender-login-map = \"%s/logins\"\n" SECTION(""), GOOD, "ann@good.example", true, "", 0, 0,
      "the login may not use the author's address", "" },
    { "sender-login-map = \"%s/logins\"\n" SECTION(""), GOOD, "ann@good.example, eve@good.example", true, "ann", 0, 0,
      "the login may not use the author's address", "" },
    { "sender-login-map = \"%s/logins\"\ninternal-networks = \"192.0.2.1\"\n" SECTION(""), GOOD, "bob@good.example", false, "", 1,
      0, NULL, " d=good.example" },
    { SECTION(""), GOOD, "ann@good.example", false, "", 0, 0, NULL, "" },
};

/* DK-87, DK-89, DK-90 */
static void who_is_signed_for(void **state)
{
    const struct place *p = *state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *record = rows[i].record != NULL && strcmp(rows[i].record, GOOD) == 0 ? good_record(p) : rows[i].record;
        struct env *e = env_with(p, conf_text_of(p, rows[i].conf), record);
        struct msg_info info = { .mail_from = STR("<ann@good.example>"),
                                 .authenticated = rows[i].authenticated,
                                 .auth_user = str_of(rows[i].login) };
        const char *from = str_cstr(p->arena, str_printf(p->arena, "From: %s", rows[i].from));
        struct sent s = send_message(p, e, &info, FIELDS(from, "Subject: x"), STR_NONE);
        const char *name = str_cstr(p->arena, str_printf(p->arena, "row %zu", i));
        ROW_INT(name, s.signatures, rows[i].signatures);
        ROW_INT(name, s.unpublished, rows[i].unpublished);
        ROW_INT(name, str_has(s.line, " keys=unpublished "), rows[i].unpublished > 0);
        ROW_STR(name, s.reason, str_of(rows[i].reason));
        if (!str_has(s.value, rows[i].want))
            fail_msg("row %zu: want '%s' in '%.*s'", i, rows[i].want, STR_FMT(s.value));
        struct sign_counts counts;
        env_sign_counts(e, &counts);
        ROW_INT(name, counts.unpublished, rows[i].unpublished);
        env_sign_counts(e, &counts);
        ROW_INT(name, counts.unpublished, 0);
        env_free(e);
    }
}

static size_t sign_with_field(const struct place *p, struct env *e, struct str field, const char *subject, struct str *value)
{
    struct conn *c = test_conn(e, "192.0.2.1");
    struct msg_info info = { .mail_from = STR("<ann@good.example>"), .authenticated = true, .auth_user = STR("ann") };
    struct msg *m = msg_new(c, &info);
    if (field.n > 0)
        msg_header(m, STR("DKIM-Signature"), field);
    msg_header(m, STR("From"), STR(" ann@good.example"));
    msg_header(m, STR("Subject"), str_of(subject));
    msg_eoh(m);
    msg_body(m, "hello\r\n", 7);
    const struct outcome *o = msg_eom(m);
    size_t n = o->n_signatures;
    if (n > 0)
        *value = str_dup(p->arena, o->edits[0].value);
    msg_free(m);
    conn_free(c);
    return n;
}

#define BAD_TABLES(patterns) "key-table = \"%s/bad.keys\"\nsigning-table = \"refile:%s/" patterns "\"\nsign-all-matches = yes\n"

/* A table that does not answer leaves open whether to sign, and a key that cannot be used signs nothing: such a message waits, it
 * does not go out unsigned. */
static void what_cannot_be_decided_waits(void **state)
{
    const struct place *p = *state;
    static const struct {
        const char *conf, *reason; /* NULL: it is signed */
    } tables[] = {
        { "sender-login-map = \"socketmap:unix:%s/none:l\"\n" SECTION(""), "sender-login-map does not answer" },
        { "key-table = \"socketmap:unix:%s/none:k\"\nsigning-table = \"socketmap:unix:%s/none:t\"\n",
          "the signing table or key directory does not answer" },
        { "key-table = \"socketmap:unix:%s/none:k\"\nsigning-table = \"socketmap:unix:%s/none:t\"\n" SECTION(""), NULL },
        { BAD_TABLES("one"), "a key cannot be used" },
        { BAD_TABLES("same"), NULL }, /* another key of its domain signs */
        { BAD_TABLES("other"), "a key cannot be used" },
    };
    write_text(p, "bad.pem", "no key");
    write_text(p, "bad.keys", "bad good.example:t:./bad.pem\nok good.example:s:./k.pem\nelse other.example:s:./k.pem\n");
    write_text(p, "one", "* bad\n");
    write_text(p, "same", "* bad\n*@* ok\n");
    write_text(p, "other", "* bad\n*@* else\n");
    for (size_t i = 0; i < ROWS(tables); i++) {
        struct env *e = env_with(p, conf_text_of(p, tables[i].conf), good_record(p));
        struct conn *c = test_conn(e, "192.0.2.1");
        struct msg_info info = { .mail_from = STR("<ann@good.example>"), .authenticated = true, .auth_user = STR("ann") };
        struct msg *m = msg_new(c, &info);
        msg_header(m, STR("From"), STR(" ann@good.example"));
        msg_eoh(m);
        const struct outcome *o = msg_eom(m);
        const char *name = str_cstr(p->arena, str_printf(p->arena, "row %zu", i));
        ROW_STR(name, str_of(o->sign_reason), str_of(tables[i].reason));
        ROW_INT(name, o->decision.action, tables[i].reason != NULL ? ACTION_TEMPFAIL : ACTION_ACCEPT);
        ROW_INT(name, o->decision.code, tables[i].reason != NULL ? 451 : 0);
        ROW_INT(name, o->n_signatures, tables[i].reason == NULL);
        msg_free(m);
        conn_free(c);
        env_free(e);
    }
}

/* A valid one is enough; a forged or broken one does not keep us from signing. */
static void a_message_is_not_signed_twice(void **state)
{
    const struct place *p = *state;
    struct env *e = env_with(p, conf_text_of(p, SECTION("")), good_record(p));
    struct str first, value;
    assert_int_equal(sign_with_field(p, e, STR_NONE, " x", &first), 1);
    assert_int_equal(sign_with_field(p, e, first, " x", &value), 0);
    assert_int_equal(sign_with_field(p, e, first, " changed", &value), 1);
    assert_int_equal(
        sign_with_field(p, e, STR(" v=1; a=ed25519-sha256; d=good.example; s=s; h=from; bh=AAAA; b=AAAA"), " x", &value), 1);
    env_free(e);
}

/* Several algorithms for one domain, from the key directory; one unusable key does not stop the other. */
static void the_key_directory_signs_with_every_usable_key(void **state)
{
    const struct place *p = *state;
    const char *domain = str_cstr(p->arena, str_printf(p->arena, "%s/keys/good.example", p->dir));
    assert_int_equal(mkdir(str_cstr(p->arena, str_printf(p->arena, "%s/keys", p->dir)), 0700), 0);
    assert_int_equal(mkdir(domain, 0700), 0);
    struct privkey *rsa = privkey_generate(KEY_RSA, 2048);
    write_text(p, "keys/good.example/r.pem", str_cstr(p->arena, privkey_pem(p->arena, rsa)));
    privkey_free(rsa);
    write_text(p, "keys/good.example/s.pem", PEM);
    write_text(p, "keys/good.example/bad.pem", "nothing\n");
    struct env *e = env_with(p, conf_text_of(p, "key-directory = \"%s/keys\"\n"), NULL);
    struct str value;
    assert_int_equal(sign_with_field(p, e, STR_NONE, " x", &value), 2);
    env_free(e);
}

static struct sent send_plain(const struct place *p, struct env *e)
{
    const struct msg_info info = { .mail_from = STR("<ann@good.example>"), .authenticated = true, .auth_user = STR("ann") };
    return send_message(p, e, &info, FIELDS("From: ann@good.example", "Subject: x"), STR("hello\r\n"));
}

/* ---- algorithms ---- */

static const struct {
    const char *options;
    size_t signatures;
    const char *algorithm, *reason;
} algorithms[] = {
    { "", 2, "", "" },
    { "sign-algorithms = { rsa-sha256, ed25519-sha256 }\n", 2, "", "" },
    { "sign-algorithms = \"rsa-sha256\"\n", 1, " a=rsa-sha256;", "" },
    { "sign-algorithms = ed25519-sha256\n", 1, " a=ed25519-sha256;", "" },
    { "sign-algorithms = { rsa-sha256, \"good.example=ed25519-sha256\" }\n", 1, " a=ed25519-sha256;", "" },
    { "sign-algorithms = { \"Good.Example=rsa-sha256\" }\n", 1, " a=rsa-sha256;", "" },
    { "sign-algorithms = { \"bad.example=rsa-sha256\" }\n", 2, "", "" },
};

/* DK-80: for keys of sections, of the directory and of the tables alike. */
static void which_algorithms_sign(void **state)
{
    const struct place *p = *state;
    struct privkey *rsa = privkey_generate(KEY_RSA, 2048);
    const char *sources[] = {
        SECTION("") "sign \"good.example\" { selector = r key-file = \"%s/r.pem\" }\n",
        "key-directory = \"%s/keys\"\n",
        "key-table = \"%s/kt\"\nsigning-table = \"refile:%s/st\"\nsign-all-matches = yes\n",
    };
    const char *pem = str_cstr(p->arena, privkey_pem(p->arena, rsa));
    privkey_free(rsa);
    assert_int_equal(mkdir(str_cstr(p->arena, str_printf(p->arena, "%s/keys", p->dir)), 0700), 0);
    assert_int_equal(mkdir(str_cstr(p->arena, str_printf(p->arena, "%s/keys/good.example", p->dir)), 0700), 0);
    write_text(p, "r.pem", pem);
    write_text(p, "keys/good.example/r.pem", pem);
    write_text(p, "keys/good.example/s.pem", PEM);
    write_text(p, "kt",
               str_cstr(p->arena, str_printf(p->arena, "e good.example:s:%s/k.pem\nr good.example:r:%s/r.pem\n", p->dir, p->dir)));
    write_text(p, "st", "*@good.example e\n*@good.example r\n");
    for (size_t i = 0; i < ROWS(algorithms) * ROWS(sources); i++) {
        const char *options = algorithms[i / ROWS(sources)].options;
        const char *text = str_cstr(p->arena, str_printf(p->arena, "%s%s", options, conf_text_of(p, sources[i % ROWS(sources)])));
        struct env *e = env_with(p, text, good_record(p));
        struct sent s = send_plain(p, e);
        ROW_INT(text, s.signatures, algorithms[i / ROWS(sources)].signatures);
        if (!str_has(s.value, algorithms[i / ROWS(sources)].algorithm))
            fail_msg("%s: got '%.*s'", text, STR_FMT(s.value));
        env_free(e);
    }
    struct env *e = env_with(p, conf_text_of(p, "sign-algorithms = rsa-sha256\n" SECTION("")), good_record(p));
    ROW_STR("none left", send_plain(p, e).reason, STR("no key is of an algorithm that signs"));
    env_free(e);
}

/* ---- wrong signatures ---- */

/* An environment whose key has the public half of another: what it signs is wrong. */
static struct env *env_with_wrong_half(const struct place *p, const char *conf)
{
    static const uint8_t other[] = {
        0x3e, 0xce, 0x1c, 0x85, 0x52, 0x69, 0x5a, 0x1a, 0xe0, 0x19, 0x82, 0x0c, 0x2b, 0x81, 0x4a, 0x0a,
        0xbd, 0x56, 0xc9, 0x10, 0x5f, 0x76, 0x13, 0xde, 0x77, 0xb1, 0x51, 0x6e, 0xe6, 0x7b, 0x8c, 0x85
    };
    struct env *e = env_with(p, conf_text_of(p, conf), good_record(p));
    struct conf *c = env_conf(e);
    unsigned bits;
    const char *reason;
    struct key_secret *secret = (struct key_secret *)(uintptr_t)keyring_get(c->keyring, 0)->secret;
    secret->public = pubkey_parse(c->arena, KEY_ED25519, (struct str){ (const char *)other, sizeof other }, &bits, &reason);
    assert_non_null(secret->public);
    conf_unref(c);
    return e;
}

/* What is logged while a message is sent. */
static struct str log_of(const struct place *p, struct env *e, struct sent *sent)
{
    char *text = arena_alloc(p->arena, 4096);
    int saved = dup(STDERR_FILENO), ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    *sent = send_plain(p, e);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    close(ends[1]);
    ssize_t n = read(ends[0], text, 4096);
    close(ends[0]);
    return (struct str){ text, n > 0 ? (size_t)n : 0 };
}

static void a_wrong_signature_does_not_leave(void **state)
{
    const struct place *p = *state;
    struct env *e = env_with_wrong_half(p, "sign-self-check = always\n" SECTION(""));
    struct sign_counts counts;
    for (unsigned i = 0; i < 3; i++) {
        struct sent s;
        struct str log = log_of(p, e, &s);
        if (!str_has(log, "mailseal: error: cannot sign with key '/tmp/mailseal-sign-") ||
            !str_has(log, "/k.pem': the signature made does not verify\n"))
            fail_msg("logged: '%.*s'", STR_FMT(log));
        assert_int_equal(s.code, 451);
        assert_int_equal(s.signatures, 0);
        assert_int_equal(s.value.n, 0);
        ROW_STR("reason", s.reason, STR("the signature made does not verify"));
        if (!str_has(s.line, " action=tempfail rule=\"internal failure\""))
            fail_msg("got '%.*s'", STR_FMT(s.line));
    }
    env_sign_counts(e, &counts);
    assert_int_equal(counts.failed, 3);
    env_sign_counts(e, &counts);
    assert_int_equal(counts.failed, 0);
    env_free(e);
}

/* What is checked shows in what fails. */
static void one_message_in_so_many_is_checked(void **state)
{
    const struct place *p = *state;
    static const struct {
        const char *conf;
        const char *want; /* by message: "x" was checked */
    } samples[] = {
        { "sign-self-check = always\n" SECTION(""), "xxxxxxxxxx" },
        { "sign-self-check = always\nsign-self-check-every = 1\n" SECTION(""), "xxxxxxxxxx" },
        { "sign-self-check = always\nsign-self-check-every = 2\n" SECTION(""), "x.x.x.x.x." },
        { "sign-self-check = always\nsign-self-check-every = 3\n" SECTION(""), "x..x..x..x" },
        { "sign-self-check = always\nsign-self-check-every = 100\n" SECTION(""), "x........." },
        { SECTION(""), ".........." }, /* an Ed25519 key */
        { "sign-self-check = never\n" SECTION(""), ".........." },
    };
    for (size_t i = 0; i < ROWS(samples); i++) {
        struct env *e = env_with_wrong_half(p, samples[i].conf);
        char got[11] = "";
        for (size_t k = 0; k < 10; k++)
            got[k] = send_plain(p, e).code == 451 ? 'x' : '.';
        ROW_STR(samples[i].conf, str_of(got), str_of(samples[i].want));
        env_free(e);
    }
}

struct load {
    const struct place *place;
    struct env *env;
    atomic_bool stop;
};

static void *sign_until_stopped(void *arg)
{
    struct load *l = arg;
    struct arena *a = arena_new();
    struct place here = { a, l->place->dir, l->place->p };
    size_t n = 0;
    struct str value;
    do {
        if (sign_with_field(&here, l->env, STR_NONE, " x", &value) != 1)
            break;
        n++;
    } while (!atomic_load(&l->stop));
    arena_free(a);
    return atomic_load(&l->stop) && n > 0 ? arg : NULL;
}

/* X05: mail goes on being signed while tables are read again and again. */
static void reloads_under_load(void **state)
{
    const struct place *p = *state;
    write_text(p, "kt", str_cstr(p->arena, str_printf(p->arena, "k good.example:s:%s/k.pem\n", p->dir)));
    write_text(p, "st", "*@good.example k\n");
    const char *conf = conf_text_of(p, "key-table = \"%s/kt\"\nsigning-table = \"refile:%s/st\"\n");
    struct load l = { .place = p, .env = env_with(p, conf, good_record(p)) };
    pthread_t threads[3];
    void *result;
    for (size_t i = 0; i < ROWS(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_until_stopped, &l), 0);
    for (int i = 0; i < 200; i++)
        env_set_conf(l.env, test_conf(p->arena, conf));
    atomic_store(&l.stop, true);
    for (size_t i = 0; i < ROWS(threads); i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, &l);
    }
    env_free(l.env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_is_signed_for, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_decided_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(a_message_is_not_signed_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(the_key_directory_signs_with_every_usable_key, setup, teardown),
        cmocka_unit_test_setup_teardown(which_algorithms_sign, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_signature_does_not_leave, setup, teardown),
        cmocka_unit_test_setup_teardown(one_message_in_so_many_is_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(reloads_under_load, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
