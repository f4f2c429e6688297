/* cmd_check.c - `mailseal check`: one message from a file, judged as the daemon would, everything about it given by options. */
#include <stdio.h>

#include "mailseal/cmd.h"
#include "mailseal/engine.h"
#include "mailseal/json.h"

#include "judge.h"

#define NAME "check"

static void help(void)
{
    puts("usage: mailseal check --client-ip IP --helo NAME --mail-from ADDR [OPTION...] MESSAGE|-\n"
         "\n"
         "Judges a message as the daemon would and explains the verdict.\n");
    judge_options_help();
}

static bool print(const struct judge *j, struct arena *a)
{
    const struct json *doc = outcome_json(a, j->outcome, j->conf);
    if (j->options->json)
        return js_write(stdout, doc);
    explain_print(stdout, a, doc);
    printf("\n%s\n", msg_log_line(j->msg, STR_NONE));
    return fflush(stdout) == 0;
}

static int check(const struct judge_options *o, struct arena *a)
{
    struct judge j;
    struct judge_input in = {
        .helo = str_of(o->helo), .mail_from = str_of(o->mail_from), .auth_user = str_of(o->auth), .authenticated = o->auth != NULL
    };
    if (!ip_parse(str_of(o->client_ip), &in.client))
        return cmd_usage_error(NAME, "'%s' is no IP address", o->client_ip);
    if (!judge_open(&j, NAME, o, false))
        return 1;
    if (!judge_read(&j, a, &in)) {
        judge_close(&j, false);
        return 1;
    }
    judge_message(&j, &in);
    return judge_close(&j, print(&j, a));
}

int cmd_check(int argc, char **argv)
{
    struct arena *a = arena_new();
    struct judge_options o;
    int code = judge_options_read(&o, a, NAME, help, argc, argv);
    if (code < 0 && (o.client_ip == NULL || o.helo == NULL || o.mail_from == NULL))
        code = cmd_usage_error(NAME, "--client-ip, --helo and --mail-from are needed");
    if (code < 0)
        code = check(&o, a);
    arena_free(a);
    return code;
}
