/* arc_tags_test.c - the tags of message signatures and seals, one rule a row. */
#include "tests/support/support.h"

#include "milter/arc/arc_int.h"

#define BH   "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define AMS  "i=1; a=rsa-sha256; d=example.com; s=arc; h=from; " BH "; b=QUJD"
#define SEAL "i=1; a=rsa-sha256; d=example.com; s=arc; cv=none; b=QUJD"

/* Gives cv= of a seal. */
static enum auth_code read_list(struct arena *a, enum arc_kind kind, struct str text, struct dkim_sig *out)
{
    struct taglist list;
    enum auth_code cv = AUTH_FAIL;
    const char *reason = NULL;
    if (!taglist_parse(&list, text, &reason))
        fail_msg("'%.*s': %s", STR_FMT(text), reason);
    if (kind == ARC_AMS)
        arc_ams_read(a, &list, out);
    else
        arc_as_read(a, &list, out, &cv);
    return cv;
}

/* AC-2, AC-13, AC-16, AC-30 */
static void what_is_wrong_with_a_list(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum arc_kind kind;
        const char *text, *want;
    } rows[] = {
        { "message signature", ARC_AMS, AMS, NULL },
        { "v= means nothing", ARC_AMS, "v=7; " AMS, NULL },
        { "unknown tag", ARC_AMS, AMS "; zz=1", NULL },
        { "i= is no identity", ARC_AMS, AMS "; q=dns/txt", NULL },
        { "no a=", ARC_AMS, "d=e.x; s=s; h=a; " BH "; b=QUJD", "no a= tag" },
        { "no d=", ARC_AMS, "a=rsa-sha256; s=s; h=a; " BH "; b=QUJD", "no d= tag" },
        { "no s=", ARC_AMS, "a=rsa-sha256; d=e.x; h=a; " BH "; b=QUJD", "no s= tag" },
        { "no h=", ARC_AMS, "a=rsa-sha256; d=e.x; s=s; " BH "; b=QUJD", "no h= tag" },
        { "no bh=", ARC_AMS, "a=rsa-sha256; d=e.x; s=s; h=a; b=QUJD", "no bh= tag" },
        { "no b=", ARC_AMS, "a=rsa-sha256; d=e.x; s=s; h=a; " BH, "no b= tag" },
        { "names in capitals are others", ARC_AMS, "A=rsa-sha256; d=e.x; s=s; h=a; " BH "; b=QUJD", "no a= tag" },
        { "rsa-sha1", ARC_AMS, "a=rsa-sha1; d=e.x; s=s; h=a; " BH "; b=QUJD", "algorithm rsa-sha1 is not secure" },
        { "empty a=", ARC_AMS, "a=; d=e.x; s=s; h=a; " BH "; b=QUJD", "unknown algorithm" },
        { "d= no name", ARC_AMS, "a=rsa-sha256; d=e..x; s=s; h=a; " BH "; b=QUJD", "d= is not a domain name" },
        { "s= with NUL sort of", ARC_AMS, "a=rsa-sha256; d=e.x; s=s/t; h=a; " BH "; b=QUJD", "s= is not a selector" },
        { "empty b=", ARC_AMS, "a=rsa-sha256; d=e.x; s=s; h=a; " BH "; b=", "malformed b=" },
        { "b= with stray bits", ARC_AMS, "a=rsa-sha256; d=e.x; s=s; h=a; " BH "; b=QUJ=", "malformed b=" },
        { "b= folded", ARC_AMS, "a=rsa-sha256; d=e.x; s=s; h=a; " BH "; b=QU\r\n JD", NULL },
        { "short bh=", ARC_AMS, "a=rsa-sha256; d=e.x; s=s; h=a; bh=QUJD; b=QUJD", "malformed bh=" },
        { "empty c=", ARC_AMS, AMS "; c=", "unknown canonicalization" },
        { "c= of one word", ARC_AMS, AMS "; c=relaxed", NULL },
        { "c= of three", ARC_AMS, AMS "; c=relaxed/simple/simple", "unknown canonicalization" },
        { "empty t=", ARC_AMS, AMS "; t=", "malformed t=" },
        { "t= no number", ARC_AMS, AMS "; t=1e3", "malformed t=" },
        { "t= beyond all numbers", ARC_AMS, AMS "; t=99999999999999999999999999", NULL },
        { "x= not after t=", ARC_AMS, AMS "; t=5; x=5", "x= is not later than t=" },
        { "l= negative", ARC_AMS, AMS "; l=-1", "malformed l=" },
        { "q= of others", ARC_AMS, AMS "; q=http", "no known query method in q=" },
        { "empty h=", ARC_AMS, "a=rsa-sha256; d=e.x; s=s; h=; " BH "; b=QUJD", NULL },
        { "h= with a hole", ARC_AMS, "a=rsa-sha256; d=e.x; s=s; h=a::b; " BH "; b=QUJD", "malformed h=" },
        { "h= with other ARC fields", ARC_AMS,
          "a=rsa-sha256; d=e.x; s=s; h=arc-authentication-results : arc-message-signature; " BH "; b=QUJD", NULL },
        { "h= with seals", ARC_AMS, "a=rsa-sha256; d=e.x; s=s; h=from:aRC-seal; " BH "; b=QUJD", "h= names ARC-Seal" },
        { "seal", ARC_AS, SEAL, NULL },
        { "seal with h=", ARC_AS, SEAL "; h=from", "seal with h=" },
        { "seal with empty h=", ARC_AS, SEAL "; h=", "seal with h=" },
        { "seal with bh= and c=", ARC_AS, SEAL "; bh=nonsense; c=nonsense; l=x; x=y", NULL },
        { "seal without cv=", ARC_AS, "a=rsa-sha256; d=e.x; s=s; b=QUJD", "no cv= tag" },
        { "cv= empty", ARC_AS, "a=rsa-sha256; d=e.x; s=s; cv=; b=QUJD", "malformed cv=" },
        { "cv= other word", ARC_AS, "a=rsa-sha256; d=e.x; s=s; cv=passed; b=QUJD", "malformed cv=" },
        { "seal with bad t=", ARC_AS, SEAL "; t=now", "malformed t=" },
        { "seal with empty t=", ARC_AS, SEAL "; t=", "malformed t=" },
        { "the first fault is told", ARC_AS, "a=x; d=.; s=s; cv=none; b=*", "unknown algorithm" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct dkim_sig s;
        read_list(a, rows[i].kind, str_of(rows[i].text), &s);
        ROW_STR(rows[i].name, str_of(s.reason), str_of(rows[i].want));
        arena_free(a);
    }
}

static void values_are_read(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dkim_sig s;
    read_list(
        a, ARC_AMS,
        STR("i=3; a=ed25519-sha256; c=relaxed/simple; d=Example.COM; s=ARC.two; t=7; x=99999999999999; l=12; h= From\r\n : To;" BH
            "; b=QUJD"),
        &s);
    assert_null(s.reason);
    ROW_INT("type", s.type, KEY_ED25519);
    ROW_INT("header", s.header_canon, DKIM_CANON_RELAXED);
    ROW_INT("body", s.body_canon, DKIM_CANON_SIMPLE);
    ROW_STR("domain", s.domain, STR("example.com"));
    ROW_STR("selector", s.selector, STR("arc.two"));
    ROW_INT("t", s.time, 7);
    assert_true(s.has_time && s.has_expiry && s.expiry == UINT64_MAX - 1);
    ROW_INT("l", s.length, 12);
    ROW_INT("names", s.n_names, 2);
    ROW_STR("name", s.names[0], STR("From"));
    ROW_STR("b", s.signature, STR("ABC"));
    ROW_INT("bh", s.body_hash.n, SHA256_SIZE);
    /* RFC 6376 3.5: without c= both are simple. */
    read_list(a, ARC_AMS, STR(AMS), &s);
    assert_true(s.header_canon == DKIM_CANON_SIMPLE && s.body_canon == DKIM_CANON_SIMPLE && s.length == DKIM_LENGTH_ALL);
    arena_free(a);
}

static void status_words(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        enum auth_code want;
    } rows[] = { { "none", AUTH_NONE }, { "pass", AUTH_PASS }, { "fail", AUTH_FAIL }, { "Pass", AUTH_PASS }, { "x", AUTH_FAIL } };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct dkim_sig s;
        struct str text = str_printf(a, "a=rsa-sha256; d=e.x; s=s; b=QUJD; cv=%s", rows[i].word);
        ROW_INT(rows[i].word, read_list(a, ARC_AS, text, &s), rows[i].want);
        arena_free(a);
    }
}

static void too_many_names(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dkim_sig s;
    for (int n = LIMIT_DKIM_H; n <= LIMIT_DKIM_H + 1; n++) {
        struct buf b;
        buf_init(&b, a, 65536);
        buf_puts(&b, "a=rsa-sha256; d=e.x; s=s; " BH "; b=QUJD; h=a");
        for (int i = 1; i < n; i++)
            buf_puts(&b, ":a");
        read_list(a, ARC_AMS, buf_view(&b), &s);
        ROW_STR("names", str_of(s.reason), n > LIMIT_DKIM_H ? STR("h= names too many fields") : STR_NONE);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_wrong_with_a_list), cmocka_unit_test(values_are_read),
                                        cmocka_unit_test(status_words), cmocka_unit_test(too_many_names) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
