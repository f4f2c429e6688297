/*
 * cmd_key.c - `mailseal key`: make a signing key, show the DNS record of one. `key check` is cmd_key_check.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mailseal/arena.h"
#include "mailseal/clock.h"
#include "mailseal/json.h"
#include "mailseal/domain.h"
#include "mailseal/limits.h"
#include "mailseal/cmd.h"

#include "cmd_key.h"

#define NAME       "key"
#define TXT_STRING 255 /* bytes of one character-string, RFC 1035 3.3 */

static void help(void)
{
    puts("usage: mailseal key new DOMAIN [--selector S] [--algorithm A] [--out FILE | --dir DIR]\n"
         "       mailseal key show FILE --domain D --selector S [--json]\n"
         "       mailseal key check [--dns FILE] --domain D --selector S --key FILE\n"
         "       mailseal key check [--dns FILE] -c FILE\n"
         "\n"
         "  new    makes a private key in a new file (mode 0600) and prints the DNS record to publish\n"
         "  show   prints the DNS record of a private key\n"
         "  check  compares private keys, one or all of a configuration, with what the DNS publishes\n"
         "\n"
         "  --selector S       the selector (new: default is today's date and r or e)\n"
         "  --algorithm A      rsa2048 (default), rsa4096 or ed25519\n"
         "  --out FILE         the file to make; nothing is ever overwritten\n"
         "  --dir DIR          make DIR/DOMAIN.SELECTOR.pem (default: the current directory)\n"
         "  --domain D         the signing domain\n"
         "  --key FILE         the private key\n"
         "  --dns FILE         answers from a snapshot file instead of the network\n"
         "  -c, --config FILE  a configuration\n"
         "  --json             one JSON object on stdout\n"
         "\n"
         "Exit code: 0 done, 1 it could not be done or a key does not fit, 2 wrong usage.");
}

struct privkey *cmd_read_key(const char *name, struct arena *a, const char *path)
{
    const char *warning, *reason;
    struct privkey *k = privkey_read_named(a, path, &warning, &reason);
    if (k == NULL)
        cmd_fail(name, "key file '%s': %s", path, reason);
    else if (warning != NULL)
        cmd_fail(name, "warning: key file '%s': %s", path, warning);
    return k;
}

static int finish(void)
{
    return fflush(stdout) == 0 && ferror(stdout) == 0 ? 0 : cmd_fail(NAME, "cannot write to stdout");
}

/* The name of the record, without final dot. */
static struct str record_name(struct arena *a, struct str domain, struct str selector)
{
    return str_printf(a, "%.*s._domainkey.%.*s", STR_FMT(selector), STR_FMT(domain));
}

/* False after printing why. */
static bool read_names(struct arena *a, const char *domain, const char *selector, struct str *d, struct str *s)
{
    if (!domain_normalise(a, str_of(domain), d))
        cmd_usage_error(NAME, "'%s' is no domain name", domain);
    else if (!domain_normalise(a, str_of(selector), s))
        cmd_usage_error(NAME, "selector '%s' is not valid", selector);
    else if (!domain_is_valid(record_name(a, *d, *s)))
        cmd_usage_error(NAME, "domain and selector are too long together");
    else
        return true;
    return false;
}

static void print_record(struct arena *a, struct str domain, struct str selector, const struct privkey *k)
{
    struct str name = record_name(a, domain, selector), record = dkim_key_record(a, k);
    printf("DNS record, as one line:\n\n%.*s TXT %.*s\n\n", STR_FMT(name), STR_FMT(record));
    printf("and for a zone file of BIND:\n\n%.*s. IN TXT (", STR_FMT(name));
    for (; record.n > 0; record = str_skip(record, TXT_STRING))
        printf("\n    \"%.*s\"", STR_FMT(str_first(record, TXT_STRING)));
    puts(" )");
}

static bool print_json(struct arena *a, struct str domain, struct str selector, const struct privkey *k)
{
    struct json *j = js_object(a);
    struct str record = dkim_key_record(a, k);
    js_add_text(j, "name", record_name(a, domain, selector));
    js_add_text(j, "type", privkey_type(k) == KEY_RSA ? STR("rsa") : STR("ed25519"));
    js_add_integer(j, "bits", privkey_bits(k));
    js_add_text(j, "record", record);
    struct json *strings = js_add_array(j, "strings");
    for (; record.n > 0; record = str_skip(record, TXT_STRING))
        js_add_text(strings, NULL, str_first(record, TXT_STRING));
    return js_write(stdout, j);
}

/* ---- key new ---- */

struct new_request {
    const char *domain, *selector, *out, *dir;
    enum key_type type;
    unsigned bits;
};

/* -1: go on; else the exit code. */
static int parse_algorithm(struct new_request *r, const char *word)
{
    static const struct {
        const char *name;
        enum key_type type;
        unsigned bits;
    } algorithms[] = { { "rsa2048", KEY_RSA, LIMIT_RSA_SIGN_BITS }, { "rsa4096", KEY_RSA, 4096 }, { "ed25519", KEY_ED25519, 0 } };
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        if (strcmp(word, algorithms[i].name) == 0) {
            r->type = algorithms[i].type;
            r->bits = algorithms[i].bits;
            return -1;
        }
    }
    return cmd_usage_error(NAME, "--algorithm '%s' is not one of rsa2048, rsa4096, ed25519", word);
}

static int parse_new(struct new_request *r, int argc, char **argv)
{
    static const struct option options[] = { { "selector", required_argument, NULL, 's' },
                                             { "algorithm", required_argument, NULL, 'a' },
                                             { "out", required_argument, NULL, 'o' },
                                             { "dir", required_argument, NULL, 'd' },
                                             { NULL, 0, NULL, 0 } };
    int opt, code;
    while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (opt == 's')
            r->selector = optarg;
        else if (opt == 'o')
            r->out = optarg;
        else if (opt == 'd')
            r->dir = optarg;
        else if (opt != 'a')
            return cmd_usage_error(NAME, "option '%s' is unknown or lacks its value", argv[optind - 1]);
        else if ((code = parse_algorithm(r, optarg)) >= 0)
            return code;
    }
    if (optind != argc - 1)
        return cmd_usage_error(NAME, "one domain is needed");
    if (r->out != NULL && r->dir != NULL)
        return cmd_usage_error(NAME, "--out and --dir exclude each other");
    r->domain = argv[optind];
    return -1;
}

/* A selector that says when the key was made, so that the next one has another name. */
static const char *dated_selector(struct arena *a, enum key_type type)
{
    time_t now = (time_t)clock_wall();
    struct tm tm;
    gmtime_r(&now, &tm);
    return str_cstr(a, str_printf(a, "%04d%02d%02d%c", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, type == KEY_RSA ? 'r' : 'e'));
}

static bool write_all(int fd, struct str s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        s = str_skip(s, (size_t)n);
    }
    return fsync(fd) == 0;
}

static int write_key(struct arena *a, const char *path, const struct privkey *k)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return cmd_fail(NAME, "cannot make '%s': %s", path, strerror(errno));
    bool written = write_all(fd, privkey_pem(a, k));
    int error = errno;
    if (close(fd) == 0 && written)
        return 0;
    unlink(path);
    return cmd_fail(NAME, "cannot write '%s': %s", path, strerror(error));
}

static int make_key(const struct new_request *r, struct arena *a)
{
    struct str domain, selector;
    if (!read_names(a, r->domain, r->selector != NULL ? r->selector : dated_selector(a, r->type), &domain, &selector))
        return 2;
    const char *path = r->out;
    if (path == NULL)
        path = str_cstr(a, str_printf(a, "%s/%.*s.%.*s.pem", r->dir != NULL ? r->dir : ".", STR_FMT(domain), STR_FMT(selector)));
    struct privkey *k = privkey_generate(r->type, r->bits);
    if (k == NULL)
        return cmd_fail(NAME, "OpenSSL cannot make a key");
    int code = write_key(a, path, k);
    if (code == 0) {
        printf("private key: %s\n", path);
        print_record(a, domain, selector, k);
        code = finish();
    }
    privkey_free(k);
    return code;
}

static int key_new(int argc, char **argv)
{
    struct arena *a = arena_new();
    struct new_request r = { .type = KEY_RSA, .bits = LIMIT_RSA_SIGN_BITS };
    int code = parse_new(&r, argc, argv);
    if (code < 0)
        code = make_key(&r, a);
    arena_free(a);
    return code;
}

/* ---- key show ---- */

struct show_request {
    const char *file, *domain, *selector;
    bool json;
};

static int parse_show(struct show_request *r, int argc, char **argv)
{
    static const struct option options[] = { { "domain", required_argument, NULL, 'd' },
                                             { "selector", required_argument, NULL, 's' },
                                             { "json", no_argument, NULL, 'j' },
                                             { NULL, 0, NULL, 0 } };
    int opt;
    while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (opt == 'd')
            r->domain = optarg;
        else if (opt == 's')
            r->selector = optarg;
        else if (opt == 'j')
            r->json = true;
        else
            return cmd_usage_error(NAME, "option '%s' is unknown or lacks its value", argv[optind - 1]);
    }
    if (r->domain == NULL || r->selector == NULL || optind != argc - 1)
        return cmd_usage_error(NAME, "a key file, --domain and --selector are needed");
    r->file = argv[optind];
    return -1;
}

static int show_key(const struct show_request *r, struct arena *a)
{
    struct str domain, selector;
    if (!read_names(a, r->domain, r->selector, &domain, &selector))
        return 2;
    struct privkey *k = cmd_read_key(NAME, a, r->file);
    if (k == NULL)
        return 1;
    bool printed = true;
    if (r->json)
        printed = print_json(a, domain, selector, k);
    else
        print_record(a, domain, selector, k);
    privkey_free(k);
    return printed ? finish() : cmd_fail(NAME, "cannot write to stdout");
}

static int key_show(int argc, char **argv)
{
    struct arena *a = arena_new();
    struct show_request r = { .file = NULL };
    int code = parse_show(&r, argc, argv);
    if (code < 0)
        code = show_key(&r, a);
    arena_free(a);
    return code;
}

int cmd_key(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } verbs[] = { { "new", key_new }, { "show", key_show }, { "check", cmd_key_check } };
    opterr = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            help();
            return 0;
        }
    }
    for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    return cmd_usage_error(NAME, "one of new, show and check is needed");
}
