/*
 * cmd_config.c - `mailseal config`: check a configuration, show it with every default, and print the manual's list of options.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mailseal/clock.h"
#include "mailseal/cmd.h"

#define NAME "config"

static void help(void)
{
    puts("usage: mailseal config check [-c FILE]\n"
         "       mailseal config show [-c FILE]\n"
         "\n"
         "  check   reads the configuration, its policy and its keys as the daemon would,\n"
         "          and every key of the key directory and the key table; rules that have\n"
         "          expired are named\n"
         "  show    prints every option with its value, in the syntax of the file\n"
         "\n"
         "  -c, --config FILE  the configuration (default: the installed one)\n"
         "\n"
         "Exit code: 0 all is well, 1 the configuration cannot be used, 2 wrong usage.");
}

/* What the daemon would say. */
static struct conf *read_conf(const char *path, int flags)
{
    char *error;
    struct conf *c = conf_read(path, flags, &error);
    if (c == NULL)
        fprintf(stderr, "%s\n", error);
    free(error);
    return c;
}

static int finish(void)
{
    return fflush(stdout) == 0 ? 0 : cmd_fail(NAME, "cannot write to stdout");
}

/* What stands beside the configuration. A server is not asked: it need not be there yet, and no key would be a fair question. */
static void tell_tables(const struct conf *c)
{
    const struct {
        const char *option, *spec;
        const struct table *list;
    } v[] = { { "exempt-clients", c->specs.exempt_clients, c->exempt_clients },
              { "exempt-dkim-domains", c->specs.exempt_dkim_domains, c->exempt_dkim_domains },
              { "treat-as-reject", c->specs.treat_as_reject, c->treat_as_reject },
              { "never-reject", c->specs.never_reject, c->never_reject },
              { "require-dkim", c->specs.require_dkim, c->require_dkim },
              { "key-table", c->key_table, NULL },
              { "signing-table", c->signing_table, NULL },
              { "sender-login-map", c->sender_login_map, NULL } };
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        if (table_spec_is_server(str_of(v[i].spec)))
            printf("%s: %s: %s is a server, asked at run time and not now\n", c->path, v[i].option, v[i].spec);
        else if (v[i].list != NULL)
            printf("%s: %s: %zu entr%s\n", c->path, v[i].option, table_count(v[i].list), table_count(v[i].list) == 1 ? "y" : "ies");
    }
}

/* Only the daemon's log would say so otherwise. */
static void tell_expired(const struct conf *c)
{
    struct arena *a = arena_new();
    struct policy_step *rules;
    size_t n = policy_expired(c->policy, a, clock_wall(), &rules);
    for (size_t i = 0; i < n; i++)
        printf("%s: rule '%s' of policy %s has expired%s%s\n", c->path, rules[i].rule, policy_name(c->policy),
               rules[i].owner[0] != '\0' ? ", owner " : "", rules[i].owner);
    arena_free(a);
}

static int check(const char *path)
{
    struct conf *c = read_conf(path, 0);
    if (c == NULL)
        return 1;
    size_t keys = keyring_count(c->keyring), rules = policy_count(c->policy), good, refused;
    keyring_check(c->keyring, &good, &refused);
    printf("%s: ok, %zu sign section%s, policy %s (%zu rule%s)\n", c->path, keys, keys == 1 ? "" : "s", policy_name(c->policy),
           rules, rules == 1 ? "" : "s");
    if (good + refused > 0)
        printf("%s: key directory and key table: %zu key%s, %zu refused\n", c->path, good, good == 1 ? "" : "s", refused);
    tell_tables(c);
    tell_expired(c);
    conf_unref(c);
    return refused > 0 ? 1 : finish();
}

static int show(const char *path)
{
    struct conf *c = read_conf(path, CONF_DEFAULTS_OK);
    if (c == NULL)
        return 1;
    conf_show(stdout, c);
    conf_unref(c);
    return finish();
}

/* For the build: milter/man/mailseal.conf.5. */
static int manual(void)
{
    conf_manual(stdout);
    return finish();
}

int cmd_config(int argc, char **argv)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    const char *path = NULL;
    int opt;
    opterr = 0;
    while ((opt = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        if (opt == 'h') {
            help();
            return 0;
        }
        if (opt != 'c')
            return cmd_usage_error(NAME, "option '%s' is unknown or lacks its value", argv[optind - 1]);
        path = optarg;
    }
    const char *what = optind == argc - 1 ? argv[optind] : "";
    if (strcmp(what, "check") == 0)
        return check(path);
    if (strcmp(what, "show") == 0)
        return show(path);
    if (strcmp(what, "manual") == 0 && path == NULL)
        return manual();
    return cmd_usage_error(NAME, "one of check, show is needed");
}
