/* conf_read_test.c - files: the text, the policy and the keys it names, and the references to what was read. */
#include "config_support.h"

#include <fcntl.h>
#include <pthread.h>

#include "mailseal/limits.h"

/* Made for this test. */
static const char ec_key[] = "-----BEGIN PRIVATE KEY-----\n"
                             "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgDNipgP043uZyjXse\n"
                             "zNZj5HudiGm9h/bCaA6ATl40J62hRANCAATkHfLif8Nq0AxlnAdykxe3l+415uWx\n"
                             "CsMU8/Y3XYYfFhjK1uRXCYjJU4G0qzDRrbdiVPgKTzR6BliH+HY+d90G\n"
                             "-----END PRIVATE KEY-----\n";
static const char rsa_512_key[] = "-----BEGIN RSA PRIVATE KEY-----\n"
                                  "MIIBOQIBAAJBAMLgtZLI2Yz9yDJUjllvoYLatlgWN8PFU+kZOmU7QICmILi5YmBf\n"
                                  "IXogXGIK5ojMpfa+muBp3jefllmNqEBQ5ZECAwEAAQJAKwiEEA3aPJAuDS8u4AEO\n"
                                  "oV66tWjyl4CTrv2rL3+OFto13OFd0eW8osyv5hE9Cn6zGMV46vHpNldX5UOcUuqv\n"
                                  "gQIhAOa6YBoXvA7bgU8KomWaAnizmRoKGu7erpbdnSEmXRWVAiEA2DkXSeyW7ay/\n"
                                  "1fXiby1qIYajkB0EAAqsiTznTRs+WQ0CIBZ4yolgDGnqCSMYpw58PIdi/qNhnpPr\n"
                                  "TlfVR8uFwAUtAiA+OHeOK0nnTR3LCT3Gtm/jA+aPcvoStP+fYmpBEwTnBQIgPpOI\n"
                                  "hYh3jXanxiyQfb5BdFqpzndstIavJrK/nv0CMms=\n"
                                  "-----END RSA PRIVATE KEY-----\n";
static const char ed25519_key[] = "-----BEGIN PRIVATE KEY-----\n"
                                  "MC4CAQAwBQYDK2VwBCIEID4PA+kmazOkt6R+aBSzNqcmPHbQZuC0ALrtjc9Wyezg\n"
                                  "-----END PRIVATE KEY-----\n";
static const char encrypted_key[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                                    "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjdA4LdnKoGYAICCAAw\n"
                                    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEHMFrlx5s9TTKlg4l9h5ktMEQNvB\n"
                                    "zZ7vJ6FWeLCRTzuy3paeYNqGj3YlNzFejXHj9VmQcV+Zmmjc6GOhPcaA8dTsKbCR\n"
                                    "aXbDD7Z2AgqWNghniOA=\n"
                                    "-----END ENCRYPTED PRIVATE KEY-----\n";
static const char public_key[] = "-----BEGIN PUBLIC KEY-----\n"
                                 "MCowBQYDK2VwAyEA8EUc9TIUqCs04Vs/wM2tdxEBw6qbNt1KczZSO3lXLw0=\n"
                                 "-----END PUBLIC KEY-----\n";

#define SIGN_LINE "# keys\nsign \"example.com\" { selector = s1 key-file = \"k.pem\" }\n"

/* The shipped profiles, and a directory for files. */
struct place {
    struct arena *arena;
    const char *dir;
};

static int setup(void **state)
{
    struct arena *a = arena_new();
    struct place *p = ARENA_NEW(a, struct place);
    p->arena = a;
    p->dir = make_directory(a);
    *state = p;
    return setenv("MAILSEAL_POLICYDIR", test_path(a, "policies"), 1);
}

static int teardown(void **state)
{
    struct place *p = *state;
    remove_directory(p->arena, p->dir);
    arena_free(p->arena);
    return 0;
}

static const char *in_place(const struct place *p, const char *name)
{
    return str_cstr(p->arena, str_printf(p->arena, "%s/%s", p->dir, name));
}

/* Reads a file that must be refused; the error in the arena. */
static struct str error_of(const struct place *p, const char *path)
{
    char *error = NULL;
    struct conf *c = conf_read(path, 0, &error);
    assert_null(c);
    assert_non_null(error);
    struct str copy = str_dup(p->arena, str_of(error));
    free(error);
    return copy;
}

static struct conf *read_or_fail(const char *path)
{
    char *error = NULL;
    struct conf *c = conf_read(path, 0, &error);
    if (c == NULL)
        fail_msg("%s", error);
    assert_null(error);
    return c;
}

static void everything_named_is_read(void **state)
{
    const struct place *p = *state;
    const char *path = write_file(p->arena, p->dir, "m.conf", STR("policy = strict\nauthserv-id = mx\n" SIGN_LINE), 0644);
    write_file(p->arena, p->dir, "k.pem", str_of(ed25519_key), 0600);
    struct conf *c = read_or_fail(path);
    assert_string_equal(c->path, path);
    assert_string_equal(c->authserv_id, "mx");
    assert_string_equal(policy_name(c->policy), "strict");
    assert_int_equal(keyring_count(c->keyring), 1);
    assert_int_equal(privkey_type(keyring_get(c->keyring, 0)->key), KEY_ED25519);
    assert_string_equal(keyring_get(c->keyring, 0)->key_file, in_place(p, "k.pem"));
    conf_unref(c);
}

/* X01, X02, X03: each kind of key that cannot be used. make() writes k.pem. */
static void make_nothing(const struct place *p)
{
    (void)p;
}

static void make_fifo(const struct place *p)
{
    assert_int_equal(mkfifo(in_place(p, "k.pem"), 0600), 0);
}

static void make_directory_of_it(const struct place *p)
{
    assert_int_equal(mkdir(in_place(p, "k.pem"), 0700), 0);
}

static void make_link(const struct place *p)
{
    write_file(p->arena, p->dir, "real.pem", str_of(ed25519_key), 0600);
    assert_int_equal(symlink("real.pem", in_place(p, "k.pem")), 0);
}

static void make_huge(const struct place *p)
{
    write_file(p->arena, p->dir, "k.pem", str_of(ed25519_key), 0600);
    assert_int_equal(truncate(in_place(p, "k.pem"), 1024 * 1024 * 1024), 0); /* a hole */
}

static const struct {
    const char *name, *text;
    size_t length; /* of the text; 0: all of it */
    unsigned mode;
    void (*make)(const struct place *p);
    const char *want; /* in the reason; its wording is the crypto room's */
} keys[] = {
    { "missing", NULL, 0, 0, make_nothing, "No such file" },
    { "FIFO", NULL, 0, 0, make_fifo, "regular file" },
    { "directory", NULL, 0, 0, make_directory_of_it, "regular file" },
    { "symbolic link", NULL, 0, 0, make_link, "symbolic link" },
    { "1 GB", NULL, 0, 0, make_huge, "too long" },
    { "empty", "", 0, 0600, NULL, "empty" },
    { "readable by others", ed25519_key, 0, 0644, NULL, "others" },
    { "writable by the group", ed25519_key, 0, 0660, NULL, "group" },
    { "truncated", rsa_512_key, 200, 0600, NULL, "damaged" },
    { "public", public_key, 0, 0600, NULL, "no private key" },
    { "encrypted", encrypted_key, 0, 0600, NULL, "encrypted" },
    { "EC", ec_key, 0, 0600, NULL, "neither RSA nor Ed25519" },
    { "RSA of 512 bits", rsa_512_key, 0, 0600, NULL, "1024" },
};

static void unusable_keys_are_refused_with_path_and_line(void **state)
{
    const struct place *p = *state;
    const char *path = write_file(p->arena, p->dir, "m.conf", STR(SIGN_LINE), 0644);
    for (size_t i = 0; i < ROWS(keys); i++) {
        if (keys[i].make != NULL) {
            keys[i].make(p);
        } else {
            size_t n = keys[i].length != 0 ? keys[i].length : strlen(keys[i].text);
            write_file(p->arena, p->dir, "k.pem", str_first(str_of(keys[i].text), n), keys[i].mode);
        }
        struct str head = str_printf(p->arena, "%s:2: sign \"example.com\": key-file '%s': ", path, in_place(p, "k.pem"));
        struct str error = error_of(p, path), reason = str_skip(error, head.n);
        ROW_STR(keys[i].name, str_first(error, head.n), head);
        if (memmem(reason.p, reason.n, keys[i].want, strlen(keys[i].want)) == NULL)
            fail_msg("%s: want '%s', got '%.*s'", keys[i].name, keys[i].want, STR_FMT(reason));
        (void)remove(in_place(p, "k.pem"));
        (void)remove(in_place(p, "real.pem"));
    }
}

/* X03: neither hang nor read what is no file. */
static void only_regular_files_are_read(void **state)
{
    const struct place *p = *state;
    const char *fifo = in_place(p, "fifo"), *large = write_file(p->arena, p->dir, "large", STR("#"), 0644);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(truncate(large, LIMIT_CONFIG_FILE + 1), 0);
    ROW_STR("FIFO", error_of(p, fifo), str_printf(p->arena, "%s: is no regular file", fifo));
    ROW_STR("directory", error_of(p, p->dir), str_printf(p->arena, "%s: is no regular file", p->dir));
    ROW_STR("device", error_of(p, "/dev/zero"), STR("/dev/zero: is no regular file"));
    ROW_STR("too large", error_of(p, large), str_printf(p->arena, "%s: is larger than 4194304 bytes", large));
    ROW_STR("missing", error_of(p, "/nowhere/x.conf"), STR("/nowhere/x.conf: No such file or directory"));
}

static void the_text_and_the_policy_are_checked(void **state)
{
    const struct place *p = *state;
    const char *path = write_file(p->arena, p->dir, "m.conf", STR("\npolicy = \"./bad.policy\"\n"), 0644);
    write_file(p->arena, p->dir, "bad.policy", STR("\n\nrule \"x\" { action = explode }\n"), 0644);
    struct str head = str_printf(p->arena, "%s/bad.policy:3: ", p->dir);
    ROW_STR("policy", str_first(error_of(p, path), head.n), head);
    write_file(p->arena, p->dir, "m.conf", STR("policy = nosuch\n"), 0644);
    head = str_printf(p->arena, "%s/nosuch.policy: ", getenv("MAILSEAL_POLICYDIR"));
    ROW_STR("no policy", str_first(error_of(p, path), head.n), head);
    write_file(p->arena, p->dir, "m.conf", STR("user = a\n\nusre = b\n"), 0644);
    ROW_STR("text", error_of(p, path), str_printf(p->arena, "%s:3: no such option 'usre'", path));
}

/* X04, X06: a table is checked with the configuration. Keys behind it are not: one of them may be bad. */
static void tables_are_read_with_the_configuration(void **state)
{
    const struct place *p = *state;
    const char *path = write_file(p->arena, p->dir, "m.conf",
                                  STR("key-table = kt\nsigning-table = \"refile:st\"\nsender-login-map = logins\n"), 0644);
    ROW_STR("no key table", error_of(p, path), str_printf(p->arena, "%s/kt: No such file or directory", p->dir));
    write_file(p->arena, p->dir, "kt", STR("k a.example:s:./missing.pem\nl b.example:s:./k.pem\n"), 0644);
    write_file(p->arena, p->dir, "st", STR("*@a.example k\n*@b.example l\n*@c.example\n"), 0644);
    ROW_STR("no key name", error_of(p, path), str_printf(p->arena, "%s/st:3: '*@c.example' names no key", p->dir));
    write_file(p->arena, p->dir, "st", STR("*@a.example k\n*@b.example l\n"), 0644);
    ROW_STR("no map", error_of(p, path), str_printf(p->arena, "%s/logins: No such file or directory", p->dir));
    write_file(p->arena, p->dir, "logins", STR("@a.example ann\n"), 0644);
    write_file(p->arena, p->dir, "k.pem", str_of(ed25519_key), 0600);
    struct conf *c = read_or_fail(path);
    const struct sign_key *found[LIMIT_SIGN_KEYS];
    size_t good, refused;
    assert_int_equal(keyring_find(c->keyring, p->arena, STR("x"), STR("a.example"), found), 1);
    assert_null(keyring_secret(c->keyring, p->arena, found[0]));
    assert_int_equal(keyring_find(c->keyring, p->arena, STR("x"), STR("b.example"), found), 1);
    struct arena *message = arena_new();
    assert_non_null(keyring_secret(c->keyring, message, found[0]));
    arena_free(message);
    keyring_check(c->keyring, &good, &refused);
    assert_int_equal(good, 1);
    assert_int_equal(refused, 1);
    assert_true(login_map_allows(c->logins, STR("ann"), STR("x"), STR("a.example")));
    conf_unref(c);
}

/* X04: the line of the option, and of the table where it is one. */
static void lists_are_read_with_the_configuration(void **state)
{
    const struct place *p = *state;
    static const char text[] = "exempt-clients = c\nexempt-dkim-domains = d\ntreat-as-reject = t\nnever-reject = n\n"
                               "require-dkim = r\n";
    static const char *const options[] = { "exempt-clients", "exempt-dkim-domains", "treat-as-reject", "never-reject",
                                           "require-dkim" };
    const char *path = write_file(p->arena, p->dir, "m.conf", str_of(text), 0644);
    for (size_t i = 0; i < ROWS(options); i++) {
        const char *name = strchr("cdtnr", "cdtnr"[i]);
        const char *file = str_cstr(p->arena, str_first(str_of(name), 1));
        ROW_STR(options[i], error_of(p, path),
                str_printf(p->arena, "%s:%zu: %s: %s/%s: No such file or directory", path, i + 1, options[i], p->dir, file));
        write_file(p->arena, p->dir, file, STR("\n# none\n1.2\n"), 0644);
        struct str head = str_printf(p->arena, "%s:%zu: %s: %s/%s:3: '1.2' is no ", path, i + 1, options[i], p->dir, file);
        ROW_STR(options[i], str_first(error_of(p, path), head.n), head);
        write_file(p->arena, p->dir, file, str_printf(p->arena, "%s.example\n", options[i]), 0644);
    }
    struct conf *c = read_or_fail(path);
    const struct table *const tables[] = { c->exempt_clients, c->exempt_dkim_domains, c->treat_as_reject, c->never_reject,
                                           c->require_dkim };
    for (size_t i = 0; i < ROWS(options); i++)
        for (size_t j = 0; j < ROWS(options); j++)
            ROW_INT(options[i], table_has_domain(tables[i], str_printf(p->arena, "%s.example", options[j])), i == j);
    conf_unref(c);
    write_file(p->arena, p->dir, "c", STR("192.0.2.0/24\n"), 0644);
    c = read_or_fail(path);
    assert_false(table_has_names(c->exempt_clients));
    conf_unref(c);
}

/* A file named relatively is the same configuration after a chdir(). */
static void relative_paths_become_absolute(void **state)
{
    const struct place *p = *state;
    char *real = realpath(p->dir, NULL);
    int here = open(".", O_RDONLY | O_DIRECTORY);
    setenv("MAILSEAL_POLICYDIR", p->dir, 1);
    write_file(p->arena, p->dir, "standard.policy", STR("rule \"all\" { action = accept }\n"), 0644);
    write_file(p->arena, p->dir, "m.conf", STR("dns-snapshot = \"d.json\"\n" SIGN_LINE), 0644);
    write_file(p->arena, p->dir, "k.pem", str_of(ed25519_key), 0600);
    assert_int_equal(chdir(p->dir), 0);
    struct conf *c = read_or_fail("m.conf");
    assert_int_equal(fchdir(here), 0);
    close(here);
    ROW_STR("snapshot", str_of(c->dns_snapshot), str_printf(p->arena, "%s/d.json", real));
    ROW_STR("key", str_of(keyring_get(c->keyring, 0)->key_file), str_printf(p->arena, "%s/k.pem", real));
    conf_unref(c);
    free(real);
}

static void the_installed_file_may_be_missing_for_commands_only(void **state)
{
    (void)state;
    char *error = NULL;
    if (access(MAILSEAL_SYSCONFDIR "/mailseal.conf", F_OK) == 0)
        skip(); /* it is installed on this machine */
    assert_null(conf_read(NULL, 0, &error));
    assert_string_equal(error, MAILSEAL_SYSCONFDIR "/mailseal.conf: No such file or directory");
    free(error);
    struct conf *c = conf_read(NULL, CONF_DEFAULTS_OK, &error);
    assert_non_null(c);
    assert_string_equal(c->path, "");
    assert_int_equal(c->max_messages, 1000);
    assert_string_equal(policy_name(c->policy), "standard");
    conf_unref(c);
    assert_null(conf_read("/nowhere/x.conf", CONF_DEFAULTS_OK, &error));
    free(error);
}

static void the_host_name_is_the_default_authserv_id(void **state)
{
    const struct place *p = *state;
    char host[256] = "";
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    struct conf *c = read_or_fail(write_file(p->arena, p->dir, "m.conf", STR(""), 0644));
    ROW_STR("host", str_of(c->authserv_id), authserv_id_is_valid(str_of(host)) ? str_of(host) : STR("localhost"));
    conf_unref(c);
}

/* X05: under a sanitizer a leak or a use after free shows. X04: faulty files in between change nothing. */
static void a_thousand_reloads(void **state)
{
    const struct place *p = *state;
    const char *good = write_file(p->arena, p->dir, "m.conf", STR("user = a\n" SIGN_LINE), 0644);
    const char *bad = write_file(p->arena, p->dir, "bad.conf", STR("user = a\n" SIGN_LINE "user = b\n"), 0644);
    write_file(p->arena, p->dir, "k.pem", str_of(ed25519_key), 0600);
    struct conf *running = read_or_fail(good);
    for (int i = 0; i < 1000; i++) {
        struct arena *a = arena_new();
        struct place here = { a, p->dir };
        struct conf *of_message = conf_ref(running);
        ROW_STR("bad", error_of(&here, bad), str_printf(a, "%s:4: option 'user' is set twice, first in line 1", bad));
        struct conf *next = read_or_fail(good);
        conf_unref(running);
        running = next;
        assert_string_equal(of_message->user, "a");
        conf_unref(of_message);
        arena_free(a);
    }
    conf_unref(running);
    conf_unref(NULL);
}

static void *take_and_drop(void *conf)
{
    for (int i = 0; i < 20000; i++)
        conf_unref(conf_ref(conf));
    conf_unref(conf);
    return NULL;
}

static void references_are_counted_by_threads(void **state)
{
    const struct place *p = *state;
    pthread_t threads[4];
    struct conf *c = read_or_fail(write_file(p->arena, p->dir, "m.conf", STR(""), 0644));
    for (size_t i = 0; i < ROWS(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_drop, conf_ref(c)), 0);
    for (size_t i = 0; i < ROWS(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&c->refs), 1);
    conf_unref(c);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(everything_named_is_read),
        IN_PLACE(unusable_keys_are_refused_with_path_and_line),
        IN_PLACE(only_regular_files_are_read),
        IN_PLACE(the_text_and_the_policy_are_checked),
        IN_PLACE(tables_are_read_with_the_configuration),
        IN_PLACE(lists_are_read_with_the_configuration),
        IN_PLACE(relative_paths_become_absolute),
        IN_PLACE(the_installed_file_may_be_missing_for_commands_only),
        IN_PLACE(the_host_name_is_the_default_authserv_id),
        IN_PLACE(a_thousand_reloads),
        IN_PLACE(references_are_counted_by_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
