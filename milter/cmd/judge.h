/* judge.h - what `mailseal check` and `mailseal explain` share: their options, and one message through the calls of the filter. */
#ifndef MAILSEAL_JUDGE_H
#define MAILSEAL_JUDGE_H

#include "mailseal/engine.h"

/* ---- the options both have; NULL: not given ---- */
struct judge_options {
    const char *client_ip, *helo, *mail_from, *auth, *daemon, *queue_id, *snapshot, *record, *conf_path, *file;
    struct str *rcpt;
    size_t n_rcpt;
    bool json;
};
/* Fills o; -1 to go on, else the exit code. */
int judge_options_read(struct judge_options *o, struct arena *a, const char *name, void (*help)(void), int argc, char **argv);
/* The part of a help text about them. */
void judge_options_help(void);

/* ---- the message ---- */
/* What the mail server would say of a message. */
struct judge_input {
    struct ip client;
    struct str helo, mail_from, auth_user;
    bool authenticated;
    struct headers headers; /* overflow: fields were lost */
    struct str body;
};

struct judge {
    const char *name; /* of the command, for its errors */
    const struct judge_options *options;
    struct env *env;
    struct dns *recorder; /* of env; NULL: not asked for */
    struct conf *conf;
    struct conn *conn;
    struct msg *msg;
    const struct outcome *outcome;
};
/* Reads the configuration, and opens the DNS; `keep` keeps its answers. False after printing why. */
bool judge_open(struct judge *j, const char *name, const struct judge_options *o, bool keep);
/* Fills headers and body from the options' file. False after printing why. */
bool judge_read(struct judge *j, struct arena *a, struct judge_input *in);
void judge_message(struct judge *j, const struct judge_input *in);
/* Writes what --record asks for. The exit code. */
int judge_close(struct judge *j, bool printed);

/* ---- trace.c: what the message's own trace fields say of how it came ---- */
struct trace {
    size_t fields;     /* how many fields from the top were added on this side: all down to the one that names the client */
    const char *field; /* which one that is, "Received field number 2" */
    struct ip client;
    struct str helo;
    bool authenticated;
    struct str sender; /* "<ann@good.example>", "<>" */
    const char *sender_field;
    const char *client_error; /* why there is no client; NULL: there is one */
    const char *sender_error; /* the same */
};
/* The client is that of the topmost Received field that no host of ours handed over. */
void trace_read(struct arena *a, const struct headers *h, const struct conf *conf, struct trace *out);

#endif
