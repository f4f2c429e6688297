/* dkim_body_test.c - body hashes: shared, cut by l=, and when they are settled. */
#include "tests/support/support.h"

#include "mailseal/base64.h"
#include "mailseal/limits.h"
#include "mailseal/dkim.h"

static struct str digest_of(struct arena *a, const struct dkim_body *b, int number, uint64_t *length)
{
    uint8_t digest[SHA256_SIZE];
    dkim_body_digest(b, number, digest, length);
    return base64_encode(a, digest, sizeof(digest));
}

static struct str sha256_of(struct arena *a, struct str s)
{
    uint8_t digest[SHA256_SIZE];
    struct hash *h = hash_new(a);
    hash_update(h, s.p, s.n);
    hash_final(h, digest);
    return base64_encode(a, digest, sizeof(digest));
}

/* dkim.md section 5: the digests of the empty body */
static void empty_body(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    uint64_t length;
    struct dkim_body *b = dkim_body_new(a);
    int simple = dkim_body_want(b, DKIM_CANON_SIMPLE, DKIM_LENGTH_ALL),
        relaxed = dkim_body_want(b, DKIM_CANON_RELAXED, DKIM_LENGTH_ALL);
    dkim_body_finish(b);
    ROW_STR("simple", digest_of(a, b, simple, &length), STR("frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="));
    ROW_INT("simple", length, 2);
    ROW_STR("relaxed", digest_of(a, b, relaxed, &length), STR("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="));
    ROW_INT("relaxed", length, 0);
    arena_free(a);
}

/* DK-50 */
static void a_length_cuts_the_canonical_body(void **state)
{
    (void)state;
    static const struct {
        enum dkim_canon canon;
        uint64_t length;
        struct str hashed;
        uint64_t canonical;
    } rows[] = {
        { DKIM_CANON_SIMPLE, 0, STR(""), 12 },
        { DKIM_CANON_SIMPLE, 1, STR("a"), 12 },
        { DKIM_CANON_SIMPLE, 5, STR("a  b\r"), 12 },
        { DKIM_CANON_SIMPLE, 12, STR("a  b\r\n\r\nc \r\n"), 12 },
        { DKIM_CANON_SIMPLE, 13, STR("a  b\r\n\r\nc \r\n"), 12 },
        { DKIM_CANON_SIMPLE, DKIM_LENGTH_ALL, STR("a  b\r\n\r\nc \r\n"), 12 },
        { DKIM_CANON_RELAXED, 0, STR(""), 10 },
        { DKIM_CANON_RELAXED, 3, STR("a b"), 10 },
        { DKIM_CANON_RELAXED, 10, STR("a b\r\n\r\nc\r\n"), 10 },
        { DKIM_CANON_RELAXED, 1000, STR("a b\r\n\r\nc\r\n"), 10 },
    };
    static const struct str body = STR("a  b\r\n\r\nc \r\n\r\n");
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (size_t piece = 1; piece <= body.n; piece++) {
            struct arena *a = arena_new();
            uint64_t length;
            struct dkim_body *b = dkim_body_new(a);
            int n = dkim_body_want(b, rows[i].canon, rows[i].length);
            for (struct str rest = body; rest.n > 0; rest = str_skip(rest, piece))
                dkim_body_update(b, rest.p, str_first(rest, piece).n);
            dkim_body_finish(b);
            ROW_STR("digest", digest_of(a, b, n, &length), sha256_of(a, rows[i].hashed));
            /* beyond the length the rest may go uncounted */
            if (rows[i].length >= rows[i].canonical)
                ROW_INT("length", length, rows[i].canonical);
            else
                assert_true(length > rows[i].length);
            arena_free(a);
        }
    }
}

static void equal_wishes_share_a_hash(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dkim_body *b = dkim_body_new(a);
    ROW_INT("first", dkim_body_want(b, DKIM_CANON_RELAXED, DKIM_LENGTH_ALL), 0);
    ROW_INT("the same", dkim_body_want(b, DKIM_CANON_RELAXED, DKIM_LENGTH_ALL), 0);
    ROW_INT("other canonicalization", dkim_body_want(b, DKIM_CANON_SIMPLE, DKIM_LENGTH_ALL), 1);
    ROW_INT("other length", dkim_body_want(b, DKIM_CANON_RELAXED, 10), 2);
    ROW_INT("fourth", dkim_body_want(b, DKIM_CANON_RELAXED, 11), 3);
    ROW_INT("beyond the limit", dkim_body_want(b, DKIM_CANON_RELAXED, 12), -1);
    ROW_INT("known ones are still there", dkim_body_want(b, DKIM_CANON_RELAXED, 10), 2);
    ROW_INT("limit", LIMIT_BODY_HASHES, 4);
    arena_free(a);
}

static void done_only_when_nothing_can_change(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dkim_body *b = dkim_body_new(a);
    assert_true(dkim_body_done(b)); /* nothing asked for */
    int n = dkim_body_want(b, DKIM_CANON_RELAXED, 5);
    assert_false(dkim_body_done(b));
    dkim_body_update(b, "abc\r\n", 5);
    assert_false(dkim_body_done(b)); /* full, but the body may end here */
    dkim_body_update(b, "\r\n \r\n", 5);
    assert_false(dkim_body_done(b)); /* blank lines may be the end, too */
    dkim_body_update(b, "d", 1);
    assert_true(dkim_body_done(b));
    dkim_body_update(b, "more", 4);
    dkim_body_finish(b);
    uint64_t length;
    ROW_STR("digest", digest_of(a, b, n, &length), sha256_of(a, STR("abc\r\n")));
    assert_true(length > 5);

    b = dkim_body_new(a);
    dkim_body_want(b, DKIM_CANON_RELAXED, 0);
    n = dkim_body_want(b, DKIM_CANON_SIMPLE, DKIM_LENGTH_ALL);
    dkim_body_update(b, "abc", 3);
    assert_false(dkim_body_done(b)); /* the other one wants it all */
    dkim_body_finish(b);
    ROW_STR("digest", digest_of(a, b, n, &length), sha256_of(a, STR("abc\r\n")));
    arena_free(a);
}

static void memory_does_not_grow_with_the_body(void **state)
{
    (void)state;
    static char piece[65536];
    struct arena *a = arena_new();
    struct dkim_body *b = dkim_body_new(a);
    memset(piece, ' ', sizeof(piece));
    piece[0] = 'x';
    dkim_body_want(b, DKIM_CANON_SIMPLE, DKIM_LENGTH_ALL);
    dkim_body_want(b, DKIM_CANON_RELAXED, DKIM_LENGTH_ALL);
    size_t before = arena_bytes(a);
    for (int i = 0; i < 160; i++)
        dkim_body_update(b, piece, sizeof(piece));
    dkim_body_finish(b);
    ROW_INT("bytes", arena_bytes(a), before);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_body),
        cmocka_unit_test(a_length_cuts_the_canonical_body),
        cmocka_unit_test(equal_wishes_share_a_hash),
        cmocka_unit_test(done_only_when_nothing_can_change),
        cmocka_unit_test(memory_does_not_grow_with_the_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
