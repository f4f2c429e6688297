/*
 * reply.c - an outcome becomes what libmilter can say: header edits, quarantine, reply.
 *
 * The order of the edits is the engine's: deletions from the highest instance down, then insertions at the top, the only order
 * Postfix (which counts what is there now) and sendmail (which counts what was there) understand alike.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/buf.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"

#include "filter_int.h"

const char *macro_get(SMFICTX *ctx, const char *name)
{
    char text[32];
    snprintf(text, sizeof(text), "%s", name);
    const char *value = smfi_getsymval(ctx, text);
    return value != NULL ? value : "";
}

const char *macro_queue_id(SMFICTX *ctx)
{
    const char *id = macro_get(ctx, "i");
    return *id != '\0' ? id : "NOQUEUE";
}

/* libmilter's arguments are not const, and spans do not end in NUL. */
static char *text_of(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    memcpy(p, s.p, s.n);
    return p;
}

/* Printable ASCII; a single "%" would make the mail server drop the text. */
static char *reply_text(struct arena *a, struct str text)
{
    struct buf b;
    buf_init(&b, a, 2 * LIMIT_REPLY);
    for (size_t i = 0; i < text.n && i < LIMIT_REPLY; i++) {
        char c = text.p[i];
        if (c == '%')
            buf_puts(&b, "%%");
        else
            buf_char(&b, c >= 0x20 && c <= 0x7e ? c : '?');
    }
    return text_of(a, buf_view(&b));
}

/* One line, or as many as a decision can have; libmilter puts both codes before each. */
static int set_reply(SMFICTX *ctx, struct arena *a, char *code, char *xcode, struct str text)
{
    char *line[POLICY_REPLY_LINES] = { 0 };
    struct str one;
    bool more = true;
    for (size_t i = 0; i < POLICY_REPLY_LINES && more; i++) {
        more = str_cut(text, '\n', &one, &text);
        line[i] = reply_text(a, one);
    }
    if (line[1] == NULL)
        return smfi_setreply(ctx, code, xcode, line[0]);
    return smfi_setmlreply(ctx, code, xcode, line[0], line[1], line[2], (char *)NULL);
}

/* A reply that libmilter refuses leaves the mail server's own text for the verdict, which stands. */
void reply_set(SMFICTX *ctx, int code, const char *xcode, struct str text)
{
    struct arena *a = arena_new();
    char digits[16];
    snprintf(digits, sizeof(digits), "%d", code);
    if (set_reply(ctx, a, digits, text_of(a, str_of(xcode)), text) != MI_SUCCESS)
        log_warning("%s: reply '%d %s' refused by libmilter, the mail server's own is used", macro_queue_id(ctx), code, xcode);
    arena_free(a);
}

static sfsistat refuse(SMFICTX *ctx, const struct policy_decision *d, sfsistat verdict)
{
    if (d->code != 0)
        reply_set(ctx, d->code, d->xcode, d->text);
    return verdict;
}

/* Without SMFIP_HDR_LEADSPC the mail server puts the space behind the colon itself. */
static bool edit_apply(SMFICTX *ctx, const struct session *s, const struct edit *e)
{
    struct arena *a = arena_new();
    struct str value = e->value;
    int r;
    if ((s->steps & SMFIP_HDR_LEADSPC) == 0 && value.n > 0 && value.p[0] == ' ')
        value = str_skip(value, 1);
    if (e->op == EDIT_DELETE)
        r = smfi_chgheader(ctx, text_of(a, e->name), (int)e->index, NULL);
    else
        r = smfi_insheader(ctx, (int)e->index, text_of(a, e->name), text_of(a, value));
    arena_free(a);
    return r == MI_SUCCESS;
}

/* A mail server that cannot hold messages delivers them; the header field we add still says what was decided. */
static bool hold(SMFICTX *ctx, const struct session *s, const struct outcome *o)
{
    static atomic_flag warned = ATOMIC_FLAG_INIT;
    char reason[LIMIT_REPLY];
    if ((s->actions & SMFIF_QUARANTINE) == 0) {
        if (!atomic_flag_test_and_set(&warned))
            log_warning("%s: the mail server has no quarantine: such messages are only labelled", macro_queue_id(ctx));
        return true;
    }
    snprintf(reason, sizeof(reason), "mailseal: policy %s, rule %s", o->policy_name, o->decision.rule);
    return smfi_quarantine(ctx, reason) == MI_SUCCESS;
}

sfsistat outcome_apply(SMFICTX *ctx, const struct session *s, const struct outcome *o)
{
    if (o->decision.action == ACTION_REJECT)
        return refuse(ctx, &o->decision, SMFIS_REJECT);
    if (o->decision.action == ACTION_TEMPFAIL)
        return refuse(ctx, &o->decision, SMFIS_TEMPFAIL);
    if (o->decision.action == ACTION_DISCARD)
        return SMFIS_DISCARD;
    bool done = true;
    for (size_t i = 0; done && i < o->n_edits; i++)
        done = edit_apply(ctx, s, &o->edits[i]);
    if (done && o->held)
        done = hold(ctx, s, o);
    if (done)
        return SMFIS_CONTINUE;
    log_error("%s: the mail server took not all changes, message deferred", macro_queue_id(ctx));
    return SMFIS_TEMPFAIL;
}
