/*
 * cmd_check.c - `mailseal check`: one message from a file, judged by the engine calls the daemon makes.
 *
 * The message is read whole: a command may keep what a daemon may not.
 */
#include <getopt.h>
#include <stdlib.h>
#include <stdio.h>

#include "mailseal/cmd.h"
#include "mailseal/engine.h"
#include "mailseal/json.h"

#define NAME "check"

struct request {
    const char *client_ip, *helo, *mail_from, *auth, *daemon, *queue_id, *snapshot, *record, *conf_path, *file;
    struct str *rcpt;
    size_t n_rcpt;
    bool json;
};

static void help(void)
{
    puts("usage: mailseal check --client-ip IP --helo NAME --mail-from ADDR [OPTION...] MESSAGE|-\n"
         "\n"
         "Judges a message as the daemon would and explains the verdict.\n"
         "\n"
         "  --client-ip IP     address of the SMTP client\n"
         "  --helo NAME        what it said in HELO or EHLO\n"
         "  --mail-from ADDR   envelope sender; '' or '<>' is the null sender\n"
         "  --rcpt ADDR        envelope recipient; may be repeated\n"
         "  --auth USER        the client has logged in as USER\n"
         "  --daemon NAME      service of the mail server, {daemon_name}\n"
         "  --queue-id ID      what the mail server calls the message\n"
         "  --dns FILE         answers from a snapshot file instead of the network\n"
         "  --record FILE      write all answers used to a snapshot file\n"
         "  --now UNIX         take this as the present time\n"
         "  -c, --config FILE  configuration (default: the installed one, else defaults)\n"
         "  --json             one JSON object on stdout\n"
         "\n"
         "Exit code: 0 the message was judged, 1 it could not be, 2 wrong usage.");
}

enum { OPT_IP = 256, OPT_HELO, OPT_FROM, OPT_RCPT, OPT_AUTH, OPT_DAEMON, OPT_ID, OPT_DNS, OPT_RECORD, OPT_NOW, OPT_JSON, OPT_HELP };

static const struct option options[] = {
    { "client-ip", required_argument, NULL, OPT_IP },
    { "helo", required_argument, NULL, OPT_HELO },
    { "mail-from", required_argument, NULL, OPT_FROM },
    { "rcpt", required_argument, NULL, OPT_RCPT },
    { "auth", required_argument, NULL, OPT_AUTH },
    { "daemon", required_argument, NULL, OPT_DAEMON },
    { "queue-id", required_argument, NULL, OPT_ID },
    { "dns", required_argument, NULL, OPT_DNS },
    { "record", required_argument, NULL, OPT_RECORD },
    { "now", required_argument, NULL, OPT_NOW },
    { "config", required_argument, NULL, 'c' },
    { "json", no_argument, NULL, OPT_JSON },
    { "help", no_argument, NULL, OPT_HELP },
    { NULL, 0, NULL, 0 },
};

/* -1: go on; else the exit code. */
static int take_option(struct request *r, int opt, const char *word)
{
    const struct {
        int opt;
        const char **value;
    } texts[] = { { OPT_IP, &r->client_ip }, { OPT_HELO, &r->helo },     { OPT_FROM, &r->mail_from },
                  { OPT_AUTH, &r->auth },    { OPT_DAEMON, &r->daemon }, { OPT_ID, &r->queue_id },
                  { OPT_DNS, &r->snapshot }, { OPT_RECORD, &r->record }, { 'c', &r->conf_path } };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].opt == opt) {
            *texts[i].value = optarg;
            return -1;
        }
    switch (opt) {
    case OPT_RCPT:
        r->rcpt[r->n_rcpt++] = str_of(optarg);
        return -1;
    case OPT_NOW:
        return cmd_fix_now(NAME, optarg) ? -1 : 2;
    case OPT_JSON:
        r->json = true;
        return -1;
    case OPT_HELP:
        help();
        return 0;
    default:
        return cmd_usage_error(NAME, "option '%s' is unknown or lacks its value", word);
    }
}

static int parse_arguments(struct request *r, int argc, char **argv)
{
    int opt, code;
    opterr = 0;
    while ((opt = getopt_long(argc, argv, "c:", options, NULL)) != -1)
        if ((code = take_option(r, opt, argv[optind - 1])) >= 0)
            return code;
    if (r->client_ip == NULL || r->helo == NULL || r->mail_from == NULL)
        return cmd_usage_error(NAME, "--client-ip, --helo and --mail-from are needed");
    if (optind != argc - 1)
        return cmd_usage_error(NAME, "one message file is needed, or - for stdin");
    r->file = argv[optind];
    return -1;
}

static void hand_over_headers(struct msg *m, struct arena *a, struct str message, struct str *body)
{
    struct headers h;
    headers_init(&h, a);
    bool complete = headers_read(&h, message, body);
    for (size_t i = 0; i < h.n; i++)
        msg_header(m, str_first(h.v[i].raw, h.v[i].raw.n - h.v[i].value.n - 1), h.v[i].value);
    if (!complete)
        msg_headers_lost(m);
}

/* The calls of the filter, in its order. */
static const struct outcome *judge(const struct request *r, struct arena *a, struct conn *c, struct str message, struct msg **m)
{
    struct str body;
    conn_helo(c, str_of(r->helo));
    struct msg_info info = { .mail_from = str_of(r->mail_from),
                             .auth_user = str_of(r->auth),
                             .daemon = str_of(r->daemon),
                             .authenticated = r->auth != NULL };
    *m = msg_new(c, &info);
    for (size_t i = 0; i < r->n_rcpt; i++)
        msg_rcpt(*m, r->rcpt[i]);
    hand_over_headers(*m, a, message, &body);
    msg_eoh(*m);
    msg_body(*m, body.p, body.n);
    msg_queue_id(*m, str_of(r->queue_id));
    return msg_eom(*m);
}

static bool print(const struct request *r, struct arena *a, const struct outcome *o, struct msg *m)
{
    if (r->json)
        return js_write(stdout, outcome_json(a, o));
    outcome_print(stdout, a, o);
    printf("\n%s\n", msg_log_line(m));
    return fflush(stdout) == 0;
}

static int check_message(const struct request *r, struct arena *a, struct env *env, struct ip ip, struct str message)
{
    struct msg *m;
    struct conn *c = conn_new(env, ip);
    const struct outcome *o = judge(r, a, c, message, &m);
    bool printed = print(r, a, o, m);
    msg_free(m);
    conn_free(c);
    if (r->record != NULL && !dns_record_write(env_dns(env), r->record))
        return cmd_fail(NAME, "cannot write '%s'", r->record);
    return printed ? 0 : cmd_fail(NAME, "cannot write to stdout");
}

static int check(const struct request *r, struct arena *a)
{
    struct ip ip;
    struct str message;
    char *error = NULL;
    const char *reason = NULL;
    if (!ip_parse(str_of(r->client_ip), &ip))
        return cmd_usage_error(NAME, "'%s' is no IP address", r->client_ip);
    if (!cmd_read_message(NAME, a, r->file, &message, NULL))
        return 1;
    struct conf *conf = conf_read(r->conf_path, CONF_DEFAULTS_OK, &error);
    if (conf == NULL) {
        int code = cmd_fail(NAME, "%s", error);
        free(error);
        return code;
    }
    struct dns *dns = cmd_dns(NAME, r->snapshot, conf);
    if (dns == NULL) {
        conf_unref(conf);
        return 1;
    }
    struct env *env = env_new(conf, r->record != NULL ? dns_record_new(dns) : dns, 0, &reason);
    int code = check_message(r, a, env, ip, message);
    env_free(env);
    return code;
}

int cmd_check(int argc, char **argv)
{
    struct arena *a = arena_new();
    struct request r = { .rcpt = ARENA_ARRAY(a, struct str, argc) };
    int code = parse_arguments(&r, argc, argv);
    if (code < 0)
        code = check(&r, a);
    arena_free(a);
    return code;
}
