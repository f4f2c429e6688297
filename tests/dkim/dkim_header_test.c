/* dkim_header_test.c - which instances of which fields are hashed, in which order. */
#include "tests/support/support.h"

#include "mailseal/base64.h"

#include "milter/dkim/dkim_int.h"

#define MAX_NAMES 16

static size_t split(const char *list, struct str *names)
{
    size_t n = 0;
    struct str rest = str_of(list);
    for (bool more = rest.n > 0; more;)
        more = str_cut(rest, ':', &names[n++], &rest);
    return n;
}

static struct str sha256_of(struct arena *a, const char *text)
{
    uint8_t digest[SHA256_SIZE];
    struct hash *h = hash_new(a);
    hash_update(h, text, strlen(text));
    hash_final(h, digest);
    return base64_encode(a, digest, sizeof(digest));
}

static const char message[] = "DKIM-Signature: one\r\n"
                              "Received: 3\r\n"
                              "DKIM-Signature: two\r\n"
                              "Received: 2\r\n"
                              "FROM: a@example.com\r\n"
                              "DKIM-Signature: three\r\n"
                              "received : 1\r\n"
                              "Subject: hello\r\n";

#define SIMPLE  DKIM_CANON_SIMPLE
#define RELAXED DKIM_CANON_RELAXED

/* RFC 6376 5.4.2, 3.7 */
static void instances_are_taken_bottom_up(void **state)
{
    (void)state;
    static const struct {
        const char *name, *list;
        enum dkim_canon canon;
        int self; /* which DKIM-Signature is being verified; -1: none */
        const char *want;
    } rows[] = {
        { "order of the list", "Subject:From", SIMPLE, -1, "Subject: hello\r\nFROM: a@example.com\r\nsig:b=" },
        /* DK-31 */
        { "relaxed", "Subject:From", RELAXED, -1, "subject:hello\r\nfrom:a@example.com\r\nsig:b=" },
        /* DK-30 */
        { "bottom-most first", "Received", SIMPLE, -1, "received : 1\r\nsig:b=" },
        { "one after the other", "Received:Received:Received", SIMPLE, -1, "received : 1\r\nReceived: 2\r\nReceived: 3\r\nsig:b=" },
        { "with others between", "received:From:RECEIVED", RELAXED, -1,
          "received:1\r\nfrom:a@example.com\r\nreceived:2\r\nsig:b=" },
        { "more than there are", "From:From:From:Subject", SIMPLE, -1, "FROM: a@example.com\r\nSubject: hello\r\nsig:b=" },
        { "absent", "Cc:To", SIMPLE, -1, "sig:b=" },
        { "no fields", "", SIMPLE, -1, "sig:b=" },
        /* DK-34 */
        { "other signatures", "DKIM-Signature:DKIM-Signature:DKIM-Signature", SIMPLE, 0,
          "DKIM-Signature: three\r\nDKIM-Signature: two\r\nsig:b=" },
        { "self in the middle", "DKIM-Signature:DKIM-Signature:DKIM-Signature", SIMPLE, 1,
          "DKIM-Signature: three\r\nDKIM-Signature: one\r\nsig:b=" },
        { "self at the bottom", "dkim-signature", SIMPLE, 2, "DKIM-Signature: two\r\nsig:b=" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        struct headers h;
        struct str body, names[MAX_NAMES];
        uint8_t digest[SHA256_SIZE];
        headers_init(&h, a);
        assert_true(headers_read(&h, str_of(message), &body));
        struct field_index *x = field_index_new(a, &h);
        const struct header *self = rows[i].self < 0 ? NULL : headers_get(&h, STR("DKIM-Signature"), (size_t)rows[i].self);
        size_t n = split(rows[i].list, names);
        /* Twice: one signature must not use up the fields of the next. */
        for (int turn = 0; turn < 2; turn++) {
            field_index_digest(x, names, n, rows[i].canon, self, STR("sig:b="), digest);
            ROW_STR(rows[i].name, base64_encode(a, digest, sizeof(digest)), sha256_of(a, rows[i].want));
        }
        arena_free(a);
    }
}

/* DK-43 */
static void the_fields_stay_as_they_were(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct headers h;
    struct str body, names[MAX_NAMES];
    struct buf after;
    uint8_t digest[SHA256_SIZE];
    headers_init(&h, a);
    assert_true(headers_read(&h, str_of(message), &body));
    size_t n = split("Subject:From:Received:DKIM-Signature", names);
    field_index_digest(field_index_new(a, &h), names, n, RELAXED, NULL, STR("sig:b="), digest);
    buf_init(&after, a, sizeof(message));
    for (size_t i = 0; i < h.n; i++) {
        buf_str(&after, h.v[i].raw);
        buf_puts(&after, "\r\n");
    }
    ROW_STR("fields", buf_view(&after), str_of(message));
    arena_free(a);
}

static void a_message_without_fields(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct headers h;
    uint8_t digest[SHA256_SIZE];
    struct str name = STR("From");
    headers_init(&h, a);
    field_index_digest(field_index_new(a, &h), &name, 1, SIMPLE, NULL, STR("DKIM-Signature: b="), digest);
    ROW_STR("signature alone", base64_encode(a, digest, sizeof(digest)), sha256_of(a, "DKIM-Signature: b="));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances_are_taken_bottom_up),
        cmocka_unit_test(the_fields_stay_as_they_were),
        cmocka_unit_test(a_message_without_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
