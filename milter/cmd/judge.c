/*
 * judge.c - a message from a file through the engine calls the daemon makes, and the options of the commands that do so.
 *
 * The message is read whole: a command may keep what a daemon may not.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "mailseal/cmd.h"
#include "mailseal/log.h"

#include "judge.h"

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

void judge_options_help(void)
{
    puts("  --client-ip IP     address of the SMTP client\n"
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

struct request {
    struct judge_options *options;
    const char *name;
    void (*help)(void);
};

/* -1: go on; else the exit code. */
static int take_option(void *ctx, int opt)
{
    const struct request *r = ctx;
    struct judge_options *o = r->options;
    const struct {
        int opt;
        const char **value;
    } texts[] = { { OPT_IP, &o->client_ip }, { OPT_HELO, &o->helo },     { OPT_FROM, &o->mail_from },
                  { OPT_AUTH, &o->auth },    { OPT_DAEMON, &o->daemon }, { OPT_ID, &o->queue_id },
                  { OPT_DNS, &o->snapshot }, { OPT_RECORD, &o->record }, { 'c', &o->conf_path } };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].opt == opt) {
            *texts[i].value = optarg;
            return -1;
        }
    switch (opt) {
    case OPT_RCPT:
        o->rcpt[o->n_rcpt++] = str_of(optarg);
        return -1;
    case OPT_NOW:
        return cmd_fix_now(r->name, optarg) ? -1 : 2;
    case OPT_JSON:
        o->json = true;
        return -1;
    case OPT_HELP:
        r->help();
        return 0;
    default:
        BUG("option %d", opt);
    }
}

int judge_options_read(struct judge_options *o, struct arena *a, const char *name, void (*help)(void), int argc, char **argv)
{
    struct request r = { o, name, help };
    *o = (struct judge_options){ .rcpt = ARENA_ARRAY(a, struct str, argc) };
    int code = cmd_options(name, "c:", options, take_option, &r, argc, argv);
    if (code >= 0)
        return code;
    if (optind != argc - 1)
        return cmd_usage_error(name, "one message file is needed, or - for stdin");
    o->file = argv[optind];
    return -1;
}

bool judge_open(struct judge *j, const char *name, const struct judge_options *o, bool keep)
{
    char *error = NULL;
    const char *reason = NULL;
    *j = (struct judge){ .name = name, .options = o };
    struct conf *conf = conf_read(o->conf_path, CONF_DEFAULTS_OK, &error);
    if (conf == NULL) {
        cmd_fail(name, "%s", error);
        free(error);
        return false;
    }
    struct dns *dns = cmd_dns(name, o->snapshot, conf);
    if (dns == NULL) {
        conf_unref(conf);
        return false;
    }
    if (keep || o->record != NULL)
        dns = j->recorder = dns_record_new(dns);
    j->env = env_new(conf, dns, 0, &reason);
    j->conf = env_conf(j->env);
    return true;
}

bool judge_read(struct judge *j, struct arena *a, struct judge_input *in)
{
    struct str message;
    if (!cmd_read_message(j->name, a, j->options->file, &message, NULL))
        return false;
    headers_init(&in->headers, a);
    in->headers.overflow = !headers_read(&in->headers, message, &in->body);
    return true;
}

static void hand_over_headers(struct msg *m, const struct headers *h)
{
    for (size_t i = 0; i < h->n; i++)
        msg_header(m, str_first(h->v[i].raw, h->v[i].raw.n - h->v[i].value.n - 1), h->v[i].value);
    if (h->overflow)
        msg_headers_lost(m);
}

/* The calls of the filter, in its order. */
void judge_message(struct judge *j, const struct judge_input *in)
{
    struct msg_info info = { .mail_from = in->mail_from,
                             .auth_user = in->auth_user,
                             .daemon = str_of(j->options->daemon),
                             .authenticated = in->authenticated };
    j->conn = conn_new(j->env, in->client);
    conn_helo(j->conn, in->helo);
    j->msg = msg_new(j->conn, &info);
    for (size_t i = 0; i < j->options->n_rcpt; i++)
        msg_rcpt(j->msg, j->options->rcpt[i]);
    hand_over_headers(j->msg, &in->headers);
    msg_eoh(j->msg);
    msg_body(j->msg, in->body.p, in->body.n);
    msg_queue_id(j->msg, str_of(j->options->queue_id));
    j->outcome = msg_eom(j->msg);
}

int judge_close(struct judge *j, bool printed)
{
    const char *record = j->options->record;
    int code = 0;
    if (j->msg != NULL) {
        msg_free(j->msg);
        conn_free(j->conn);
        if (record != NULL && !dns_record_write(j->recorder, record))
            code = cmd_fail(j->name, "cannot write '%s'", record);
        else if (!printed)
            code = cmd_fail(j->name, "cannot write to stdout");
    }
    conf_unref(j->conf);
    env_free(j->env);
    return code;
}
