/* filter_int.h - what the files of the filter room share. */
#ifndef MAILSEAL_FILTER_INT_H
#define MAILSEAL_FILTER_INT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>

#include "mailseal/engine.h"

#define LIMIT_PROGRESS_MS    3000 /* a waiting mail server hears from us this often: sendmail gives one reply 10 s by default */
#define LIMIT_REPLY_MS       250  /* after the last message: libmilter writes a reply only when the callback has returned */
#define LIMIT_LISTENER_FDS   64   /* descriptors looked at to find the one libmilter listens on */
#define LIMIT_NOTIFY         128  /* bytes of one message to the service manager */
#define LIMIT_FILTER_BACKLOG 1024 /* connections the kernel holds until libmilter accepts them */

/* Where a message stands; bits, so that a command can name the stages it may come in. */
enum stage {
    STAGE_NONE = 1, /* no message */
    STAGE_MAIL = 2,
    STAGE_RCPT = 4,
    STAGE_HEADER = 8,
    STAGE_BODY = 16,  /* from end of header on */
    STAGE_SPOILT = 32 /* a command came out of order: until the next MAIL the only answer is "try again" */
};

/* One connection of a mail server, from negotiation to close. Behind smfi_setpriv: a session hops between threads. */
struct session {
    unsigned long actions, steps; /* negotiated SMFIF_ and SMFIP_ bits */
    struct conn *conn;            /* NULL until the client is known */
    struct msg *msg;              /* NULL between messages */
    enum stage stage;
    bool local; /* the client sits on this machine and did not come by network */
    struct arena *arena;
};

/* ---- milter.c ---- */
/* Tells libmilter our callbacks. False when libmilter refuses. */
bool milter_register(void);
/* What the callbacks work with; before the first connection. */
void milter_use(struct env *env);
/* From now on MAIL is answered "try again": the process is about to end. */
void milter_refuse_new(void);
/* True when no message is in work and the last reply has been written. */
bool milter_is_quiet(void);

/* ---- reply.c ---- */
/* The value of a macro, "" when the mail server did not send it. Valid in this callback. */
const char *macro_get(SMFICTX *ctx, const char *name);
/* The queue id for the log. Postfix has none before the first recipient. */
const char *macro_queue_id(SMFICTX *ctx);
/* Sets the reply that goes with the SMFIS_REJECT or SMFIS_TEMPFAIL the caller is about to return. */
void reply_set(SMFICTX *ctx, int code, const char *xcode, struct str text);
/* Does to the message what was decided: edits, quarantine, reply. The value is for end of message to return. */
sfsistat outcome_apply(SMFICTX *ctx, const struct session *s, const struct outcome *o);

/* ---- progress.c ---- */
/* A message that waits at end of message; lives on the stack of that callback. */
struct progress {
    SMFICTX *ctx;
    int64_t due;
    struct progress *prev, *next;
};
/* Starts the thread that tells waiting mail servers that we are still at work. False when there is no thread to be had. */
bool progress_start(void);
void progress_enter(struct progress *p, SMFICTX *ctx);
void progress_leave(struct progress *p);

/* ---- listener.c ---- */
struct listener {
    char *spec;       /* libmilter form */
    const char *path; /* of a unix socket; else NULL */
    int fd;
};
/* Makes the socket, after milter_register(). mode, uid and gid are for a unix socket; an id of -1 leaves it as it is. False with a
 * reason in the arena. */
bool listener_open(struct listener *l, struct arena *a, const char *spec, mode_t mode, uid_t uid, gid_t gid, const char **error);
/* No more connections; those that are there go on. */
void listener_close(struct listener *l);

/* ---- process.c ---- */
/* Who the daemon is to be. */
struct identity {
    const char *user; /* "" : stay who we are */
    uid_t uid;        /* (uid_t)-1 and (gid_t)-1: not given */
    gid_t gid;
};
bool identity_find(struct identity *id, struct arena *a, const char *user, const char *group, const char **error);
/* Gives up root for good. False with a reason; the process must not go on then. */
bool identity_become(const struct identity *id, struct arena *a, const char **error);
/* Descriptors 0 to 2, core dumps, limits, thread stacks. */
void process_prepare(void);
/* Keeps other processes and core files away from our memory, and all of it, also what is allocated later, off the swap device; a
 * warning where that is not allowed. As whom the daemon remains. */
void process_guard_memory(void);
/* Tells the service manager (sd_notify(3)) when there is one. */
void process_notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
