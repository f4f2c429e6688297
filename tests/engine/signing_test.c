/* signing_test.c - who is signed for, signatures that are there already, and keys the DNS has otherwise. */
#include <pthread.h>
#include <sys/stat.h>

#include "engine_support.h"

/* Made for this test, and the record that fits. */
#define PEM                                                                                                                        \
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEID4PA+kmazOkt6R+aBSzNqcmPHbQZuC0ALrtjc9Wyezg\n-----END PRIVATE KEY-----\n"
#define SECTION(more) "sign \"good.example\" { selector = s key-file = \"%s/k.pem\" " more " }\n"

struct place {
    struct arena *arena;
    const char *dir;
    struct str p; /* the public half */
};

static void write_text(const struct place *p, const char *name, const char *text)
{
    const char *path = str_cstr(p->arena, str_printf(p->arena, "%s/%s", p->dir, name));
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0, true);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static int setup(void **state)
{
    struct arena *a = arena_new();
    struct place *p = ARENA_NEW(a, struct place);
    const char *reason;
    p->arena = a;
    p->dir = mkdtemp(arena_copy(a, "/tmp/mailseal-sign-XXXXXX", sizeof "/tmp/mailseal-sign-XXXXXX"));
    struct privkey *k = privkey_parse(STR(PEM), &reason);
    p->p = privkey_public(a, k);
    privkey_free(k);
    write_text(p, "k.pem", PEM);
    write_text(p, "logins", "ann@good.example ann\n");
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    int failed = system(str_cstr(p->arena, str_printf(p->arena, "rm -r '%s'", p->dir)));
    arena_free(p->arena);
    return failed;
}

/* An environment whose DNS has this key record for s._domainkey.good.example; NULL: none. */
static struct env *env_with(const struct place *p, const char *conf, const char *record)
{
    const char *error = NULL;
    struct json *zone = js_object(p->arena);
    if (record != NULL && strcmp(record, "TIMEOUT") == 0)
        js_add_text(zone, "s._domainkey.good.example", STR("TIMEOUT"));
    else if (record != NULL)
        js_add_text(js_add_array(js_add_object(zone, "s._domainkey.good.example"), "TXT"), NULL, str_of(record));
    struct dns *dns = dns_snapshot_of_json(zone, &error);
    assert_non_null(dns);
    struct env *e = env_new(test_conf(p->arena, conf), dns, 0, &error);
    assert_non_null(e);
    return e;
}

static const char *conf_text_of(const struct place *p, const char *format)
{
    struct buf b;
    buf_init(&b, p->arena, 10000);
    for (; *format != '\0'; format++) {
        if (strncmp(format, "%s", 2) == 0) {
            buf_puts(&b, p->dir);
            format++;
        } else {
            buf_char(&b, *format);
        }
    }
    return b.p;
}

static const char *good_record(const struct place *p)
{
    return str_cstr(p->arena, str_printf(p->arena, "v=DKIM1; k=ed25519; p=%.*s", STR_FMT(p->p)));
}

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
        struct conn *c = test_conn(e, "192.0.2.1");
        struct msg_info info = { .mail_from = STR("<ann@good.example>"),
                                 .authenticated = rows[i].authenticated,
                                 .auth_user = str_of(rows[i].login) };
        struct msg *m = msg_new(c, &info);
        msg_header(m, STR("From"), str_printf(p->arena, " %s", rows[i].from));
        msg_header(m, STR("Subject"), STR(" x"));
        msg_eoh(m);
        const struct outcome *o = msg_eom(m);
        const char *name = str_cstr(p->arena, str_printf(p->arena, "row %zu", i));
        ROW_INT(name, o->n_signatures, rows[i].signatures);
        ROW_INT(name, o->n_unpublished, rows[i].unpublished);
        ROW_INT(name, strstr(msg_log_line(m, STR_NONE), " keys=unpublished ") != NULL, rows[i].unpublished > 0);
        ROW_STR(name, str_of(o->sign_reason), str_of(rows[i].reason));
        struct str value = o->n_signatures > 0 ? o->edits[0].value : STR_NONE;
        for (size_t k = 0; k < value.n; k++) /* unfold */
            ((char *)(uintptr_t)value.p)[k] = value.p[k] == '\n' ? ' ' : value.p[k];
        if (memmem(value.p, value.n, rows[i].want, strlen(rows[i].want)) == NULL)
            fail_msg("row %zu: want '%s' in '%.*s'", i, rows[i].want, STR_FMT(value));
        msg_free(m);
        conn_free(c);
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
        cmocka_unit_test_setup_teardown(a_message_is_not_signed_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(the_key_directory_signs_with_every_usable_key, setup, teardown),
        cmocka_unit_test_setup_teardown(reloads_under_load, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
