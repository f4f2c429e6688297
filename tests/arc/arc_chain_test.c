/* arc_chain_test.c - which fields make which set, every rule of structure, and the text a seal covers. */
#include "tests/support/support.h"

#include "milter/arc/arc_int.h"

#define BH             "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define AAR(i)         ARC_AAR_NAME ": i=" i "; mx.example.com; none\r\n"
#define AMS(i)         ARC_AMS_NAME ": i=" i "; a=rsa-sha256; d=e.x; s=s; h=from; " BH "; b=QUJD\r\n"
#define AS_TAGS(i, cv) ARC_AS_NAME ": i=" i "; a=rsa-sha256; d=e.x; s=s; cv=" cv "; b=QUJD"
#define AS(i, cv)      AS_TAGS(i, cv) "\r\n"
#define SET(i, cv)     AS(i, cv) AMS(i) AAR(i)

static void read_chain(struct arena *a, struct str fields, struct arc_chain *c)
{
    struct headers h;
    struct str body;
    headers_init(&h, a);
    headers_read(&h, fields, &body);
    arc_chain_read(a, &h, c);
}

/* AC-1, AC-2, AC-16, AC-31 and 5.2 steps 1 to 3 */
static void structure(void **state)
{
    (void)state;
    static const struct {
        const char *name, *fields, *fault;
        unsigned n;
        bool ended;
    } rows[] = {
        { "nothing", "From: a\r\n", NULL, 0, false },
        { "one set", SET("1", "none"), NULL, 1, false },
        { "two sets", SET("2", "pass") SET("1", "none"), NULL, 2, false },
        { "any order of fields", AAR("1") AS("2", "pass") AMS("1") AAR("2") AS("1", "none") AMS("2"), NULL, 2, false },
        { "names in any case", "ARC-SEAL: i=1; a=rsa-sha256; d=e.x; s=s; cv=none; b=QUJD\r\n" AMS("1") AAR("1"), NULL, 1, false },
        { "two digits", SET("01", "none"), NULL, 1, false },
        { "no AAR", AS("1", "none") AMS("1"), "incomplete ARC set", 1, false },
        { "no AMS", AS("1", "none") AAR("1"), "incomplete ARC set", 1, false },
        { "no AS", AMS("1") AAR("1"), "incomplete ARC set", 1, false },
        { "no first set", SET("2", "pass"), "incomplete ARC set", 2, false },
        { "gap", SET("3", "pass") SET("1", "none"), "incomplete ARC set", 3, false },
        { "two AAR", SET("1", "none") AAR("1"), "two ARC fields of one kind and instance", 1, false },
        { "two AMS", SET("1", "none") AMS("1"), "two ARC fields of one kind and instance", 1, false },
        { "two AS", SET("1", "none") AS("1", "none"), "two ARC fields of one kind and instance", 1, false },
        { "i=0", SET("0", "none"), "ARC field that cannot be read", 0, false },
        { "i=51", SET("51", "pass"), "more than 50 ARC sets", 51, false },
        { "i=99", AAR("99"), "more than 50 ARC sets", 99, false },
        { "i=100", AAR("100"), "ARC field that cannot be read", 0, false },
        { "three digits", AAR("001"), "ARC field that cannot be read", 0, false },
        { "i=2^32+1", SET("4294967297", "none"), "ARC field that cannot be read", 0, false },
        { "i=2^64+1", SET("18446744073709551617", "none"), "ARC field that cannot be read", 0, false },
        { "i=-1", SET("-1", "none"), "ARC field that cannot be read", 0, false },
        { "i=1.0", SET("1.0", "none"), "ARC field that cannot be read", 0, false },
        { "i= empty", SET("", "none"), "ARC field that cannot be read", 0, false },
        { "i= of letters", SET("one", "none"), "ARC field that cannot be read", 0, false },
        { "i= twice in a list", ARC_AMS_NAME ": i=1; i=1; a=b\r\n", "ARC field that cannot be read", 0, false },
        { "junk beside a good set", SET("1", "none") ARC_AS_NAME ": junk\r\n", "ARC field that cannot be read", 1, false },
        { "empty fields", ARC_AS_NAME ":\r\n" ARC_AMS_NAME ":\r\n" ARC_AAR_NAME ":\r\n", "ARC field that cannot be read", 0,
          false },
        { "i= last in a list", AMS("1") AAR("1") ARC_AS_NAME ": a=rsa-sha256; d=e.x; s=s; cv=none; b=QUJD; i=1\r\n", NULL, 1,
          false },
        { "I= is another tag", ARC_AS_NAME ": I=1; cv=none\r\n", "ARC field that cannot be read", 0, false },
        { "list ends in a semicolon", AS_TAGS("1", "none") " ; \r\n" AMS("1") AAR("1"), NULL, 1, false },
        { "two semicolons", AS_TAGS("1", "none") ";;\r\n" AMS("1") AAR("1"), "ARC field that cannot be read", 1, false },
        { "first seal says pass", SET("1", "pass"), "the first seal does not say cv=none", 1, false },
        { "second seal says none", SET("2", "none") SET("1", "none"), "a later seal does not say cv=pass", 2, false },
        { "newest says fail", SET("2", "fail") SET("1", "none"), "a seal says cv=fail", 2, true },
        { "only one, says fail", SET("1", "fail"), "a seal says cv=fail", 1, true },
        { "older says fail", SET("3", "pass") SET("2", "fail") SET("1", "none"), "a seal says cv=fail", 3, false },
        { "newest says fail, set incomplete", AS("2", "fail") SET("1", "none"), "incomplete ARC set", 2, true },
        { "seal with h=", AS_TAGS("1", "none") "; h=from\r\n" AMS("1") AAR("1"), "seal with h=", 1, false },
        { "seal of rsa-sha1", ARC_AS_NAME ": i=1; a=rsa-sha1; d=e.x; s=s; cv=none; b=QUJD\r\n" AMS("1") AAR("1"),
          "algorithm rsa-sha1 is not secure", 1, false },
        /* 5.2: an older message signature that is bad does not break the chain, and arc_verify.c judges the newest. */
        { "message signature without tags", AS("1", "none") ARC_AMS_NAME ": i=1\r\n" AAR("1"), NULL, 1, false },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct arc_chain *c = ARENA_NEW(a, struct arc_chain);
        read_chain(a, str_of(rows[i].fields), c);
        ROW_STR(rows[i].name, str_of(c->fault), str_of(rows[i].fault));
        ROW_INT(rows[i].name, c->n, rows[i].n);
        ROW_INT(rows[i].name, c->ended, rows[i].ended);
        ROW_INT(rows[i].name, c->present, i > 0);
        arena_free(a);
    }
}

/* AC-1: i= comes first in ARC-Authentication-Results, with CFWS anywhere around it (RFC 8617 4.2.1). */
static void instance_of_authentication_results(void **state)
{
    (void)state;
    static const struct {
        const char *value, *payload; /* NULL: cannot be read */
    } rows[] = {
        { " i=1; mx; none", " mx; none" },
        { "i=1;", "" },
        { "(a (nested;) \\) comment) i (b) = \r\n\t(c) 1 (d;) ; mx", " mx" },
        { " mx; i=1; none", NULL },
        { " i=1", NULL },
        { " i=1 mx; none", NULL },
        { " I=1; mx", NULL },
        { " i=; mx", NULL },
        { " i 1; mx", NULL },
        { " ii=1; mx", NULL },
        { " (i=1; mx", NULL },
        { " (\\", NULL },
        { " i=+1; mx", NULL },
        { "", NULL },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct arc_chain *c = ARENA_NEW(a, struct arc_chain);
        read_chain(a, str_printf(a, AS("1", "none") AMS("1") ARC_AAR_NAME ":%s\r\n", rows[i].value), c);
        ROW_STR(rows[i].value, str_of(c->fault), rows[i].payload != NULL ? STR_NONE : STR("ARC field that cannot be read"));
        if (rows[i].payload != NULL)
            ROW_STR(rows[i].value, c->set[1].authres, str_of(rows[i].payload));
        arena_free(a);
    }
}

static void add_set(struct buf *b, unsigned i)
{
    buf_printf(b, AS_TAGS("%u", "%s") "\r\n", i, i == 1 ? "none" : "pass");
    buf_printf(b, AMS("%u") AAR("%u"), i, i);
}

static void fifty_sets_are_the_most(void **state)
{
    (void)state;
    static const struct {
        unsigned sets, n;
        const char *fault;
    } rows[] = { { 50, 50, NULL }, { 51, 51, "more than 50 ARC sets" }, { 200, 99, "more than 50 ARC sets" } };
    for (size_t r = 0; r < ROWS(rows); r++) {
        struct arena *a = arena_new();
        struct arc_chain *c = ARENA_NEW(a, struct arc_chain);
        struct buf b;
        buf_init(&b, a, 1 << 20);
        for (unsigned i = 1; i <= rows[r].sets; i++)
            add_set(&b, i);
        read_chain(a, buf_view(&b), c);
        ROW_STR("fault", str_of(c->fault), str_of(rows[r].fault));
        ROW_INT("n", c->n, rows[r].n);
        arena_free(a);
    }
}

/* Only the first field of a kind and instance is kept, so a flood costs no memory beyond the header itself. */
static void a_flood_costs_little(void **state)
{
    (void)state;
    struct arena *a = arena_new(), *scratch = arena_new();
    struct arc_chain *c = ARENA_NEW(a, struct arc_chain);
    struct headers h;
    headers_init(&h, a);
    for (int i = 0; i < 100000; i++)
        headers_add(&h, STR(ARC_AMS_NAME), STR(" i=1; a=rsa-sha256; d=e.x; s=s; h=a:b:c:d; " BH "; b=QUJD"));
    assert_true(h.overflow);
    ROW_INT("kept", h.n, LIMIT_HEADER_FIELDS);
    arc_chain_read(scratch, &h, c);
    ROW_STR("fault", str_of(c->fault), STR("two ARC fields of one kind and instance"));
    assert_true(arena_bytes(scratch) < 64 * 1024);
    arena_free(scratch);
    arena_free(a);
}

/* AC-14: relaxed, CRLF behind all but the last, which loses the value of its b=. */
static void what_a_seal_covers(void **state)
{
    (void)state;
    static const struct str seal = STR("ARC-Seal: i=1; b=abc;\r\n d=e.x; bb=keep; ");
    static const char want[] = "arc-authentication-results:i=1; mx\r\narc-message-signature:i=1; b=x\r\n"
                               "arc-seal:i=1; b=; d=e.x; bb=keep;";
    uint8_t got[SHA256_SIZE], digest[SHA256_SIZE];
    struct arena *a = arena_new();
    struct hash *hash = hash_new(a);
    hash_update(hash, want, sizeof(want) - 1);
    hash_final(hash, digest);
    const struct str covered[] = { arc_canonical(a, STR("ARC-Authentication-Results:  i=1;\r\n\tmx ")),
                                   arc_canonical(a, STR("Arc-Message-Signature:i=1;  b=x")) };
    arc_seal_digest(a, covered, ROWS(covered), seal, got);
    assert_memory_equal(got, digest, SHA256_SIZE);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structure),
        cmocka_unit_test(instance_of_authentication_results),
        cmocka_unit_test(fifty_sets_are_the_most),
        cmocka_unit_test(a_flood_costs_little),
        cmocka_unit_test(what_a_seal_covers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
