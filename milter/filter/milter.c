/*
 * milter.c - the callbacks of libmilter: each hands what the mail server says to the engine and answers.
 *
 * libmilter checks most of the order of commands and simply passes over what cannot come; the rest is checked here, because for the
 * engine a call out of order is a mistake of the program. No callback for what is not needed (DATA, unknown commands).
 */
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "mailseal/arena.h"
#include "mailseal/buf.h"
#include "mailseal/clock.h"
#include "mailseal/ip.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"
#include "mailseal/engine.h"

#include "filter_int.h"

#define ACTIONS_NEEDED (SMFIF_ADDHDRS | SMFIF_CHGHDRS)
#define ACTIONS_WANTED (ACTIONS_NEEDED | SMFIF_QUARANTINE | SMFIF_SETSYMLIST)
/* Not SMFIP_NR_BODY: it excludes SKIP, and libmilter loses the end of message when its packet carries body and we are silent. */
#define STEPS_WANTED                                                                                                               \
    (SMFIP_HDR_LEADSPC | SMFIP_SKIP | SMFIP_NOUNKNOWN | SMFIP_NODATA | SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_RCPT |             \
     SMFIP_NR_HDR | SMFIP_NR_EOH)

/* libmilter's callbacks carry no pointer of ours before smfi_setpriv(), so this one way in is static. */
static struct {
    struct env *env;
    atomic_llong in_work;    /* messages from MAIL to end, abort or close */
    _Atomic int64_t last_ms; /* when the last of them ended */
    atomic_bool refusing;
} filter;

static void message_end(struct session *s)
{
    if (s->msg != NULL) {
        msg_free(s->msg);
        atomic_store(&filter.last_ms, clock_ms());
        atomic_fetch_sub(&filter.in_work, 1);
    }
    s->msg = NULL;
    s->stage = STAGE_NONE;
}

/* What we answer where the mail server may have been promised silence; libmilter answers for us where it cannot be silent. */
static sfsistat answer(const struct session *s, unsigned long silence, bool ok)
{
    if (s != NULL && (s->steps & silence) != 0)
        return SMFIS_NOREPLY;
    return ok ? SMFIS_CONTINUE : SMFIS_TEMPFAIL;
}

/* Takes the message on to `next` if it stands in one of the stages of `from`. Else nothing can be said about it but "try again". */
static bool step(struct session *s, unsigned from, enum stage next, const char *command)
{
    if (s != NULL && (s->stage & from) != 0) {
        s->stage = next;
        return true;
    }
    if (s == NULL || s->stage != STAGE_SPOILT)
        log_error("the mail server sent %s out of order", command);
    if (s != NULL) {
        message_end(s);
        s->stage = STAGE_SPOILT;
    }
    return false;
}

/* v says which mail server it is. {mail_addr} keeps the list from being empty: for an empty one Postfix's packet says nothing, and
 * libmilter would go on showing the {auth_type} of the message before. libmilter before 8.17.2 swaps the last two stages, so both
 * ask for the queue id. */
static void ask_for_macros(SMFICTX *ctx)
{
    char mail[] = "i v {auth_type} {auth_authen} {daemon_name} {mail_addr}", end[] = "i";
    if (smfi_setsymlist(ctx, SMFIM_ENVFROM, mail) != MI_SUCCESS || smfi_setsymlist(ctx, SMFIM_EOH, end) != MI_SUCCESS ||
        smfi_setsymlist(ctx, SMFIM_EOM, end) != MI_SUCCESS)
        log_warning("libmilter takes no list of macros, the mail server's own is used");
}

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long unused2, unsigned long unused3,
                             unsigned long *want_actions, unsigned long *want_steps, unsigned long *want2, unsigned long *want3)
{
    (void)unused2, (void)unused3;
    if ((actions & ACTIONS_NEEDED) != ACTIONS_NEEDED) {
        log_error("the mail server does not allow to add and delete header fields, session refused");
        return SMFIS_REJECT;
    }
    struct arena *a = arena_new();
    struct session *s = ARENA_NEW(a, struct session);
    *s = (struct session){ .arena = a, .stage = STAGE_NONE, .actions = actions & ACTIONS_WANTED, .steps = steps & STEPS_WANTED };
    *want_actions = s->actions, *want_steps = s->steps, *want2 = 0, *want3 = 0;
    if ((s->actions & SMFIF_SETSYMLIST) != 0)
        ask_for_macros(ctx);
    (void)smfi_setpriv(ctx, s);
    return SMFIS_CONTINUE;
}

/* Postfix shows sendmail(1) and its own mail as coming from port 0 of the loopback address, which no network client has. A client
 * of an unknown family is an outsider. */
static bool is_local(const struct sockaddr *sa)
{
    struct sockaddr_in in;
    if (sa == NULL || sa->sa_family != AF_INET)
        return sa != NULL && sa->sa_family == AF_UNIX;
    memcpy(&in, sa, sizeof(in));
    return in.sin_port == 0 && in.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
}

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *addr)
{
    (void)host;
    struct session *s = smfi_getpriv(ctx);
    bool ok = s != NULL && s->conn == NULL;
    if (ok) {
        s->conn = conn_new(filter.env, ip_of_sockaddr(addr));
        s->local = is_local(addr);
    }
    return answer(s, SMFIP_NR_CONN, ok);
}

static sfsistat on_helo(SMFICTX *ctx, char *helo)
{
    struct session *s = smfi_getpriv(ctx);
    bool ok = s != NULL && s->conn != NULL;
    if (ok) {
        message_end(s);
        conn_helo(s->conn, str_of(helo));
    }
    return answer(s, SMFIP_NR_HELO, ok);
}

/* Counts the message in, or says why not. Counting first: a message that is in is seen by whoever refuses new ones. */
static const char *count_in(void)
{
    struct conf *c = env_conf(filter.env);
    bool fits = atomic_fetch_add(&filter.in_work, 1) < c->max_messages, refusing = atomic_load(&filter.refusing);
    conf_unref(c);
    if (fits && !refusing)
        return NULL;
    atomic_fetch_sub(&filter.in_work, 1);
    return refusing ? "Mail filter is restarting, try again later" : "Too many messages at once, try again later";
}

static sfsistat later(SMFICTX *ctx, const char *why)
{
    reply_set(ctx, 451, "4.3.2", str_of(why));
    return SMFIS_TEMPFAIL;
}

/* One of the ESMTP arguments behind the address. */
static bool has_argument(char **argv, const char *argument)
{
    for (size_t i = 1; argv[i] != NULL; i++)
        if (str_ieq(str_of(argv[i]), str_of(argument)))
            return true;
    return false;
}

static void message_begin(SMFICTX *ctx, struct session *s, char **argv)
{
    const char *type = macro_get(ctx, "{auth_type}"), *user = macro_get(ctx, "{auth_authen}");
    struct msg_info info = {
        .mail_from = str_of(argv[0]),
        .auth_user = str_of(user),
        .daemon = str_of(macro_get(ctx, "{daemon_name}")),
        .authenticated = *type != '\0' || *user != '\0',
        .local = s->local,
        /* All but Postfix: for one that does not say who it is, a field too few is signed rather than one too many. */
        .rewrites = !str_istarts(str_of(macro_get(ctx, "v")), STR("Postfix")),
        .body_8bit = has_argument(argv, "BODY=8BITMIME"),
        .utf8 = has_argument(argv, "SMTPUTF8"),
    };
    s->msg = msg_new(s->conn, &info);
    s->stage = STAGE_MAIL;
}

/* A message refused at MAIL or DATA ends without an abort: the next MAIL ends it. */
static sfsistat on_mail(SMFICTX *ctx, char **argv)
{
    struct session *s = smfi_getpriv(ctx);
    if (s != NULL)
        message_end(s);
    if (s == NULL || s->conn == NULL) {
        step(s, 0, STAGE_NONE, "MAIL");
        return SMFIS_TEMPFAIL;
    }
    const char *why_not = count_in();
    if (why_not != NULL)
        return later(ctx, why_not);
    message_begin(ctx, s, argv);
    return SMFIS_CONTINUE;
}

static sfsistat on_rcpt(SMFICTX *ctx, char **argv)
{
    struct session *s = smfi_getpriv(ctx);
    bool ok = step(s, STAGE_MAIL | STAGE_RCPT, STAGE_RCPT, "RCPT");
    if (ok)
        msg_rcpt(s->msg, str_of(argv[0]));
    return answer(s, SMFIP_NR_RCPT, ok);
}

/* Without SMFIP_HDR_LEADSPC the mail server has eaten the space behind the colon, if there was one: nearly always. */
static void add_with_space(struct msg *m, const char *name, const char *value)
{
    struct arena *a = arena_new();
    struct buf b;
    buf_init(&b, a, LIMIT_MILTER_PACKET + 1);
    buf_char(&b, ' ');
    buf_puts(&b, value);
    msg_header(m, str_of(name), buf_view(&b));
    arena_free(a);
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
    struct session *s = smfi_getpriv(ctx);
    bool ok = step(s, STAGE_RCPT | STAGE_HEADER, STAGE_HEADER, "a header field");
    if (ok && (s->steps & SMFIP_HDR_LEADSPC) != 0)
        msg_header(s->msg, str_of(name), str_of(value));
    else if (ok)
        add_with_space(s->msg, name, value);
    return answer(s, SMFIP_NR_HDR, ok);
}

static sfsistat on_eoh(SMFICTX *ctx)
{
    struct session *s = smfi_getpriv(ctx);
    bool ok = step(s, STAGE_RCPT | STAGE_HEADER, STAGE_BODY, "end of header");
    if (ok)
        msg_eoh(s->msg);
    return answer(s, SMFIP_NR_EOH, ok);
}

/* A chunk that is not full is the last one: there SKIP saves nothing, and libmilter must not get it for body that comes in the same
 * packet as end of message. */
static sfsistat on_body(SMFICTX *ctx, unsigned char *p, size_t n)
{
    struct session *s = smfi_getpriv(ctx);
    if (!step(s, STAGE_BODY, STAGE_BODY, "body"))
        return SMFIS_TEMPFAIL;
    if (msg_body(s->msg, p, n) || n < MILTER_CHUNK_SIZE || (s->steps & SMFIP_SKIP) == 0)
        return SMFIS_CONTINUE;
    return SMFIS_SKIP;
}

static sfsistat on_eom(SMFICTX *ctx)
{
    struct session *s = smfi_getpriv(ctx);
    struct progress waiting;
    if (!step(s, STAGE_BODY, STAGE_NONE, "end of message"))
        return SMFIS_TEMPFAIL;
    msg_queue_id(s->msg, str_of(macro_get(ctx, "i")));
    progress_enter(&waiting, ctx);
    const struct outcome *o = msg_eom(s->msg);
    progress_leave(&waiting);
    log_info("%s", msg_log_line(s->msg, str_of(macro_queue_id(ctx))));
    if (o->fragile != NULL)
        log_warning("%s: signed, but this may break on the way: %s", macro_queue_id(ctx), o->fragile);
    msg_journal(s->msg);
    sfsistat verdict = outcome_apply(ctx, s, o);
    message_end(s);
    return verdict;
}

/* Comes at any time, and twice. */
static sfsistat on_abort(SMFICTX *ctx)
{
    struct session *s = smfi_getpriv(ctx);
    if (s != NULL)
        message_end(s);
    return SMFIS_CONTINUE;
}

static sfsistat on_close(SMFICTX *ctx)
{
    struct session *s = smfi_getpriv(ctx);
    if (s == NULL)
        return SMFIS_CONTINUE;
    message_end(s);
    if (s->conn != NULL)
        conn_free(s->conn);
    (void)smfi_setpriv(ctx, NULL);
    arena_free(s->arena);
    return SMFIS_CONTINUE;
}

bool milter_register(void)
{
    char name[] = "mailseal";
    struct smfiDesc callbacks = {
        .xxfi_name = name,
        .xxfi_version = SMFI_VERSION,
        .xxfi_flags = ACTIONS_WANTED,
        .xxfi_connect = on_connect,
        .xxfi_helo = on_helo,
        .xxfi_envfrom = on_mail,
        .xxfi_envrcpt = on_rcpt,
        .xxfi_header = on_header,
        .xxfi_eoh = on_eoh,
        .xxfi_body = on_body,
        .xxfi_eom = on_eom,
        .xxfi_abort = on_abort,
        .xxfi_close = on_close,
        .xxfi_negotiate = on_negotiate,
    };
    return smfi_register(callbacks) == MI_SUCCESS;
}

void milter_use(struct env *env)
{
    filter.env = env;
}

void milter_refuse_new(void)
{
    atomic_store(&filter.refusing, true);
}

bool milter_is_quiet(void)
{
    return atomic_load(&filter.in_work) == 0 && clock_ms() - atomic_load(&filter.last_ms) >= LIMIT_REPLY_MS;
}
