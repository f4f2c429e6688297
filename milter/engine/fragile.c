/*
 * fragile.c - what may break our signatures on the way (RFC 6376 5.3), found before it happens.
 *
 * Address fields that Sendmail rewrites after us are left out of the signature, so that it holds; From cannot be. The rest is said
 * in the log, at most once a minute for each kind: what a site can do about it concerns its clients or its mail server.
 */
#include "mailseal/buf.h"
#include "mailseal/log.h"

#include "engine_int.h"

#define WARN_AFTER 60 /* seconds */

static bool is_untidy(const struct headers *h, struct str name, bool exact)
{
    for (size_t i = 0; i < h->n; i++)
        if (str_ieq(h->v[i].name, name) && !address_list_is_tidy(h->v[i].value, exact))
            return true;
    return false;
}

static const char *const names[FRAGILE_FIELDS] = { "Sender",      "Reply-To",      "To",        "Cc",
                                                   "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc" };

size_t fragile_fields(struct msg *m, enum dkim_canon canon, struct str *out)
{
    size_t n = 0;
    for (size_t i = 0; m->rewrites && i < FRAGILE_FIELDS; i++) {
        if (!is_untidy(&m->headers, str_of(names[i]), canon == DKIM_CANON_SIMPLE))
            continue;
        out[n++] = str_of(names[i]);
        m->left_out[i] = true;
    }
    return n;
}

static struct str left_out_text(const struct msg *m)
{
    struct buf text;
    buf_init(&text, m->arena, LIMIT_LOG_LINE);
    for (size_t i = 0; i < FRAGILE_FIELDS; i++)
        if (m->left_out[i])
            buf_printf(&text, "%s%s", text.n > 0 ? "," : "", names[i]);
    return buf_view(&text);
}

/* ---- what is said ---- */

struct notes {
    struct msg *msg;
    struct buf text;
};

/* True when it is time to say it again; what is said stands behind what has been. */
static bool may_say(struct notes *n, enum fragile kind)
{
    atomic_llong *warned = &env_sign_watch(n->msg->env)->warned[kind];
    long long last = atomic_load(warned);
    if (n->msg->now - last < WARN_AFTER || !atomic_compare_exchange_strong(warned, &last, n->msg->now))
        return false;
    if (n->text.n > 0)
        buf_puts(&n->text, "; ");
    return true;
}

static void say(struct notes *n, enum fragile kind, bool found, const char *what)
{
    if (found && may_say(n, kind))
        buf_puts(&n->text, what);
}

static void say_line(struct notes *n, enum fragile kind, size_t length, const char *where)
{
    if (length > 0 && may_say(n, kind))
        buf_printf(&n->text, "line of %zu bytes in the %s: mail servers may break it", length, where);
}

static void scan_header(const struct headers *h, struct text_scan *scan)
{
    *scan = (struct text_scan){ 0 };
    for (size_t i = 0; i < h->n; i++) {
        text_scan_update(scan, h->v[i].raw.p, h->v[i].raw.n);
        text_scan_update(scan, "\r\n", 2);
    }
}

/* A list that the site has made names the field. */
static bool is_listed(const struct msg *m, struct str name)
{
    for (size_t i = 0; i < m->n_sign; i++) {
        const struct strings *list = &m->sign[i].how->fields;
        for (size_t k = 0; m->sign[i].sign != NULL && k < list->n; k++)
            if (str_ieq(str_of(list->v[k]), name))
                return true;
    }
    return false;
}

/* From is signed in any form, and so is what is listed. */
static bool signs_untidy(const struct msg *m)
{
    bool untidy = m->rewrites && is_untidy(&m->headers, STR("From"), false);
    for (size_t i = 0; m->rewrites && !untidy && i < FRAGILE_FIELDS; i++)
        untidy = is_listed(m, str_of(names[i])) && is_untidy(&m->headers, str_of(names[i]), false);
    return untidy;
}

void fragile_note(struct msg *m)
{
    struct notes n = { .msg = m };
    struct text_scan header;
    if (m->outcome.n_signatures == 0)
        return;
    m->outcome.left_out = left_out_text(m);
    buf_init(&n.text, m->arena, LIMIT_LOG_LINE);
    scan_header(&m->headers, &header);
    say_line(&n, FRAGILE_BODY_LINE, text_scan_longest(&m->scan), "body");
    say_line(&n, FRAGILE_HEADER_LINE, text_scan_longest(&header), "header");
    say(&n, FRAGILE_BODY_8BIT, m->scan.eight_bit && !m->body_8bit,
        "8-bit text in the body, not declared (BODY=8BITMIME): mail servers may recode it");
    say(&n, FRAGILE_HEADER_8BIT, header.eight_bit && !m->utf8,
        "8-bit text in the header without SMTPUTF8: mail servers may recode it");
    say(&n, FRAGILE_NUL, m->scan.nul || header.nul, "NUL byte: mail servers may take it out");
    say(&n, FRAGILE_ADDRESS, signs_untidy(m), "address field in a form that Sendmail may rewrite");
    if (n.text.n > 0)
        m->outcome.fragile = str_cstr(m->arena, buf_view(&n.text));
}
