/* key_options.c - the options of the verbs of `mailseal key`: each verb has a table of its own, and there is one loop. */
#include <getopt.h>

#include "mailseal/arena.h"

#include "cmd_key.h"

#define OPTIONS_MAX 16

/* -1: go on; else the exit code. */
static int take_number(const struct key_option *o, const char *value)
{
    if (str_to_uint(str_of(value), o->max, o->to))
        return -1;
    return cmd_usage_error(KEY_COMMAND, "--%s '%s' is no number up to %llu", o->name, value, (unsigned long long)o->max);
}

static int take(const struct key_option *o, const char *value)
{
    switch (o->kind) {
    case KEY_OPTION_TEXT:
        *(const char **)o->to = value;
        return -1;
    case KEY_OPTION_FLAG:
        *(bool *)o->to = true;
        return -1;
    case KEY_OPTION_NUMBER:
        return take_number(o, value);
    case KEY_OPTION_ALGORITHM:
        return key_spec_parse(value, o->to) ? -1 : 2;
    case KEY_OPTION_SERVER:
        return key_where_add(o->to, value) ? -1 : 2;
    case KEY_OPTION_NOW:
        return cmd_fix_now(KEY_COMMAND, value) ? -1 : 2;
    }
    return 2;
}

int key_options(int argc, char **argv, const struct key_option *options, const char **words, size_t max, size_t *n)
{
    struct option long_options[OPTIONS_MAX + 1] = { { .name = NULL } };
    int opt, code, config = '?';
    opterr = 0;
    for (int i = 0; i < OPTIONS_MAX && options[i].name != NULL; i++) {
        int argument = options[i].kind == KEY_OPTION_FLAG ? no_argument : required_argument;
        long_options[i] = (struct option){ options[i].name, argument, NULL, i };
        if (str_eq(str_of(options[i].name), STR("config")))
            config = i;
    }
    while ((opt = getopt_long(argc, argv, "c:", long_options, NULL)) != -1) {
        opt = opt == 'c' ? config : opt;
        if (opt == '?')
            return cmd_usage_error(KEY_COMMAND, "option '%s' is unknown or lacks its value", argv[optind - 1]);
        if ((code = take(&options[opt], optarg)) >= 0)
            return code;
    }
    for (*n = 0; optind < argc; (*n)++) {
        if (*n == max)
            return cmd_usage_error(KEY_COMMAND, "'%s' is one argument too many", argv[optind]);
        words[*n] = argv[optind++];
    }
    return -1;
}
