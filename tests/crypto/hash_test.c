/* hash_test.c - SHA-256 in pieces. */
#include "tests/support/support.h"

#include "mailseal/base64.h"
#include "mailseal/crypto.h"

static struct str digest_of(struct arena *a, struct str in, size_t piece)
{
    uint8_t out[SHA256_SIZE];
    struct hash *h = hash_new(a);
    for (; in.n > 0; in = str_skip(in, piece))
        hash_update(h, in.p, str_first(in, piece).n);
    hash_final(h, out);
    return base64_encode(a, out, sizeof(out));
}

static void digests_are_those_of_sha256(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str in;
        const char *want;
    } rows[] = {
        /* FIPS 180-4 examples */
        { "empty", STR(""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" },
        { "abc", STR("abc"), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=" },
        { "two blocks", STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
          "JI1qYdIGOLjlwCaTDD5gOaM85Flk/yFn9uzt1BnbBsE=" },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ROWS(rows); i++)
        for (size_t piece = 1; piece <= rows[i].in.n + 1; piece++)
            ROW_STR(rows[i].name, digest_of(a, rows[i].in, piece), str_of(rows[i].want));
    arena_free(a);
}

static void two_hashes_do_not_mix(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    uint8_t one[SHA256_SIZE], two[SHA256_SIZE];
    struct hash *h1 = hash_new(a), *h2 = hash_new(a);
    hash_update(h1, "a", 1);
    hash_update(h2, "b", 1);
    hash_update(h1, "bc", 2);
    hash_final(h2, two);
    hash_final(h1, one);
    ROW_STR("first", base64_encode(a, one, sizeof(one)), digest_of(a, STR("abc"), 9));
    ROW_STR("second", base64_encode(a, two, sizeof(two)), digest_of(a, STR("b"), 9));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_sha256),
        cmocka_unit_test(two_hashes_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
