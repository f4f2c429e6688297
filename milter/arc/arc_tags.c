/*
 * arc_tags.c - the tags of an ARC-Message-Signature (RFC 8617 4.1.2) and of an ARC-Seal (4.1.3).
 *
 * The first is a DKIM-Signature (RFC 6376 3.5) in which i= is the instance and v= means nothing; the second knows only a few of
 * these tags. The values are read in dkim_sig.c. Instances and the order of the sets are left to arc_chain.c.
 */
#include "mailseal/arena.h"

#include "arc_int.h"

static const char *const key_tags[] = { "a", "d", "s", "b", NULL };
static const char *const message_tags[] = { "bh", "c", "l", "q", "t", "x", NULL };
static const char *const seal_tags[] = { "t", NULL };

/* Every failure of a chain is the same (RFC 8617 5.2.1). */
static void refuse(struct dkim_sig *s, const char *reason)
{
    dkim_sig_refuse(s, AUTH_FAIL, reason);
}

/* RFC 8617 4.1.2: ARC-Seal must not be covered. The other fields that should not be are, by sealers that are met. An empty list
 * is accepted, and From is not asked for: it is the seal that vouches for the set. */
static void read_fields(struct arena *a, const struct taglist *list, struct dkim_sig *s)
{
    struct str v;
    if (!taglist_get(list, "h", &v)) {
        refuse(s, "no h= tag");
        return;
    }
    if (v.n > 0)
        dkim_sig_read_names(a, v, s);
    for (size_t i = 0; i < s->n_names; i++)
        if (str_ieq(s->names[i], STR(ARC_AS_NAME)))
            refuse(s, "h= names ARC-Seal");
}

/* RFC 8617 4.2.1 chain-status: without %s, so in any case of letters (RFC 5234 2.3). */
static enum auth_code read_status(const struct taglist *list, struct dkim_sig *s)
{
    struct str v;
    if (!taglist_get(list, "cv", &v))
        refuse(s, "no cv= tag");
    else if (str_ieq(v, STR("pass")))
        return AUTH_PASS;
    else if (str_ieq(v, STR("none")))
        return AUTH_NONE;
    else if (!str_ieq(v, STR("fail")))
        refuse(s, "malformed cv=");
    return AUTH_FAIL;
}

void arc_ams_read(struct arena *a, const struct taglist *list, struct dkim_sig *out)
{
    dkim_sig_init(out);
    dkim_sig_read(a, list, key_tags, out);
    read_fields(a, list, out);
    dkim_sig_read(a, list, message_tags, out);
    /* RFC 6376 3.5 x= */
    if (out->has_time && out->has_expiry && out->expiry <= out->time)
        refuse(out, "x= is not later than t=");
}

void arc_as_read(struct arena *a, const struct taglist *list, struct dkim_sig *out, enum auth_code *cv)
{
    struct str value;
    dkim_sig_init(out);
    /* RFC 8617 4.1.3: h= in a seal makes the chain fail. */
    if (taglist_get(list, "h", &value))
        refuse(out, "seal with h=");
    dkim_sig_read(a, list, key_tags, out);
    *cv = read_status(list, out);
    dkim_sig_read(a, list, seal_tags, out);
}
