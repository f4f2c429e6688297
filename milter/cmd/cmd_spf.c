/*
 * cmd_spf.c - `mailseal spf`: one SPF evaluation, explained; or the same question put to libspf2.
 *
 * libspf2 runs in a program of its own, which may crash, loop or be missing: whatever becomes of it, this one says so and ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mailseal/address.h"
#include "mailseal/arena.h"
#include "mailseal/clock.h"
#include "mailseal/cmd.h"
#include "mailseal/json.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"
#include "mailseal/spf.h"

#define NAME "spf"

#define ENGINE_PROGRAM "mailseal-spf-libspf2"
#define ENGINE_MS      (LIMIT_DNS_MESSAGE_MS + 10000) /* it ends itself sooner */
#define ENGINE_OUTPUT  (64 * 1024)                    /* bytes of its answer */

struct request {
    const char *client_ip, *helo, *mail_from, *snapshot, *engine, *receiver;
    bool json;
};

static void help(void)
{
    puts("usage: mailseal spf --client-ip IP [--helo NAME] [--mail-from ADDR] [OPTION...]\n"
         "\n"
         "Evaluates SPF (RFC 7208) for one client and sender and explains the result.\n"
         "\n"
         "  --client-ip IP     address of the SMTP client\n"
         "  --helo NAME        what it said in HELO or EHLO\n"
         "  --mail-from ADDR   envelope sender; '' or '<>' is the null sender, which stands for\n"
         "                     postmaster at the HELO name; without it the HELO name itself is checked\n"
         "  --dns FILE         answers from a snapshot file instead of the network\n"
         "  --now UNIX         take this as the present time\n"
         "  --receiver NAME    name of this host, for explanations\n"
         "  --engine libspf2   ask libspf2, in a process of its own, for a second opinion\n"
         "  --json             one JSON object on stdout\n"
         "\n"
         "Exit code: 0 there is a result, whichever; 1 there is none; 2 wrong usage.");
}

enum { OPT_IP = 256, OPT_HELO, OPT_FROM, OPT_DNS, OPT_NOW, OPT_RECEIVER, OPT_ENGINE, OPT_JSON, OPT_HELP };

static const struct option options[] = {
    { "client-ip", required_argument, NULL, OPT_IP },
    { "helo", required_argument, NULL, OPT_HELO },
    { "mail-from", required_argument, NULL, OPT_FROM },
    { "dns", required_argument, NULL, OPT_DNS },
    { "now", required_argument, NULL, OPT_NOW },
    { "receiver", required_argument, NULL, OPT_RECEIVER },
    { "engine", required_argument, NULL, OPT_ENGINE },
    { "json", no_argument, NULL, OPT_JSON },
    { "help", no_argument, NULL, OPT_HELP },
    { NULL, 0, NULL, 0 },
};

/* -1: go on; else the exit code. */
static int take_option(void *ctx, int opt)
{
    struct request *r = ctx;
    const struct {
        int opt;
        const char **value;
    } texts[] = { { OPT_IP, &r->client_ip }, { OPT_HELO, &r->helo },         { OPT_FROM, &r->mail_from },
                  { OPT_DNS, &r->snapshot }, { OPT_RECEIVER, &r->receiver }, { OPT_ENGINE, &r->engine } };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].opt == opt) {
            *texts[i].value = optarg;
            return -1;
        }
    switch (opt) {
    case OPT_NOW:
        return cmd_fix_now(NAME, optarg) ? -1 : 2;
    case OPT_JSON:
        r->json = true;
        return -1;
    case OPT_HELP:
        help();
        return 0;
    default:
        BUG("option %d", opt);
    }
}

static int parse_arguments(struct request *r, int argc, char **argv)
{
    int code = cmd_options(NAME, "", options, take_option, r, argc, argv);
    if (code >= 0)
        return code;
    if (optind < argc)
        return cmd_usage_error(NAME, "'%s' is too much", argv[optind]);
    if (r->client_ip == NULL || (r->helo == NULL && r->mail_from == NULL))
        return cmd_usage_error(NAME, "--client-ip is needed, and --helo or --mail-from");
    if (r->engine != NULL && strcmp(r->engine, "libspf2") != 0)
        return cmd_usage_error(NAME, "engine '%s' is unknown", r->engine);
    return -1;
}

/* The address between angle brackets, as the mail server would hand it over. */
static struct str as_path(struct arena *a, const char *mail_from)
{
    return mail_from[0] == '<' ? str_of(mail_from) : str_printf(a, "<%s>", mail_from);
}

static const char *identity_name(const struct spf_result *res)
{
    return res->identity == SPF_HELO ? "helo" : "mailfrom";
}

static bool print_json(struct arena *a, const struct spf_result *res)
{
    struct json *root = js_object(a), *spf = js_add_object(root, "spf");
    js_add_text(spf, "result", str_of(auth_code_name(res->code)));
    js_add_text(spf, "domain", res->domain);
    js_add_text(spf, "identity", str_of(identity_name(res)));
    js_add_text(spf, "mechanism", res->mechanism);
    js_add_text(spf, "reason", str_of(res->reason));
    js_add_text(spf, "explanation", res->explanation);
    js_add_integer(spf, "terms", res->terms);
    js_add_integer(spf, "voids", res->voids);
    return js_write(stdout, root);
}

static bool print_text(struct arena *a, const struct spf_result *res)
{
    printf("result:       %s\n", auth_code_name(res->code));
    printf("reason:       %s\n", res->reason);
    printf("domain:       %.*s (%s%s)\n", STR_FMT(str_escape(a, res->domain, LIMIT_LOG_LINE)),
           res->identity == SPF_HELO ? "HELO" : "MAIL FROM", res->null_sender ? " is null: the HELO name" : "");
    if (res->mechanism.n > 0)
        printf("mechanism:    %.*s\n", STR_FMT(res->mechanism));
    if (res->explanation.n > 0)
        printf("explanation:  \"%.*s\" (words of the domain's owner)\n", STR_FMT(res->explanation));
    printf("limits:       %u of %d terms that ask the DNS, %u of %d lookups without an answer\n", res->terms, LIMIT_SPF_TERMS,
           res->voids, LIMIT_SPF_VOID);
    return fflush(stdout) == 0 && ferror(stdout) == 0;
}

static int evaluate(const struct request *r, struct arena *a, struct ip ip)
{
    struct spf_input in = { .client = ip,
                            .helo = str_of(r->helo),
                            .identity = r->mail_from != NULL ? SPF_MAILFROM : SPF_HELO,
                            .local = STR_NONE,
                            .domain = STR_NONE,
                            .receiver = str_of(r->receiver),
                            .now = clock_wall() };
    struct spf_result res;
    struct dns *dns = cmd_dns(NAME, r->snapshot, NULL);
    if (dns == NULL)
        return 1;
    /* What is no path stays as text without a domain, and spf_check() says so. */
    if (r->mail_from != NULL && !path_parse(a, as_path(a, r->mail_from), &in.local, &in.domain))
        in.domain = STR_NONE;
    spf_check(dns, &in, clock_ms() + LIMIT_DNS_MESSAGE_MS, a, &res);
    bool printed = r->json ? print_json(a, &res) : print_text(a, &res);
    dns_free(dns);
    return printed ? 0 : cmd_fail(NAME, "cannot write to stdout");
}

/* All the program writes, until it closes its end. False past the deadline or when it writes too much. */
static bool read_answer(int fd, struct buf *out)
{
    int64_t deadline = clock_ms() + ENGINE_MS;
    for (;;) {
        char part[4096];
        int64_t left = deadline - clock_ms();
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t n = ready > 0 ? read(fd, part, sizeof(part)) : -1;
        if (n <= 0)
            return n == 0 && !out->full;
        buf_add(out, part, (size_t)n);
    }
}

/* Starts the program with its stdout on a pipe. 0, or an errno. */
static int start_engine(const char *program, char *const argv[], pid_t *pid, int *fd)
{
    int ends[2];
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    int error = posix_spawn(pid, program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *fd = ends[0];
    if (error != 0)
        close(ends[0]);
    return error;
}

/* Runs the program to its end, or ends it. 0 with what it wrote, else the exit code after saying why. */
static int run_engine(const char *program, char *const argv[], struct buf *out)
{
    pid_t pid;
    int fd = -1, status = 0;
    int error = start_engine(program, argv, &pid, &fd);
    if (error != 0)
        return cmd_fail(NAME, "cannot run '%s': %s", program, strerror(error));
    bool complete = read_answer(fd, out);
    close(fd);
    if (!complete)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!complete)
        return cmd_fail(NAME, "libspf2 gave no answer within %d seconds, or too long a one", ENGINE_MS / 1000);
    if (WIFSIGNALED(status))
        return cmd_fail(NAME, "libspf2 was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return cmd_fail(NAME, "libspf2 program '%s' failed with exit code %d", program, WEXITSTATUS(status));
    return 0;
}

static bool print_engine(struct arena *a, const struct json *answer, bool json)
{
    struct str result = js_text(js_member(answer, "result")), explanation = js_text(js_member(answer, "explanation"));
    if (json) {
        struct json *root = js_object(a), *spf = js_add_object(root, "spf");
        js_add_text(spf, "engine", STR("libspf2"));
        js_add_text(spf, "result", result);
        js_add_text(spf, "explanation", explanation);
        return js_write(stdout, root);
    }
    printf("result:       %.*s (says libspf2)\n", STR_FMT(result));
    if (explanation.n > 0)
        printf("explanation:  \"%.*s\"\n", STR_FMT(str_escape(a, explanation, LIMIT_LOG_LINE)));
    return fflush(stdout) == 0 && ferror(stdout) == 0;
}

/* The program takes its arguments by place, see spf_libspf2.c; "" for what is not given. */
static int ask_engine(const struct request *r, struct arena *a, struct ip ip)
{
    const char *dir = getenv("MAILSEAL_LIBEXEC"), *error = NULL;
    struct str from = r->mail_from != NULL ? as_path(a, r->mail_from) : STR_NONE;
    if (from.n >= 2)
        from = (struct str){ from.p + 1, from.n - 2 };
    const char *program = str_cstr(a, str_printf(a, "%s/%s", dir != NULL ? dir : MAILSEAL_LIBEXECDIR, ENGINE_PROGRAM));
    const struct str words[] = { str_of(ENGINE_PROGRAM), ip_text(a, ip),     str_of(r->helo), from,
                                 str_of(r->receiver),    str_of(r->snapshot) };
    char *argv[sizeof(words) / sizeof(words[0]) + 1] = { 0 };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        argv[i] = arena_copy(a, str_cstr(a, words[i]), words[i].n + 1);
    struct buf out;
    buf_init(&out, a, ENGINE_OUTPUT);
    int code = run_engine(program, argv, &out);
    if (code != 0)
        return code;
    const struct json *answer = js_read(a, buf_view(&out), &error);
    if (answer == NULL || js_text(js_member(answer, "result")).n == 0)
        return cmd_fail(NAME, "libspf2 program '%s' gave no readable answer", program);
    return print_engine(a, answer, r->json) ? 0 : cmd_fail(NAME, "cannot write to stdout");
}

int cmd_spf(int argc, char **argv)
{
    struct request r = { 0 };
    struct ip ip;
    int code = parse_arguments(&r, argc, argv);
    if (code >= 0)
        return code;
    if (!ip_parse(str_of(r.client_ip), &ip))
        return cmd_usage_error(NAME, "'%s' is no IP address", r.client_ip);
    struct arena *a = arena_new();
    code = r.engine != NULL ? ask_engine(&r, a, ip) : evaluate(&r, a, ip);
    arena_free(a);
    return code;
}
