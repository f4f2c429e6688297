/*
 * cmd_key_check.c - `mailseal key check`: which keys are compared with the DNS: one that is named, those of a key directory, or all
 * that a configuration signs with.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "mailseal/arena.h"
#include "mailseal/domain.h"

#include "cmd_key.h"

struct request {
    const char *domain, *selector, *key, *only, *dir;
    struct key_where where;
    uint64_t limit;
    bool json;
};

struct run {
    struct arena *a;
    struct key_checks *checks;
    struct str only; /* the one domain to check, or empty */
    bool good;       /* what is to be checked could be found */
};

/* -1: go on; else the exit code. */
static int parse_arguments(struct request *r, int argc, char **argv)
{
    const struct key_option options[] = { { .name = "domain", .to = &r->domain },
                                          { .name = "selector", .to = &r->selector },
                                          { .name = "key", .to = &r->key },
                                          { .name = "dns", .to = &r->where.snapshot },
                                          { .name = "config", .to = &r->where.conf },
                                          { .name = "dir", .to = &r->dir },
                                          { .name = "server", .kind = KEY_OPTION_SERVER, .to = &r->where },
                                          { .name = "limit", .kind = KEY_OPTION_NUMBER, .to = &r->limit, .max = UINT64_MAX },
                                          { .name = "now", .kind = KEY_OPTION_NOW },
                                          { .name = "json", .kind = KEY_OPTION_FLAG, .to = &r->json },
                                          { .name = NULL } };
    size_t n;
    int code = key_options(argc, argv, options, &r->only, 1, &n);
    bool single = r->domain != NULL && r->selector != NULL && r->key != NULL && r->dir == NULL && r->only == NULL;
    bool none = r->domain == NULL && r->selector == NULL && r->key == NULL;
    if (code < 0 && !single && !(none && (r->dir != NULL || r->where.conf != NULL)))
        code = cmd_usage_error(KEY_COMMAND, "either --domain, --selector and --key are needed, or --dir, or -c");
    return code;
}

static void fail(struct run *run, const char *reason)
{
    run->good = false;
    cmd_fail(KEY_COMMAND, "%s", reason);
}

/* ---- a key directory ---- */

static void check_domain(struct run *run, const char *top, struct str domain)
{
    struct arena *scratch = arena_new(); /* its end closes the directory: there may be many */
    const char *reason;
    struct keydir_key *keys = NULL;
    size_t n = 0;
    struct keydir *dir = keydir_open(scratch, top, domain, false, &reason);
    if (dir == NULL || !keydir_list(dir, scratch, &keys, &n, &reason))
        fail(run, reason);
    for (size_t i = 0; i < n; i++)
        key_checks_begin(run->checks, &(struct key_subject){ .domain = domain,
                                                             .selector = keys[i].selector,
                                                             .word = keys[i].state.word,
                                                             .retire_after = keys[i].state.retire_after,
                                                             .file = keydir_path(dir, scratch, keys[i].selector),
                                                             .reason = keys[i].reason });
    arena_free(scratch);
}

static void check_directory(struct run *run, const char *top)
{
    const char *reason;
    struct str *domains;
    size_t n;
    if (run->only.n > 0)
        check_domain(run, top, run->only);
    else if (!keydir_domains(run->a, top, &domains, &n, &reason))
        fail(run, reason);
    else
        for (size_t i = 0; i < n; i++)
            check_domain(run, top, domains[i]);
}

/* ---- a configuration ---- */

static void check_signer(void *ctx, const struct sign_key *k)
{
    struct run *run = ctx;
    struct str domain = str_of(k->domain);
    if (run->only.n == 0 || str_eq(run->only, domain))
        key_checks_begin(
            run->checks,
            &(struct key_subject){
                .domain = domain, .selector = str_of(k->selector), .word = KEYDIR_ACTIVE, .file = k->key_file, .key = k->key });
}

static void check_configured(struct run *run, const struct conf *c)
{
    struct stat st;
    const char *name = str_cstr(run->a, str_printf(run->a, "%s/%.*s", c->key_directory, STR_FMT(run->only)));
    for (size_t i = 0; i < keyring_count(c->keyring); i++)
        check_signer(run, keyring_get(c->keyring, i));
    /* A domain that is asked for may have a section and no directory. */
    if (c->key_directory[0] != '\0' && (run->only.n == 0 || stat(name, &st) == 0))
        check_directory(run, c->key_directory);
    keyring_each_of_table(c->keyring, check_signer, run);
}

/* ---- all ---- */

static struct privkey *check_one(const struct request *r, struct run *run)
{
    struct key_subject s = { .word = KEYDIR_ACTIVE };
    run->good =
        domain_normalise(run->a, str_of(r->domain), &s.domain) && domain_normalise(run->a, str_of(r->selector), &s.selector);
    if (!run->good) {
        cmd_fail(KEY_COMMAND, "'%s' or '%s' is no domain name", r->domain, r->selector);
        return NULL;
    }
    struct privkey *k = cmd_read_key(KEY_COMMAND, run->a, r->key);
    run->good = k != NULL;
    s.key = k;
    if (k != NULL)
        key_checks_begin(run->checks, &s);
    return k;
}

static void print_count(const struct key_count *c)
{
    if (c->good + c->bad + c->left_out == 0) {
        puts("no key to check");
        return;
    }
    printf("%llu key%s checked: %llu in order, %llu at fault", (unsigned long long)(c->good + c->bad),
           c->good + c->bad == 1 ? "" : "s", (unsigned long long)c->good, (unsigned long long)c->bad);
    if (c->left_out > 0)
        printf("; %llu not checked (--limit)", (unsigned long long)c->left_out);
    puts("");
}

static void end_list(struct arena *a, const struct key_count *c)
{
    struct json *j = js_object(a);
    js_add_integer(j, "good", (int64_t)c->good);
    js_add_integer(j, "bad", (int64_t)c->bad);
    js_add_integer(j, "left_out", (int64_t)c->left_out);
    key_list_end(a, j);
}

static int check(const struct request *r, struct run *run, const struct conf *c)
{
    struct key_servers servers;
    struct key_list list;
    struct privkey *one = NULL;
    if (!key_servers_open(&servers, run->a, &r->where, c))
        return 1;
    run->good = true;
    if (r->json)
        key_list_begin(&list);
    run->checks = key_checks_new(run->a, &servers, r->limit, r->json ? &list : NULL);
    if (r->key != NULL)
        one = check_one(r, run);
    else if (r->dir != NULL)
        check_directory(run, r->dir);
    else
        check_configured(run, c);
    struct key_count count = key_checks_end(run->checks);
    key_servers_close(&servers);
    privkey_free(one);
    if (r->json)
        end_list(run->a, &count);
    else if (r->key == NULL && run->good)
        print_count(&count);
    return key_finish(run->good && count.bad == 0);
}

int cmd_key_check(int argc, char **argv)
{
    struct request r = { .limit = UINT64_MAX };
    struct run run = { .a = arena_new(), .only = STR_NONE };
    struct conf *c = NULL;
    char *error = NULL;
    int code = parse_arguments(&r, argc, argv);
    if (code < 0 && r.only != NULL && !domain_normalise(run.a, str_of(r.only), &run.only))
        code = cmd_usage_error(KEY_COMMAND, "'%s' is no domain name", r.only);
    if (code < 0 && r.where.conf != NULL && (c = conf_read(r.where.conf, 0, &error)) == NULL)
        code = cmd_fail(KEY_COMMAND, "%s", error);
    if (code < 0)
        code = check(&r, &run, c);
    free(error);
    if (c != NULL)
        conf_unref(c);
    arena_free(run.a);
    return code;
}
