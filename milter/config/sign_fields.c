/*
 * sign_fields.c - which fields a key signs: names, or changes to the usual list in the manner of OpenDKIM's SignHeaders.
 *
 * "*" stands for the usual names, "+NAME" adds one and "-NAME" takes one away; when only changes are given, the usual names are
 * meant. From is always there (RFC 6376 5.4).
 */
#include "mailseal/limits.h"

#include "config_int.h"

static void add(struct strings *to, const char *name)
{
    for (size_t i = 0; i < to->n; i++)
        if (str_ieq(str_of(to->v[i]), str_of(name)))
            return;
    to->v[to->n++] = name;
}

static void drop(struct strings *from, struct str name)
{
    size_t kept = 0;
    for (size_t i = 0; i < from->n; i++)
        if (!str_ieq(str_of(from->v[i]), name))
            from->v[kept++] = from->v[i];
    from->n = kept;
}

static void add_usual(struct strings *to)
{
    const char *name;
    for (size_t i = 0; (name = dkim_sign_default_field(i)) != NULL; i++)
        add(to, name);
}

/* All words of the option, one by one; how many there are when out is NULL. */
static size_t split(const struct strings *headers, struct str *out)
{
    size_t n = 0;
    for (size_t i = 0; i < headers->n; i++) {
        struct str rest = str_of(headers->v[i]), word;
        for (bool more = true; more; n++) {
            more = str_cut(rest, ',', &word, &rest);
            if (out != NULL)
                out[n] = str_trim(word);
        }
    }
    return n;
}

static bool is_change(struct str word)
{
    return word.n > 1 && (word.p[0] == '+' || word.p[0] == '-');
}

bool sign_key_expand(struct sign_key *key, struct arena *a, const char **reason)
{
    size_t n = split(&key->headers, NULL), changes = 0, usual = 0;
    struct str *words = ARENA_ARRAY(a, struct str, n);
    while (dkim_sign_default_field(usual) != NULL)
        usual++;
    struct strings fields = { ARENA_ARRAY(a, const char *, n + usual), 0 };
    *reason = NULL;
    (void)split(&key->headers, words);
    for (size_t i = 0; i < n; i++)
        changes += is_change(words[i]);
    if (n > 0 && changes == n)
        add_usual(&fields);
    for (size_t i = 0; i < n; i++) {
        if (str_eq(words[i], STR("*")))
            add_usual(&fields);
        else if (words[i].p[0] == '-' && is_change(words[i]))
            drop(&fields, str_skip(words[i], 1));
        else
            add(&fields, str_cstr(a, str_skip(words[i], is_change(words[i]))));
    }
    key->fields = fields;
    bool from = false;
    for (size_t i = 0; i < fields.n; i++)
        from = from || str_ieq(str_of(fields.v[i]), STR("From"));
    if (n > 0 && !from)
        *reason = "headers must name From";
    else if (fields.n > LIMIT_DKIM_H)
        *reason = "headers are too many";
    return *reason == NULL;
}
