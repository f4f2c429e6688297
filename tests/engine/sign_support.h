/* sign_support.h - a directory with a key and a login map, and an environment whose DNS has a record for the key. */
#ifndef TESTS_ENGINE_SIGN_SUPPORT_H
#define TESTS_ENGINE_SIGN_SUPPORT_H

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

static inline void write_text(const struct place *p, const char *name, const char *text)
{
    const char *path = str_cstr(p->arena, str_printf(p->arena, "%s/%s", p->dir, name));
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0, true);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
    struct place *p = *state;
    int failed = system(str_cstr(p->arena, str_printf(p->arena, "rm -r '%s'", p->dir)));
    arena_free(p->arena);
    return failed;
}

/* An environment whose DNS has this key record for s._domainkey.good.example; NULL: none. */
static inline struct env *env_with(const struct place *p, const char *conf, const char *record)
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

static inline const char *conf_text_of(const struct place *p, const char *format)
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

static inline const char *good_record(const struct place *p)
{
    return str_cstr(p->arena, str_printf(p->arena, "v=DKIM1; k=ed25519; p=%.*s", STR_FMT(p->p)));
}

/* What became of a message that ann sent; the strings are the caller's arena's. */
struct sent {
    size_t signatures;
    unsigned unpublished;
    int code;         /* of the reply; 0: accepted */
    struct str value; /* of the first DKIM-Signature field, unfolded */
    struct str reason, left_out, fragile, line;
};

static inline struct str copy_of(const struct place *p, const char *text)
{
    return str_dup(p->arena, str_of(text));
}

/* Fields as in test_message(), with LF between the lines of a body. */
static inline struct sent send_message(const struct place *p, struct env *e, const struct msg_info *info, const char *const *fields,
                                       struct str body)
{
    struct conn *c = test_conn(e, "192.0.2.1");
    struct msg *m = msg_new(c, info);
    for (; *fields != NULL; fields++) {
        struct str name, value;
        assert_true(str_cut(str_of(*fields), ':', &name, &value));
        msg_header(m, name, value);
    }
    msg_eoh(m);
    msg_body(m, body.p, body.n);
    const struct outcome *o = msg_eom(m);
    struct sent sent = { .signatures = o->n_signatures,
                         .unpublished = o->n_unpublished,
                         .code = o->decision.action == ACTION_ACCEPT ? 0 : o->decision.code,
                         .value = o->n_edits > 0 ? str_dup(p->arena, o->edits[0].value) : STR_NONE,
                         .reason = copy_of(p, o->sign_reason),
                         .left_out = str_dup(p->arena, o->left_out),
                         .fragile = copy_of(p, o->fragile),
                         .line = copy_of(p, msg_log_line(m, STR_NONE)) };
    for (size_t k = 0; k < sent.value.n; k++)
        if (sent.value.p[k] == '\n')
            ((char *)(uintptr_t)sent.value.p)[k] = ' ';
    msg_free(m);
    conn_free(c);
    return sent;
}

static inline bool str_has(struct str s, const char *part)
{
    return memmem(s.p, s.n, part, strlen(part)) != NULL;
}

#endif
