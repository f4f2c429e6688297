/*
 * cmd_key.c - `mailseal key`: its verbs, and of them `show`. The others are cmd_key_*.c.
 */
#include <stdio.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/domain.h"

#include "cmd_key.h"

#define NAME KEY_COMMAND

static void help(void)
{
    puts("usage: mailseal key new DOMAIN [--selector S] [--algorithm A] [--out FILE | --dir DIR] [--json]\n"
         "       mailseal key show FILE --domain D --selector S [--json]\n"
         "       mailseal key check [DOMAIN] --dir DIR [--limit N] [WHERE...] [--json]\n"
         "       mailseal key check [DOMAIN] -c FILE [--limit N] [WHERE...] [--json]\n"
         "       mailseal key check --domain D --selector S --key FILE [WHERE...] [--json]\n"
         "       mailseal key rotate DOMAIN --dir DIR [--algorithm A] [--every DAYS] [--queue-life DAYS] [-c FILE] [WHERE...]\n"
         "       mailseal key status [DOMAIN] --dir DIR [--json]\n"
         "\n"
         "  new     makes a private key in a new file (mode 0600) and prints the DNS record to publish\n"
         "  show    prints the DNS record of a private key\n"
         "  check   compares private keys with what every name server publishes\n"
         "  rotate  does what is due of replacing the keys of a domain, and says what it waits for\n"
         "  status  shows the keys of a directory and their state\n"
         "\n"
         "  --dir DIR          the key directory: DIR/DOMAIN/SELECTOR.pem (new: default is the current directory)\n"
         "  --selector S       the selector (new: default is today's date and r or e)\n"
         "  --algorithm A      rsa2048 (default), rsa4096 or ed25519\n"
         "  --out FILE         make this file, outside of a key directory; nothing is ever overwritten\n"
         "  --domain D         the signing domain\n"
         "  --key FILE         the private key\n"
         "  --every DAYS       begin no rotation before the key is that old (default: 0)\n"
         "  --queue-life DAYS  how long mail may be under way (default: 7)\n"
         "  -c, --config FILE  a configuration: its name servers; check: and its keys\n"
         "  --limit N          check no more keys than that\n"
         "  --dns FILE         WHERE: answers from a snapshot file instead of the network\n"
         "  --server ADDR      WHERE: ask this name server, in place of those of the record's zone; may be repeated\n"
         "  --now UNIX         take this for the present time\n"
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

/* False after printing why. */
static bool read_names(struct arena *a, const char *domain, const char *selector, struct str *d, struct str *s)
{
    if (!domain_normalise(a, str_of(domain), d))
        cmd_usage_error(NAME, "'%s' is no domain name", domain);
    else if (!domain_normalise(a, str_of(selector), s))
        cmd_usage_error(NAME, "selector '%s' is not valid", selector);
    else if (!domain_is_valid(key_record_name(a, *d, *s)))
        cmd_usage_error(NAME, "domain and selector are too long together");
    else
        return true;
    return false;
}

/* ---- key show ---- */

struct show_request {
    const char *file, *domain, *selector;
    bool json;
};

static int parse_show(struct show_request *r, int argc, char **argv)
{
    const struct key_option options[] = { { .name = "domain", .to = &r->domain },
                                          { .name = "selector", .to = &r->selector },
                                          { .name = "json", .kind = KEY_OPTION_FLAG, .to = &r->json },
                                          { .name = NULL } };
    size_t n;
    int code = key_options(argc, argv, options, &r->file, 1, &n);
    if (code < 0 && (r->domain == NULL || r->selector == NULL || n != 1))
        code = cmd_usage_error(NAME, "a key file, --domain and --selector are needed");
    return code;
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
    if (r->json) {
        struct json *j = js_object(a);
        key_add_record(j, a, domain, selector, k);
        printed = js_write(stdout, j);
    } else {
        key_print_record(a, domain, selector, k);
    }
    privkey_free(k);
    return printed ? key_finish(true) : cmd_fail(NAME, "cannot write to stdout");
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
    } verbs[] = { { "new", cmd_key_new },
                  { "show", key_show },
                  { "check", cmd_key_check },
                  { "rotate", cmd_key_rotate },
                  { "status", cmd_key_status } };
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            help();
            return 0;
        }
    }
    for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    return cmd_usage_error(NAME, "one of new, show, check, rotate and status is needed");
}
