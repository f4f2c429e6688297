/*
 * taglist.c - tag=value lists (RFC 6376 3.2 with erratum 5070; RFC 8616 allows 8-bit values).
 *
 * Nothing is copied: names and values are spans of the text. What a tag's value means is left to those who read it.
 */
#include "mailseal/taglist.h"

/* RFC 5322 3.2.2, 4.2: a line may only end before white space. */
static bool is_fws(struct str s, size_t i)
{
    if (s.p[i] == '\r')
        return i + 2 < s.n && s.p[i + 1] == '\n' && char_is_wsp(s.p[i + 2]);
    if (s.p[i] == '\n')
        return i > 0 && s.p[i - 1] == '\r';
    return char_is_wsp(s.p[i]);
}

static bool has_only_valchars(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool valchar = c > ' ' && c != 0x7f; /* ";" has been cut at */
        if (!valchar && !is_fws(s, i))
            return false;
    }
    return true;
}

static bool is_tag_name(struct str s)
{
    if (s.n == 0 || !char_is_alpha(s.p[0]))
        return false;
    for (size_t i = 1; i < s.n; i++)
        if (!char_is_alnum(s.p[i]) && s.p[i] != '_')
            return false;
    return true;
}

static bool has_tag(const struct taglist *t, struct str name)
{
    for (size_t i = 0; i < t->n; i++)
        if (str_eq(t->v[i].name, name))
            return true;
    return false;
}

/* NULL, or what is wrong with the element. */
static const char *add_element(struct taglist *t, struct str element)
{
    struct str name, value;
    if (str_trim(element).n == 0)
        return "empty element in the tag list";
    if (!has_only_valchars(element))
        return "character not allowed in a tag list";
    if (!str_cut(element, '=', &name, &value))
        return "tag without '='";
    name = str_trim(name);
    if (!is_tag_name(name))
        return "invalid tag name";
    /* RFC 6376 3.2: tags with duplicate names make the entire list invalid. */
    if (has_tag(t, name))
        return "duplicate tag";
    if (t->n == LIMIT_TAGS)
        return "too many tags";
    t->v[t->n++] = (struct tag){ name, str_trim(value) };
    return NULL;
}

bool taglist_parse(struct taglist *t, struct str text, const char **reason)
{
    t->n = 0;
    *reason = NULL;
    if (text.n > LIMIT_TAGLIST) {
        *reason = "tag list too long";
        return false;
    }
    struct str element, rest = text;
    bool more = true;
    while (more) {
        more = str_cut(rest, ';', &element, &rest);
        /* RFC 6376 3.2: one ";" may end the list, with white space behind it. */
        bool is_end = !more && t->n > 0 && str_trim(element).n == 0 && has_only_valchars(element);
        if (is_end)
            break;
        *reason = add_element(t, element);
        if (*reason != NULL)
            return false;
    }
    return true;
}

bool taglist_get(const struct taglist *t, const char *name, struct str *value)
{
    struct str wanted = str_of(name);
    for (size_t i = 0; i < t->n; i++) {
        if (str_eq(t->v[i].name, wanted)) {
            *value = t->v[i].value;
            return true;
        }
    }
    *value = STR_NONE;
    return false;
}
