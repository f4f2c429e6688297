/* dkim_key_test.c - key records: every tag, present, absent and wrong; and the records we publish. */
#include "tests/dkim/dkim_support.h"

#include "mailseal/base64.h"
#include "mailseal/crypto.h"

#define ED "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static void every_tag_has_its_rule(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str in;
        const char *reason; /* NULL: usable */
    } rows[] = {
        { "plain", STR("v=DKIM1; k=ed25519; p=" ED), NULL },
        { "without v", STR("k=ed25519; p=" ED), NULL },
        { "trailing semicolon and white space", STR(" v=DKIM1; k=ed25519; p=" ED "; "), NULL },
        { "p folded", STR("k=ed25519; p=11qYAYKxCrfVS/7T yWQHOg7hcvPa\r\n piMlrwIaaPcHURo="), NULL },
        /* DK-4 */
        { "notes, granularity and unknown tags", STR("v=DKIM1; n=see RFC; g=x*; k=ed25519; zz=1; p=" ED), NULL },
        /* DK-3, DK-5, DK-23 */
        { "duplicate tag", STR("v=DKIM1; k=ed25519; k=ed25519; p=" ED), "syntax error in the key record" },
        { "no tag list", STR("v=spf1 -all"), "key record version is not DKIM1" },
        { "text", STR("hello"), "syntax error in the key record" },
        { "empty", STR(""), "syntax error in the key record" },
        { "NUL", STR("v=DKIM1\0; p=x"), "syntax error in the key record" },
        /* v */
        { "v=DKIM2", STR("v=DKIM2; k=ed25519; p=" ED), "key record version is not DKIM1" },
        { "v in lower case", STR("v=dkim1; k=ed25519; p=" ED), "key record version is not DKIM1" },
        { "v not first", STR("k=ed25519; v=DKIM1; p=" ED), "v= is not the first tag of the key record" },
        { "v empty", STR("v=; k=ed25519; p=" ED), "key record version is not DKIM1" },
        { "v=DMARC1", STR("v=DMARC1; p=none"), "key record version is not DKIM1" },
        /* k */
        { "k unknown", STR("v=DKIM1; k=rot13; p=" ED), "unknown key type" },
        { "k empty", STR("v=DKIM1; k=; p=" ED), "unknown key type" },
        { "k by default is rsa", STR("v=DKIM1; p=" ED), "key is not valid DER" },
        { "k wrong", STR("v=DKIM1; k=rsa; p=" ED), "key is not valid DER" },
        /* p */
        { "no p", STR("v=DKIM1; k=ed25519"), "key record without p=" },
        { "p empty", STR("v=DKIM1; k=ed25519; p="), "key revoked" },
        { "p white space", STR("v=DKIM1; k=ed25519; p= \t ;"), "key revoked" },
        { "p no base64", STR("v=DKIM1; k=ed25519; p=***"), "key is not valid base64" },
        { "p one character", STR("v=DKIM1; k=ed25519; p=A"), "key is not valid base64" },
        { "p too short", STR("v=DKIM1; k=ed25519; p=AAAA"), "Ed25519 key is not 32 octets long" },
        /* h */
        { "h sha256", STR("v=DKIM1; h=sha256; k=ed25519; p=" ED), NULL },
        { "h among others", STR("v=DKIM1; h=sha1 : x : sha256; k=ed25519; p=" ED), NULL },
        { "h sha1", STR("v=DKIM1; h=sha1; k=ed25519; p=" ED), "key is not for sha256" },
        { "h empty", STR("v=DKIM1; h=; k=ed25519; p=" ED), "key is not for sha256" },
        { "h sha2566", STR("v=DKIM1; h=sha2566:asha256; k=ed25519; p=" ED), "key is not for sha256" },
        /* s */
        { "s all", STR("v=DKIM1; s=*; k=ed25519; p=" ED), NULL },
        { "s email", STR("v=DKIM1; s=other:email; k=ed25519; p=" ED), NULL },
        { "s tlsrpt", STR("v=DKIM1; s=tlsrpt; k=ed25519; p=" ED), "key is not for mail" },
        { "s empty", STR("v=DKIM1; s=; k=ed25519; p=" ED), "key is not for mail" },
        /* t */
        { "t flags", STR("v=DKIM1; t=y:s:unknown; k=ed25519; p=" ED), NULL },
        { "t empty", STR("v=DKIM1; t=; k=ed25519; p=" ED), NULL },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct dkim_key k;
        const char *reason;
        bool good = dkim_key_parse(a, rows[i].in, &k, &reason);
        ROW_STR(rows[i].name, str_of(reason), str_of(rows[i].reason));
        ROW_INT(rows[i].name, good, rows[i].reason == NULL);
        if (good)
            assert_non_null(k.key);
        arena_free(a);
    }
}

static void flags_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool testing, strict, revoked, sha256, email;
    } rows[] = {
        { "k=ed25519; p=" ED, false, false, false, true, true },
        { "k=ed25519; t=y; p=" ED, true, false, false, true, true },
        { "k=ed25519; t=s; p=" ED, false, true, false, true, true },
        { "k=ed25519; t=x : s :y; p=" ED, true, true, false, true, true },
        { "k=ed25519; t=Y:ys; p=" ED, false, false, false, true, true },
        { "k=ed25519; t=y; p=", true, false, true, true, true },
        { "k=ed25519; h=sha1; s=x; p=" ED, false, false, false, false, false },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct dkim_key k;
        const char *reason;
        (void)!dkim_key_parse(a, str_of(rows[i].in), &k, &reason);
        ROW_INT(rows[i].in, k.testing, rows[i].testing);
        ROW_INT(rows[i].in, k.strict, rows[i].strict);
        ROW_INT(rows[i].in, k.revoked, rows[i].revoked);
        ROW_INT(rows[i].in, k.sha256, rows[i].sha256);
        ROW_INT(rows[i].in, k.email, rows[i].email);
        arena_free(a);
    }
}

static void the_length_of_p_is_limited(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct dkim_key k;
    const char *reason;
    for (size_t n = LIMIT_DKIM_P; n <= LIMIT_DKIM_P + 4; n += 4) {
        struct buf b;
        buf_init(&b, a, 5000);
        buf_puts(&b, "p=");
        for (size_t i = 0; i < n; i++)
            buf_char(&b, 'A');
        assert_false(dkim_key_parse(a, buf_view(&b), &k, &reason));
        ROW_STR("long", str_of(reason), n > LIMIT_DKIM_P ? STR("key too long") : STR("key is not valid DER"));
    }
    arena_free(a);
}

static void our_records_are_read_again(void **state)
{
    (void)state;
    for (enum key_type type = KEY_RSA; type <= KEY_ED25519; type++) {
        struct arena *a = arena_new();
        struct dkim_key k;
        const char *reason;
        struct str record = dkim_key_record(a, keys[type]);
        assert_true(str_istarts(record, type == KEY_RSA ? STR("v=DKIM1; k=rsa; p=MII") : STR("v=DKIM1; k=ed25519; p=")));
        assert_true(dkim_key_parse(a, record, &k, &reason));
        ROW_INT("type", k.type, type);
        ROW_INT("bits", k.bits, type == KEY_RSA ? 2048 : 256);
        ROW_STR("p", k.p, privkey_public(a, keys[type]));
        assert_true(k.sha256 && k.email && !k.testing && !k.strict && !k.revoked);
        arena_free(a);
    }
}

/* One lookup a name, their number, and the size a caller asks for. */
static void lookups_are_shared_and_counted(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct zone *z = zone_new(a);
    struct dkim_sig one, two;
    struct dkim_key key;
    const char *reason;
    dkim_sig_init(&one);
    one.domain = STR("example.com");
    one.selector = STR("one");
    two = one;
    two.selector = STR("two");
    zone_add(z, "one._domainkey.example.com", dkim_key_record(a, keys[KEY_RSA]));
    struct dkim_keys *lookups = dkim_keys_new(a, &z->dns, 0, 1);
    struct dkim_lookup *k = dkim_keys_start(lookups, &one);
    assert_ptr_equal(dkim_keys_start(lookups, &one), k);
    assert_null(dkim_keys_start(lookups, &two));
    ROW_INT("asked", z->asked, 1);
    ROW_INT("2048 asked for", dkim_keys_get(lookups, k, &one, 2048, &key, &reason), AUTH_NONE);
    ROW_INT("bits", key.bits, 2048);
    ROW_INT("2049 asked for", dkim_keys_get(lookups, k, &one, 2049, &key, &reason), AUTH_PERMERROR);
    ROW_STR("reason", str_of(reason), STR("RSA key shorter than this site accepts"));
    ROW_INT("open", z->open, 0);
    lookups = dkim_keys_new(a, &z->dns, 0, 1);
    dkim_keys_start(lookups, &two);
    dkim_keys_drop(lookups);
    dkim_keys_drop(lookups);
    ROW_INT("open after the drop", z->open, 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tag_has_its_rule),         cmocka_unit_test(flags_are_told),
        cmocka_unit_test(the_length_of_p_is_limited),     cmocka_unit_test(our_records_are_read_again),
        cmocka_unit_test(lookups_are_shared_and_counted),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
