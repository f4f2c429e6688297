/*
 * msg.c - a message from MAIL to its outcome.
 *
 * A new message is a new struct: nothing can be carried over from the one before. Each call says the stages it is legal in; the
 * filter sees to it that a mail server cannot bring them out of order.
 */
#include "mailseal/clock.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"

#include "engine_int.h"

struct msg *msg_new(struct conn *c, const struct msg_info *info)
{
    struct arena *a = arena_new();
    struct msg *m = ARENA_NEW(a, struct msg);
    m->arena = a;
    m->env = c->env;
    m->conf = env_conf(c->env);
    m->client = c->ip;
    m->helo = str_dup(a, (struct str){ c->helo, c->helo_n });
    m->now = clock_wall();
    m->started = clock_ms();
    env_note_day(m->env, m->conf, m->now);
    /* A path that does not parse has all its text in local: SPF has no domain to check and says so. */
    struct str path = str_dup(a, str_first(info->mail_from, LIMIT_ADDRESS));
    if (!path_parse(a, path, &m->local, &m->domain))
        m->domain = STR_NONE;
    m->auth_user = str_dup(a, str_first(info->auth_user, LIMIT_ADDRESS));
    m->authenticated = info->authenticated;
    m->rewrites = info->rewrites;
    m->body_8bit = info->body_8bit;
    m->utf8 = info->utf8;
    m->daemon = str_dup(a, str_first(info->daemon, LIMIT_MACRO));
    m->class = client_class(m->conf, c->ip, info->local);
    m->exempt_reason = client_exemption(m->class, info->authenticated);
    headers_init(&m->headers, a);
    record_begin(m);
    if (m->exempt_reason == NULL && m->class != CLIENT_RELAY)
        checks_start_client(m);
    return m;
}

static void expect_stage(const struct msg *m, bool legal, const char *call)
{
    if (!legal)
        BUG("%s in stage %d of a message", call, (int)m->stage);
}

/* Keeps a domain that is not there yet. Those beyond the limit are none that we know. */
static void keep_domain(struct msg *m, struct str domain)
{
    if (m->n_rcpt_domains >= LIMIT_RCPT_DOMAINS)
        domain = STR_NONE;
    for (size_t i = 0; i < m->n_rcpt_domains; i++)
        if (str_eq(m->rcpt_domain[i], domain))
            return;
    if (m->rcpt_domain == NULL)
        m->rcpt_domain = ARENA_ARRAY(m->arena, struct str, LIMIT_RCPT_DOMAINS + 1);
    m->rcpt_domain[m->n_rcpt_domains++] = str_dup(m->arena, domain);
}

void msg_rcpt(struct msg *m, struct str rcpt)
{
    expect_stage(m, m->stage == MSG_ENVELOPE, "msg_rcpt");
    m->recipients++;
    /* The policy that a replay asks may be another one. */
    if (!policy_asks_recipient(m->conf->policy) && m->notes == NULL)
        return;
    struct arena *a = arena_new();
    struct str local, domain;
    keep_domain(m, path_parse(a, str_first(rcpt, LIMIT_ADDRESS), &local, &domain) ? domain : STR_NONE);
    arena_free(a);
}

void msg_queue_id(struct msg *m, struct str id)
{
    expect_stage(m, m->stage <= MSG_BODY, "msg_queue_id");
    m->queue_id = str_dup(m->arena, str_first(id, LIMIT_MACRO));
}

void msg_header(struct msg *m, struct str name, struct str value)
{
    expect_stage(m, m->stage <= MSG_HEADER, "msg_header");
    m->stage = MSG_HEADER;
    edits_note_field(m, str_trim(name), value);
    if (!m->headers.overflow && !headers_add(&m->headers, name, value))
        log_debug("header section beyond our limits");
}

void msg_headers_lost(struct msg *m)
{
    expect_stage(m, m->stage <= MSG_HEADER, "msg_headers_lost");
    m->headers.overflow = true;
}

void msg_eoh(struct msg *m)
{
    expect_stage(m, m->stage <= MSG_HEADER, "msg_eoh");
    m->stage = MSG_BODY;
    checks_start(m);
}

bool msg_body(struct msg *m, const void *p, size_t n)
{
    expect_stage(m, m->stage == MSG_BODY, "msg_body");
    dkim_body_update(m->body, p, n);
    if (m->n_sign > 0)
        text_scan_update(&m->scan, p, n);
    return !dkim_body_done(m->body);
}

/* What is left undone by a failure of ours is tried again later by the sender. */
static void fail_for_now(struct outcome *o)
{
    o->decision = (struct policy_decision){ .action = ACTION_TEMPFAIL,
                                            .rule = "internal failure",
                                            .code = 451,
                                            .xcode = "4.3.0",
                                            .text = STR("Temporary local problem, please try again later") };
    o->held = false;
    o->label = NULL;
    o->n_edits = 0;
}

/* What the mail server said, for those who read the outcome. */
static void describe(struct msg *m)
{
    struct outcome *o = &m->outcome;
    o->class = m->class;
    o->helo_name = m->helo;
    o->sender_domain = m->domain;
    o->null_sender = m->local.n == 0 && m->domain.n == 0;
    o->recipients = m->recipients;
}

const struct outcome *msg_eom(struct msg *m)
{
    expect_stage(m, m->stage == MSG_BODY, "msg_eom");
    m->stage = MSG_DONE;
    dkim_body_finish(m->body);
    checks_join(m);
    describe(m);
    outage_count(m);
    outcome_decide(m);
    if (edits_make(m))
        fragile_note(m);
    else
        fail_for_now(&m->outcome);
    m->outcome.ms = clock_ms() - m->started;
    return &m->outcome;
}

void msg_free(struct msg *m)
{
    if (m == NULL)
        return;
    checks_drop(m);
    conf_unref(m->conf);
    arena_free(m->arena);
}

const struct conf *msg_conf(const struct msg *m)
{
    return m->conf;
}
