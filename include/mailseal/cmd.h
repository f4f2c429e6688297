/*
 * cmd.h - the subcommands. Each is `int cmd_x(int argc, char **argv)`: argv[0] is its own name; parse arguments, call the engine
 * or a room, print to stdout, explain errors on stderr. Exit codes: 0 done, 1 it could not be done (the reason is on stderr), 2
 * wrong usage.
 */
#ifndef MAILSEAL_CMD_H
#define MAILSEAL_CMD_H

#include "mailseal/conf.h"
#include "mailseal/dns.h"

int cmd_milter(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_spf(int argc, char **argv);
int cmd_dmarc(int argc, char **argv);
int cmd_sign(int argc, char **argv);
int cmd_key(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_config(int argc, char **argv);

/* "mailseal NAME: message" on stderr; usage_error() adds the hint to --help. They return the exit code 1 or 2. */
int cmd_fail(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int cmd_usage_error(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Hands each option of getopt_long() to take, which gives -1 to go on, else the exit code. One that is unknown or lacks its value
 * is a usage error. -1: optind is at what follows them. */
struct option;
int cmd_options(const char *name, const char *letters, const struct option *options, int (*take)(void *ctx, int opt), void *ctx,
                int argc, char **argv);

/* DNS for a command: the snapshot file when `snapshot` is not NULL, else what conf says (nameservers, dns-snapshot; conf may be
 * NULL), else /etc/resolv.conf. NULL after printing why. */
struct dns *cmd_dns(const char *name, const char *snapshot, const struct conf *conf);

/* Reads a message from a file, or from stdin for "-". One whose first line ends in LF alone is given CRLF line ends throughout
 * (*lf, if not NULL, says so): files are kept like that, SMTP is not. False after printing why. */
bool cmd_read_message(const char *name, struct arena *a, const char *file, struct str *message, bool *lf);

/* Adds "profiles" to an explanation: what each shipped profile would do with its "facts" (see explain_print()). */
struct json;
void cmd_add_profiles(struct json *doc, struct arena *a);

/* The journal to read: `journal` when it is not NULL, else that of the configuration. In the arena. NULL after printing why. */
const char *cmd_journal(const char *name, struct arena *a, const char *journal, const char *conf_path);

/* "2026-05-28 20:26:40", in UTC. */
const char *cmd_time(struct arena *a, int64_t seconds);

/* --now UNIX: fixes the clock. False after printing why. */
bool cmd_fix_now(const char *name, const char *arg);

#endif
