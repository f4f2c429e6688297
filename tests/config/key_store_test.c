/* key_store_test.c - keys are read once, given up when many others are needed, and refused ones are said once. */
#include "config_support.h"

#include <pthread.h>

#include "mailseal/clock.h"

#define MANY 4300 /* more than are kept */

/* Made for this test. */
static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
                          "MC4CAQAwBQYDK2VwBCIEID4PA+kmazOkt6R+aBSzNqcmPHbQZuC0ALrtjc9Wyezg\n"
                          "-----END PRIVATE KEY-----\n";

static void a_key_is_read_once(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *dir = make_directory(a), *path = write_file(a, dir, "k.pem", str_of(pem), 0600);
    struct key_store *s = key_store_new(a);
    const struct key_secret *first = key_store_take(s, a, path);
    assert_non_null(first);
    assert_int_equal(privkey_type(first->key), KEY_ED25519);
    assert_int_equal(first->p.n, 44);
    assert_int_equal(unlink(path), 0);
    assert_ptr_equal(key_store_take(s, a, path), first);
    assert_null(key_store_take(key_store_new(a), a, path)); /* as after a reload */
    remove_directory(a, dir);
    arena_free(a);
}

/* X01: one of many; and it is not read again for each message, but it is when it may have been mended. */
static void a_refused_key_stays_refused_for_a_minute(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *dir = make_directory(a), *path = write_file(a, dir, "k.pem", str_of(pem), 0644);
    const char *good = write_file(a, dir, "good.pem", str_of(pem), 0600);
    struct key_store *s = key_store_new(a);
    clock_fix(100000);
    assert_null(key_store_take(s, a, path));
    assert_int_equal(chmod(path, 0600), 0);
    clock_fix(100059);
    assert_null(key_store_take(s, a, path));
    assert_non_null(key_store_take(s, a, good));
    clock_fix(100060);
    const struct key_secret *again = key_store_take(s, a, path);
    assert_non_null(again);
    assert_ptr_equal(key_store_take(s, a, path), again);
    assert_int_equal(chmod(path, 0644), 0);
    assert_ptr_equal(key_store_take(s, a, path), again);
    clock_fix(0);
    remove_directory(a, dir);
    arena_free(a);
}

/* A key in use outlives its place. */
static void a_bounded_number_is_kept(void **state)
{
    (void)state;
    struct arena *a = arena_new(), *user = arena_new();
    const char *dir = make_directory(a);
    struct key_store *s = key_store_new(a);
    const struct key_secret *first = key_store_take(s, user, write_file(a, dir, "first", str_of(pem), 0600));
    uint8_t digest[SHA256_SIZE] = { 1 };
    struct str signature;
    for (int i = 0; i < MANY; i++) {
        struct arena *message = arena_new();
        const char *name = str_cstr(message, str_printf(message, "k%d", i));
        assert_non_null(key_store_take(s, message, write_file(message, dir, name, str_of(pem), 0600)));
        arena_free(message);
    }
    remove_directory(a, dir);
    size_t kept = 0;
    for (int i = 0; i < MANY; i++) {
        struct arena *message = arena_new();
        kept += key_store_take(s, message, str_cstr(message, str_printf(message, "%s/k%d", dir, i))) != NULL;
        arena_free(message);
    }
    assert_in_range(kept, 1, 4096);
    assert_true(privkey_sign(user, first->key, digest, &signature));
    assert_true(pubkey_verify(first->public, digest, signature));
    arena_free(a);
    arena_free(user);
}

static void warnings_have_a_minute_between_them(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *dir = make_directory(a);
    const struct key_secret *k = key_store_take(key_store_new(a), a, write_file(a, dir, "k", str_of(pem), 0600));
    assert_true(key_secret_may_warn(k, 1000));
    assert_false(key_secret_may_warn(k, 1059));
    assert_true(key_secret_may_warn(k, 1060));
    remove_directory(a, dir);
    arena_free(a);
}

struct work {
    struct key_store *store;
    const char *dir;
};

static void *take_keys(void *p)
{
    const struct work *w = p;
    size_t good = 0;
    for (int i = 0; i < 300; i++) {
        struct arena *a = arena_new();
        good += key_store_take(w->store, a, str_cstr(a, str_printf(a, "%s/k%d", w->dir, i % 7))) != NULL;
        arena_free(a);
    }
    return good == 300 ? p : NULL;
}

static void threads_share_it(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct work w = { key_store_new(a), make_directory(a) };
    pthread_t threads[4];
    void *result;
    for (int i = 0; i < 7; i++)
        write_file(a, w.dir, str_cstr(a, str_printf(a, "k%d", i)), str_of(pem), 0600);
    for (size_t i = 0; i < ROWS(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_keys, &w), 0);
    for (size_t i = 0; i < ROWS(threads); i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, &w);
    }
    remove_directory(a, w.dir);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_read_once),       cmocka_unit_test(a_refused_key_stays_refused_for_a_minute),
        cmocka_unit_test(a_bounded_number_is_kept), cmocka_unit_test(warnings_have_a_minute_between_them),
        cmocka_unit_test(threads_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
