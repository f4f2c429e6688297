/*
 * cmd_key_check.c - `mailseal key check`: do the private keys fit what the DNS publishes, at every name server?
 *
 * The keys are one that is named, those of a key directory, or those of a configuration. A pending key need not be published yet,
 * a retired one need not be any more; every other difference is a fault.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "mailseal/arena.h"
#include "mailseal/domain.h"

#include "cmd_key.h"

struct request {
    const char *domain, *selector, *key, *only, *dir;
    struct key_where where;
    bool json;
};

struct run {
    struct arena *a;
    struct key_servers servers;
    struct str only, last; /* the one domain to check, or empty; that whose name servers are known */
    struct json *out;      /* the array of keys, or NULL */
    bool good;
    size_t n;
};

/* -1: go on; else the exit code. */
static int take_option(struct request *r, int opt)
{
    const char **texts[128] = { ['d'] = &r->domain, ['s'] = &r->selector,       ['k'] = &r->key,
                                ['D'] = &r->dir,    ['n'] = &r->where.snapshot, ['c'] = &r->where.conf };
    if (opt == 'j')
        r->json = true;
    else if (opt == 'S')
        return key_where_add(&r->where, optarg) ? -1 : 2;
    else
        *texts[opt] = optarg;
    return -1;
}

static int parse_arguments(struct request *r, int argc, char **argv)
{
    static const struct option options[] = { { "domain", required_argument, NULL, 'd' },
                                             { "selector", required_argument, NULL, 's' },
                                             { "key", required_argument, NULL, 'k' },
                                             { "dns", required_argument, NULL, 'n' },
                                             { "config", required_argument, NULL, 'c' },
                                             { "dir", required_argument, NULL, 'D' },
                                             { "server", required_argument, NULL, 'S' },
                                             { "json", no_argument, NULL, 'j' },
                                             { NULL, 0, NULL, 0 } };
    int opt, code;
    while ((opt = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (opt == '?')
            return cmd_usage_error(KEY_COMMAND, "option '%s' is unknown or lacks its value", argv[optind - 1]);
        if ((code = take_option(r, opt)) >= 0)
            return code;
    }
    if (optind < argc)
        r->only = argv[optind++];
    bool single = r->domain != NULL && r->selector != NULL && r->key != NULL && r->dir == NULL && r->only == NULL;
    bool none = r->domain == NULL && r->selector == NULL && r->key == NULL;
    if (optind != argc || !(single || (none && (r->dir != NULL || r->where.conf != NULL))))
        return cmd_usage_error(KEY_COMMAND, "either --domain, --selector and --key are needed, or --dir, or -c");
    return -1;
}

/* ---- one key ---- */

static bool is_fault(const struct key_finding *f, enum keydir_word word)
{
    if (f->sight == KEY_GOOD || (f->sight == KEY_UNKNOWN && f->server->authoritative))
        return false;
    return word == KEYDIR_ACTIVE || (f->sight != KEY_MISSING && !(f->sight == KEY_REVOKED && word == KEYDIR_RETIRED));
}

static void print_finding(struct str name, const struct key_finding *f, enum keydir_word word)
{
    const char *state = word == KEYDIR_ACTIVE ? "" : name_of(keydir_words, (int)word);
    printf("%.*s at %s: ", STR_FMT(name), f->server->label);
    if (f->sight == KEY_GOOD)
        printf("ok, %u-bit %s key", f->published.bits, f->published.type == KEY_RSA ? "RSA" : "Ed25519");
    else
        printf("%s", f->reason);
    printf("%s%s%s%s\n", f->remark != NULL ? ", " : "", f->remark != NULL ? f->remark : "", *state != '\0' ? "; " : "", state);
}

static void add_finding(struct json *answers, const struct key_finding *f, bool fault)
{
    struct json *j = js_add_object(answers, NULL);
    js_add_text(j, "server", str_of(f->server->label));
    js_add_bool(j, "authoritative", f->server->authoritative);
    js_add_text(j, "result", str_of(name_of(key_sight_names, (int)f->sight)));
    js_add_bool(j, "fault", fault);
    if (f->reason != NULL)
        js_add_text(j, "reason", str_of(f->reason));
    js_add_integer(j, "records", (int64_t)f->records);
    if (f->records != 1)
        return;
    js_add_integer(j, "bits", f->published.bits);
    js_add_bool(j, "testing", f->published.testing);
    js_add_bool(j, "strict", f->published.strict);
    js_add_bool(j, "revoked", f->published.revoked);
    js_add_bool(j, "sha256", f->published.sha256);
    js_add_bool(j, "email", f->published.email);
}

static struct json *add_key(struct run *run, struct str domain, struct str selector, enum keydir_word word)
{
    struct json *j = js_add_object(run->out, NULL);
    js_add_text(j, "domain", domain);
    js_add_text(j, "selector", selector);
    js_add_text(j, "state", str_of(name_of(keydir_words, (int)word)));
    return j;
}

static void check_key(struct run *run, struct str domain, struct str selector, const struct privkey *k, enum keydir_word word)
{
    struct key_findings found;
    struct str name = key_record_name(run->a, domain, selector);
    bool good = true;
    if (run->only.n > 0 && !str_eq(run->only, domain))
        return;
    if (!str_eq(run->last, domain))
        key_servers_of_domain(&run->servers, run->a, domain);
    run->last = domain;
    run->n++;
    key_ask(run->a, &run->servers, name, k, &found);
    struct json *j = run->out != NULL ? add_key(run, domain, selector, word) : NULL;
    struct json *answers = j != NULL ? js_add_array(j, "answers") : NULL;
    for (size_t i = 0; i < found.n; i++) {
        bool fault = is_fault(&found.v[i], word);
        good = good && !fault;
        if (answers != NULL)
            add_finding(answers, &found.v[i], fault);
        else
            print_finding(name, &found.v[i], word);
    }
    if (j != NULL)
        js_add_bool(j, "good", good);
    run->good = run->good && good;
}

/* A key that cannot be read, or must not sign because its state cannot. */
static void refuse_key(struct run *run, struct str domain, const char *path, const char *reason)
{
    run->good = false;
    run->n++;
    cmd_fail(KEY_COMMAND, "key file '%s': %s", path, reason);
    if (run->out == NULL)
        return;
    struct json *j = js_add_object(run->out, NULL);
    js_add_text(j, "domain", domain);
    js_add_text(j, "file", str_of(path));
    js_add_text(j, "reason", str_of(reason));
    js_add_bool(j, "good", false);
}

/* ---- which keys ---- */

static void check_one(const struct request *r, struct run *run)
{
    struct str domain, selector;
    run->good = domain_normalise(run->a, str_of(r->domain), &domain) && domain_normalise(run->a, str_of(r->selector), &selector);
    if (!run->good) {
        cmd_fail(KEY_COMMAND, "'%s' or '%s' is no domain name", r->domain, r->selector);
        return;
    }
    struct privkey *k = cmd_read_key(KEY_COMMAND, run->a, r->key);
    run->good = k != NULL;
    if (k != NULL)
        check_key(run, domain, selector, k, KEYDIR_ACTIVE);
    privkey_free(k);
}

static void check_domain(struct run *run, const char *top, struct str domain)
{
    struct arena *scratch = arena_new(); /* its end closes the directory: there may be many */
    const char *reason;
    struct keydir_key *keys = NULL;
    size_t n = 0;
    struct keydir *dir = keydir_open(scratch, top, domain, false, &reason);
    if (dir == NULL || !keydir_list(dir, scratch, &keys, &n, &reason)) {
        run->good = false;
        cmd_fail(KEY_COMMAND, "%s", reason);
    }
    for (size_t i = 0; i < n; i++) {
        const char *path = keydir_path(dir, scratch, keys[i].selector);
        struct privkey *k = keys[i].reason == NULL ? privkey_read(run->a, path, &reason) : NULL;
        if (k != NULL)
            check_key(run, domain, keys[i].selector, k, keys[i].state.word);
        else
            refuse_key(run, domain, path, keys[i].reason != NULL ? keys[i].reason : reason);
        privkey_free(k);
    }
    arena_free(scratch);
}

static void check_directory(struct run *run, const char *top)
{
    const char *reason;
    struct str *domains;
    size_t n;
    if (run->only.n > 0) {
        check_domain(run, top, run->only);
    } else if (keydir_domains(run->a, top, &domains, &n, &reason)) {
        for (size_t i = 0; i < n; i++)
            check_domain(run, top, domains[i]);
    } else {
        run->good = false;
        cmd_fail(KEY_COMMAND, "%s", reason);
    }
}

/* The sections and the key directory; keys of a key table are not looked through. */
static void check_configured(const struct conf *c, struct run *run)
{
    struct stat st;
    const char *name = str_cstr(run->a, str_printf(run->a, "%s/%.*s", c->key_directory, STR_FMT(run->only)));
    for (size_t i = 0; i < keyring_count(c->keyring); i++) {
        const struct sign_key *k = keyring_get(c->keyring, i);
        check_key(run, str_of(k->domain), str_of(k->selector), k->key, KEYDIR_ACTIVE);
    }
    /* A domain that is asked for may have a section and no directory. */
    if (c->key_directory[0] != '\0' && (run->only.n == 0 || stat(name, &st) == 0))
        check_directory(run, c->key_directory);
}

static int check(const struct request *r, struct run *run, const struct conf *c)
{
    struct json *root = r->json ? js_object(run->a) : NULL;
    if (!key_servers_open(&run->servers, run->a, &r->where, c))
        return 1;
    run->good = true;
    run->out = root != NULL ? js_add_array(root, "keys") : NULL;
    if (r->key != NULL)
        check_one(r, run);
    else if (r->dir != NULL)
        check_directory(run, r->dir);
    else
        check_configured(c, run);
    key_servers_close(&run->servers);
    if (root == NULL && run->n == 0 && run->good)
        puts("no key to check");
    return root == NULL || js_write(stdout, root) ? key_finish(run->good) : cmd_fail(KEY_COMMAND, "cannot write to stdout");
}

int cmd_key_check(int argc, char **argv)
{
    struct request r = { .domain = NULL };
    struct run run = { .a = arena_new(), .only = STR_NONE, .last = STR_NONE };
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
