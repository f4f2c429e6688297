/* main.c - the table of subcommands. */
#include <stdio.h>
#include <string.h>

#include "mailseal/cmd.h"
#include "mailseal/crypto.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    { "milter", cmd_milter, "run the daemon for Postfix or Sendmail" },
    { "check", cmd_check, "judge a message from a file, as the daemon would" },
    { "explain", cmd_explain, "tell what is decided about a message, and why" },
    { "spf", cmd_spf, "evaluate SPF for a client, HELO name and sender" },
    { "dmarc", cmd_dmarc, "show the DMARC policy of a domain, query by query" },
    { "sign", cmd_sign, "put a DKIM signature on a message" },
    { "key", cmd_key, "make, show, check and rotate signing keys" },
    { "replay", cmd_replay, "tell what another policy would have done with past messages" },
    { "config", cmd_config, "check or show the configuration" },
};

static void usage(FILE *f)
{
    fputs("usage: mailseal COMMAND [OPTION...]\n\ncommands:\n", f);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(f, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fputs("\n'mailseal COMMAND --help' explains one; see mailseal(8).\n", f);
}

int main(int argc, char **argv)
{
    crypto_start();
    if (argc < 2) {
        usage(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        puts("mailseal " PACKAGE_VERSION);
        return 0;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "mailseal: no such command '%s'; try 'mailseal --help'\n", argv[1]);
    return 2;
}
