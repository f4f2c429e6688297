/* cmd_key_status.c - `mailseal key status`: the keys of a key directory, and in which state each is. Asks nobody. */
#include <stdio.h>

#include "mailseal/arena.h"
#include "mailseal/domain.h"

#include "cmd_key.h"

struct request {
    const char *domain, *dir;
    bool json;
};

static int parse_arguments(struct request *r, int argc, char **argv)
{
    const struct key_option options[] = { { .name = "dir", .to = &r->dir },
                                          { .name = "json", .kind = KEY_OPTION_FLAG, .to = &r->json },
                                          { .name = NULL } };
    size_t n;
    int code = key_options(argc, argv, options, &r->domain, 1, &n);
    if (code < 0 && r->dir == NULL)
        code = cmd_usage_error(KEY_COMMAND, "--dir is needed");
    return code;
}

static void print_time(struct arena *a, const char *what, int64_t wall)
{
    if (wall > 0)
        printf(", %s %.*s", what, STR_FMT(key_time(a, wall)));
}

/* A key that must not sign says why on stdout: the state of a key is what was asked for. */
static void print_key(struct arena *a, struct str domain, const struct keydir_key *key, const struct privkey *k, const char *reason)
{
    const struct keydir_state *s = &key->state;
    printf("%.*s: ", STR_FMT(key_record_name(a, domain, key->selector)));
    if (reason != NULL) {
        printf("signs not: %s\n", reason);
        return;
    }
    printf("%s, %u-bit %s key", name_of(keydir_words, (int)s->word), privkey_bits(k),
           privkey_type(k) == KEY_RSA ? "RSA" : "Ed25519");
    print_time(a, "since", s->since);
    print_time(a, "published since", s->seen);
    if (s->word == KEYDIR_PENDING)
        print_time(a, "may sign after", s->seen > 0 ? s->seen + s->negttl : 0);
    print_time(a, "record needed until", s->retire_after);
    puts(s->switching ? ", those it replaces are not all retired yet" : "");
}

static void add_number(struct json *j, const char *key, int64_t v)
{
    if (v > 0)
        js_add_integer(j, key, v);
}

static struct json *describe(struct arena *a, struct str domain, const struct keydir_key *key, const struct privkey *k,
                             const char *reason)
{
    struct json *j = js_object(a);
    js_add_text(j, "domain", domain);
    js_add_text(j, "selector", key->selector);
    if (reason != NULL) {
        js_add_text(j, "reason", str_of(reason));
        return j;
    }
    js_add_text(j, "state", str_of(name_of(keydir_words, (int)key->state.word)));
    js_add_text(j, "type", privkey_type(k) == KEY_RSA ? STR("rsa") : STR("ed25519"));
    js_add_integer(j, "bits", privkey_bits(k));
    add_number(j, "since", key->state.since);
    add_number(j, "seen", key->state.seen);
    add_number(j, "negttl", key->state.negttl);
    add_number(j, "retire_after", key->state.retire_after);
    js_add_bool(j, "switching", key->state.switching);
    return j;
}

static bool show_domain(const char *dir, struct str domain, struct key_list *out)
{
    struct arena *a = arena_new(); /* its end closes the directory: there may be many */
    const char *reason;
    struct keydir_key *keys = NULL;
    size_t n = 0;
    bool good = true;
    struct keydir *d = keydir_open(a, dir, domain, false, &reason);
    if (d == NULL || !keydir_list(d, a, &keys, &n, &reason)) {
        cmd_fail(KEY_COMMAND, "%s", reason);
        good = false;
    }
    for (size_t i = 0; i < n; i++) {
        reason = NULL;
        struct privkey *k = privkey_read(a, keydir_path(d, a, keys[i].selector), &reason);
        reason = k == NULL ? reason : keys[i].reason;
        if (out != NULL)
            key_list_add(out, a, describe(a, domain, &keys[i], k, reason));
        else
            print_key(a, domain, &keys[i], k, reason);
        good = good && reason == NULL;
        privkey_free(k);
    }
    arena_free(a);
    return good;
}

static int show(const struct request *r, struct arena *a)
{
    const char *reason;
    struct str one, *domains = &one;
    size_t n = 1;
    bool good = true;
    struct key_list list;
    if (r->domain != NULL && !domain_normalise(a, str_of(r->domain), &one))
        return cmd_usage_error(KEY_COMMAND, "'%s' is no domain name", r->domain);
    if (r->domain == NULL && !keydir_domains(a, r->dir, &domains, &n, &reason))
        return cmd_fail(KEY_COMMAND, "%s", reason);
    if (r->json)
        key_list_begin(&list);
    for (size_t i = 0; i < n; i++)
        good = show_domain(r->dir, domains[i], r->json ? &list : NULL) && good;
    if (r->json)
        key_list_end(a, NULL);
    return key_finish(good);
}

int cmd_key_status(int argc, char **argv)
{
    struct arena *a = arena_new();
    struct request r = { .domain = NULL };
    int code = parse_arguments(&r, argc, argv);
    if (code < 0)
        code = show(&r, a);
    arena_free(a);
    return code;
}
