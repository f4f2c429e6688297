/* cmd_milter.c - `mailseal milter`: the daemon. All it does is in the filter room. */
#include <getopt.h>
#include <stdio.h>

#include "mailseal/cmd.h"
#include "mailseal/filter.h"

static const char help[] = "usage: mailseal milter [-c FILE]\n"
                           "Runs the mail filter in the foreground, until SIGTERM. SIGHUP reads the configuration again.\n"
                           "\n"
                           "  -c, --config FILE  the configuration (default: the installed mailseal.conf)\n"
                           "      --help         this text\n";

int cmd_milter(int argc, char **argv)
{
    static const struct option options[] = { { "config", required_argument, NULL, 'c' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    const char *conf_path = NULL;
    int c;
    opterr = 0;
    while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        switch (c) {
        case 'c':
            conf_path = optarg;
            break;
        case 'h':
            return fputs(help, stdout) < 0;
        default:
            return cmd_usage_error(argv[0], "unknown or incomplete option '%s'", argv[optind - 1]);
        }
    }
    if (optind < argc)
        return cmd_usage_error(argv[0], "unexpected argument '%s'", argv[optind]);
    return filter_run(conf_path);
}
