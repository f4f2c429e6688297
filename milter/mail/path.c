/*
 * path.c - envelope paths as the mail servers hand them over (RFC 5321 4.1.2, address.h).
 *
 * Tolerant where the mail server has been tolerant before us: the local part is not checked, only told from the domain.
 */
#include "mailseal/arena.h"
#include "mailseal/limits.h"
#include "mailseal/domain.h"
#include "mailseal/address.h"

/* The first byte from `from` on that is one of `stops` and in no quoted string; s.n when there is none. */
static size_t find_unquoted(struct str s, size_t from, struct str stops)
{
    bool quoted = false;
    for (size_t i = from; i < s.n; i++) {
        if (quoted && s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            quoted = !quoted;
        else if (!quoted)
            for (size_t k = 0; k < stops.n; k++)
                if (s.p[i] == stops.p[k])
                    return i;
    }
    return s.n;
}

/* RFC 5321 4.1.1.11: ESMTP arguments follow the path behind a space. Sendmail before 8.17.2 leaves them there for EAI mail. */
static bool cut_mailbox(struct str path, struct str *mailbox)
{
    struct str text = str_trim(path);
    if (text.n == 0 || text.p[0] != '<') {
        *mailbox = str_first(text, find_unquoted(text, 0, STR(" \t")));
        return true;
    }
    size_t end = find_unquoted(text, 1, STR(">"));
    if (end == text.n || (end + 1 < text.n && !char_is_wsp(text.p[end + 1])))
        return false;
    *mailbox = str_trim((struct str){ text.p + 1, end - 1 });
    return true;
}

bool path_parse(struct arena *a, struct str path, struct str *local, struct str *domain)
{
    struct str mailbox;
    *local = str_dup(a, path);
    *domain = STR_NONE;
    if (path.n > LIMIT_ADDRESS || !cut_mailbox(path, &mailbox))
        return false;
    /* RFC 5321 4.1.1.3, appendix C: source routes are ignored. */
    if (mailbox.n > 0 && mailbox.p[0] == '@') {
        size_t colon = find_unquoted(mailbox, 0, STR(":"));
        if (colon < mailbox.n)
            mailbox = str_skip(mailbox, colon + 1);
    }
    size_t at = mailbox.n;
    for (size_t i = find_unquoted(mailbox, 0, STR("@")); i < mailbox.n; i = find_unquoted(mailbox, i + 1, STR("@")))
        at = i;
    if (at < mailbox.n && !domain_normalise(a, str_skip(mailbox, at + 1), domain))
        return false;
    *local = str_dup(a, str_first(mailbox, at));
    return true;
}
