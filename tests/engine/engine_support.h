/* engine_support.h - an environment over a snapshot, and a message driven through it. */
#ifndef TESTS_ENGINE_SUPPORT_H
#define TESTS_ENGINE_SUPPORT_H

#include <unistd.h>

#include "mailseal/engine.h"
#include "mailseal/json.h"
#include "mailseal/limits.h"
#include "tests/support/files.h"

#define ZONE                                                                                                                       \
    "{\"good.example\":{\"TXT\":[\"v=spf1 ip4:192.0.2.0/24 -all\"]},\"_dmarc.good.example\":{\"TXT\":[\"v=DMARC1; p=reject\"]},"   \
    "\"shop.example\":{\"TXT\":[\"v=spf1 -all\"]},\"_dmarc.shop.example\":{\"TXT\":[\"v=DMARC1; p=quarantine\"]},"                 \
    "\"told.example\":{\"TXT\":[\"v=spf1 -all exp=why.example\"]},\"why.example\":{\"TXT\":[\"%{s} may not\"]},"                   \
    "\"slow.example\":\"TIMEOUT\",\"_dmarc.slow.example\":\"TIMEOUT\"}"

/* Writes a file of its own and gives its path; to be unlinked. */
static inline const char *test_file(struct arena *a, const char *text)
{
    char path[] = "/tmp/mailseal-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return str_cstr(a, str_of(path));
}

/* A configuration from its text, with the profile of a path. */
static inline struct conf *test_conf_of(struct arena *a, const char *text, const char *policy)
{
    char *error = NULL;
    const char *path = test_file(a, str_cstr(a, str_printf(a, "authserv-id = \"mx.test\"\npolicy = \"%s\"\n%s", policy, text)));
    struct conf *c = conf_read(path, 0, &error);
    unlink(path);
    if (c == NULL)
        fail_msg("%s", error);
    return c;
}

/* With a profile of the source tree. */
static inline struct conf *test_conf(struct arena *a, const char *text)
{
    return test_conf_of(a, text, test_path(a, "policies/standard.policy"));
}

static inline struct env *test_env_of(struct arena *a, struct conf *conf, unsigned workers)
{
    const char *error = NULL;
    const struct json *zone = js_read(a, STR(ZONE), &error);
    assert_non_null(zone);
    struct dns *dns = dns_snapshot_of_json(zone, &error);
    assert_non_null(dns);
    struct env *e = env_new(conf, dns, workers, &error);
    assert_non_null(e);
    return e;
}

static inline struct env *test_env(struct arena *a, const char *conf, unsigned workers)
{
    return test_env_of(a, test_conf(a, conf), workers);
}

/* The same with a policy from its text, "site". */
static inline struct conf *test_conf_with(struct arena *a, const char *policy, const char *text)
{
    char *error = NULL;
    const char *dir = make_directory(a);
    write_file(a, dir, "site.policy", str_of(policy), 0600);
    struct str all = str_printf(a, "authserv-id = \"mx.test\"\npolicy = \"./site.policy\"\n%s", text);
    struct conf *c = conf_read(write_file(a, dir, "conf", all, 0600), 0, &error);
    remove_directory(a, dir);
    if (c == NULL)
        fail_msg("%s", error);
    return c;
}

/* With a profile from its text. */
static inline struct env *test_policy_env(struct arena *a, const char *conf, const char *policy)
{
    return test_env_of(a, test_conf_with(a, policy, conf), 0);
}

static inline struct conn *test_conn(struct env *e, const char *client)
{
    struct ip ip = { 0 };
    if (client[0] != '\0')
        assert_true(ip_parse(str_of(client), &ip));
    struct conn *c = conn_new(e, ip);
    conn_helo(c, STR("mx.good.example"));
    return c;
}

/* A whole message; fields are "Name: value" in order, ended by NULL. */
static inline const struct outcome *test_message(struct conn *c, const char *from, bool authenticated, const char *const *fields,
                                                 struct msg **m)
{
    struct msg_info info = { .mail_from = str_of(from), .authenticated = authenticated };
    *m = msg_new(c, &info);
    msg_rcpt(*m, STR("<bob@site.example>"));
    for (; *fields != NULL; fields++) {
        struct str name, value;
        assert_true(str_cut(str_of(*fields), ':', &name, &value));
        msg_header(*m, name, value);
    }
    msg_eoh(*m);
    msg_body(*m, "hello\r\n", 7);
    return msg_eom(*m);
}

/* Frees what is not NULL. */
static inline void test_done(struct msg *m, struct conn *c, struct env *e)
{
    msg_free(m);
    if (c != NULL)
        conn_free(c);
    if (e != NULL)
        env_free(e);
}
#define FIELDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

#endif
