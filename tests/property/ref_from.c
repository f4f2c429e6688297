/*
 * ref_from.c - an independent reading of From: a reader that knows quotes, comments, angles and lists, and takes what stands behind
 * the last "@" of each entry (RFC 5322 3.4). It refuses nothing but what is out of balance, so it may see an author where the room
 * rightly sees none; never the other way round.
 */
#include "mailseal/domain.h"

#include "tests/property/property.h"

/* One entry of the list, as it is read. */
struct entry {
    bool content, at, done; /* something stands in it; an "@" did; text behind the last "@" has ended */
    bool literal;
    unsigned opened, closed; /* "<" and ">" */
    struct buf domain;
};

static void entry_begin(struct entry *e)
{
    buf_cut(&e->domain, 0);
    e->content = e->at = e->done = e->literal = false;
    e->opened = e->closed = 0;
}

static struct str normal(struct arena *a, struct str s)
{
    struct str out;
    bool ascii = true;
    for (size_t i = 0; i < s.n; i++)
        ascii = ascii && (unsigned char)s.p[i] < 0x80;
    if (!ascii)
        return domain_normalise(a, s, &out) ? out : STR("(no name)");
    if (s.n > 0 && s.p[s.n - 1] == '.')
        s.n--;
    return str_lower(a, s);
}

static void entry_end(struct arena *a, struct entry *e, struct ref_from *out)
{
    if (e->content) {
        struct str name = normal(a, buf_view(&e->domain));
        bool balanced = e->opened == e->closed && e->opened <= 1;
        if (!e->at || !balanced || e->literal || name.n == 0)
            out->odd = true;
        else if (out->n == 0 || !str_eq(out->domain, name))
            out->n++;
        if (name.n > 0)
            out->domain = str_dup(a, name);
    }
    entry_begin(e);
}

/* A byte that is in no comment and no quoted string. */
static void take(struct arena *a, struct entry *e, char c, struct ref_from *out)
{
    bool inside = e->opened > e->closed;
    if ((c == ',' && !(inside && e->at)) || c == ';') {
        entry_end(a, e, out);
        return;
    }
    if (c == ':') {
        /* A group's name, or a source route: what stood before it is no address. */
        bool route = inside;
        entry_begin(e);
        e->opened = route;
        e->content = route;
        return;
    }
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        e->done = e->at && e->domain.n > 0;
        return;
    }
    /* Dots alone are no entry that could name anybody. */
    e->content = e->content || c != '.';
    e->opened += c == '<';
    e->closed += c == '>';
    e->literal = e->literal || (e->at && c == '[');
    if (c == '@') {
        buf_cut(&e->domain, 0);
        e->at = true;
        e->done = false;
    } else if (c == '<' || c == '>') {
        e->done = true;
    } else if (e->at && !e->done) {
        buf_char(&e->domain, c);
    }
}

void ref_from_read(struct arena *a, struct str v, struct ref_from *out)
{
    struct entry e = { 0 };
    bool quoted = false;
    unsigned depth = 0;
    *out = (struct ref_from){ .domain = STR_NONE };
    buf_init(&e.domain, a, ROOM);
    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        if (c == '\\' && (quoted || depth > 0)) {
            i++;
        } else if (quoted) {
            quoted = c != '"';
        } else if (depth > 0 || c == '(') {
            depth += c == '(';
            depth -= c == ')';
            e.done = e.at && e.domain.n > 0;
        } else if (c == '"') {
            quoted = e.content = true;
        } else {
            take(a, &e, c, out);
        }
    }
    entry_end(a, &e, out);
    out->odd = out->odd || quoted || depth > 0;
}

void ref_from_of_mail(struct arena *a, const struct ref_mail *m, struct ref_from *out)
{
    size_t fields = 0;
    *out = (struct ref_from){ .odd = true, .domain = STR_NONE };
    for (size_t i = 0; i < m->n; i++) {
        struct str name, value;
        if (!ref_name_is(m->v[i].name, "from"))
            continue;
        (void)str_cut(m->v[i].raw, ':', &name, &value);
        ref_from_read(a, value, out);
        fields++;
    }
    out->odd = out->odd || fields != 1;
}
