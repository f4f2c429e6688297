/* cmd_key_new.c - `mailseal key new`: a private key in a new file, and the DNS record to publish. */
#include <stdio.h>

#include "mailseal/arena.h"
#include "mailseal/domain.h"

#include "cmd_key.h"

struct request {
    const char *domain, *selector, *out, *dir;
    struct key_spec spec;
    bool json;
};

/* -1: go on; else the exit code. */
static int parse_arguments(struct request *r, int argc, char **argv)
{
    const struct key_option options[] = { { .name = "selector", .to = &r->selector },
                                          { .name = "algorithm", .kind = KEY_OPTION_ALGORITHM, .to = &r->spec },
                                          { .name = "out", .to = &r->out },
                                          { .name = "dir", .to = &r->dir },
                                          { .name = "now", .kind = KEY_OPTION_NOW },
                                          { .name = "json", .kind = KEY_OPTION_FLAG, .to = &r->json },
                                          { .name = NULL } };
    size_t n;
    int code = key_options(argc, argv, options, &r->domain, 1, &n);
    if (code < 0 && n != 1)
        code = cmd_usage_error(KEY_COMMAND, "one domain is needed");
    if (code < 0 && r->out != NULL && r->dir != NULL)
        code = cmd_usage_error(KEY_COMMAND, "--out and --dir exclude each other");
    return code;
}

/* A key in a file of the user's choice, outside of any key directory. NULL after printing why. */
static struct privkey *make_file(struct arena *a, const char *path, struct key_spec spec)
{
    const char *reason;
    struct privkey *k = privkey_generate(spec.type, spec.bits);
    if (k == NULL) {
        cmd_fail(KEY_COMMAND, "OpenSSL cannot make a key");
    } else if (!keydir_write_new(a, path, privkey_pem(a, k), &reason)) {
        cmd_fail(KEY_COMMAND, "cannot make %s", reason);
        privkey_free(k);
        k = NULL;
    }
    return k;
}

static int print(const struct request *r, struct arena *a, struct str domain, struct str selector, const char *path,
                 const struct privkey *k)
{
    if (r->json) {
        struct json *j = js_object(a);
        js_add_text(j, "file", str_of(path));
        js_add_text(j, "domain", domain);
        js_add_text(j, "selector", selector);
        key_add_record(j, a, domain, selector, k);
        return js_write(stdout, j) ? key_finish(true) : cmd_fail(KEY_COMMAND, "cannot write to stdout");
    }
    printf("private key: %s\n", path);
    key_print_record(a, domain, selector, k);
    if (r->out == NULL)
        printf("\nThe key is pending. Publish the record; then 'mailseal key rotate %.*s --dir %s' makes it sign.\n",
               STR_FMT(domain), r->dir != NULL ? r->dir : ".");
    return key_finish(true);
}

static int make(const struct request *r, struct arena *a)
{
    struct str domain, selector;
    struct keydir *dir = NULL;
    const char *path = r->out, *reason;
    if (!domain_normalise(a, str_of(r->domain), &domain))
        return cmd_usage_error(KEY_COMMAND, "'%s' is no domain name", r->domain);
    if (r->selector != NULL && !domain_normalise(a, str_of(r->selector), &selector))
        return cmd_usage_error(KEY_COMMAND, "selector '%s' is not valid", r->selector);
    if (path == NULL && (dir = keydir_open(a, r->dir != NULL ? r->dir : ".", domain, true, &reason)) == NULL)
        return cmd_fail(KEY_COMMAND, "%s", reason);
    if (r->selector == NULL)
        selector = key_dated_selector(a, r->spec.type, dir);
    if (!domain_is_valid(key_record_name(a, domain, selector)))
        return cmd_usage_error(KEY_COMMAND, "domain and selector are too long together");
    if (path == NULL)
        path = keydir_path(dir, a, selector);
    struct privkey *k = dir != NULL ? key_make(a, dir, selector, r->spec) : make_file(a, path, r->spec);
    if (k == NULL)
        return 1;
    int code = print(r, a, domain, selector, path, k);
    privkey_free(k);
    return code;
}

int cmd_key_new(int argc, char **argv)
{
    struct arena *a = arena_new();
    struct request r = { .spec = { .type = KEY_RSA, .bits = LIMIT_RSA_SIGN_BITS } };
    int code = parse_arguments(&r, argc, argv);
    if (code < 0)
        code = make(&r, a);
    arena_free(a);
    return code;
}
