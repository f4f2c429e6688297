/*
 * ref_dkim.c - an independent reading of a signed message: which bytes a DKIM signature covers (RFC 6376 3.2 to 3.7, 5.4.2).
 *
 * One byte at a time and without any care for speed. It knows no cryptography: a signature may pass when, and only when, the bytes
 * that go into the two hashes are those that were signed, and b= still says the same bytes.
 */
#include "tests/property/property.h"

static bool is_wsp(char c)
{
    return c == ' ' || c == '\t';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool ref_name_is(struct str name, const char *word)
{
    size_t i = 0;
    while (i < name.n && word[i] != '\0' && lower(name.p[i]) == word[i])
        i++;
    return i == name.n && word[i] == '\0';
}

/* The end of the line at i, without its line end; *next is where the following one begins. */
static size_t line_end(struct str s, size_t i, size_t *next)
{
    while (i < s.n && s.p[i] != '\n')
        i++;
    *next = i < s.n ? i + 1 : s.n;
    return i < s.n && i > 0 && s.p[i - 1] == '\r' ? i - 1 : i;
}

/* Where the name of a field ends, or 0; *colon is where its ":" stands. */
static size_t name_end(struct str s, size_t from, size_t end, size_t *colon)
{
    size_t i = from;
    while (i < end && s.p[i] > ' ' && s.p[i] < 0x7f && s.p[i] != ':')
        i++;
    *colon = i;
    while (*colon < end && is_wsp(s.p[*colon]))
        ++*colon;
    return i > from && *colon < end && s.p[*colon] == ':' ? i : 0;
}

/* Every line end inside becomes CRLF. */
static struct str with_crlf(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, 2 * s.n);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r'))
            p[n++] = '\r';
        p[n++] = s.p[i];
    }
    return (struct str){ p, n };
}

void ref_mail_split(struct arena *a, struct str m, struct ref_mail *out)
{
    size_t i = 0, next, end, colon, room = 1;
    for (size_t k = 0; k < m.n; k++)
        room += m.p[k] == '\n';
    *out = (struct ref_mail){ .v = ARENA_ARRAY(a, struct ref_field, room) };
    /* "From " of an mbox is no part of the message. */
    end = line_end(m, 0, &next);
    if (m.n >= 5 && ref_name_is((struct str){ m.p, 4 }, "from") && m.p[4] == ' ' && name_end(m, 0, end, &colon) == 0)
        i = next;
    while (i < m.n) {
        end = line_end(m, i, &next);
        if (end <= i) {
            i = next;
            break;
        }
        size_t name = name_end(m, i, end, &colon);
        if (name == 0)
            break;
        while (next < m.n && is_wsp(m.p[next]))
            end = line_end(m, next, &next);
        struct str raw = with_crlf(a, (struct str){ m.p + i, end - i });
        out->v[out->n++] = (struct ref_field){ raw, { raw.p, name - i } };
        i = next;
    }
    out->body = str_skip(m, i);
}

struct str ref_canon_field(struct arena *a, bool relaxed, struct str raw)
{
    char *p = arena_alloc(a, raw.n + 1);
    size_t n = 0, i = 0;
    if (!relaxed)
        return raw;
    for (; i < raw.n && raw.p[i] != ':'; i++)
        if (!is_wsp(raw.p[i]))
            p[n++] = lower(raw.p[i]);
    p[n++] = ':';
    size_t begin = n;
    bool space = false;
    for (i++; i < raw.n; i++) {
        if (is_wsp(raw.p[i])) {
            space = true;
            continue;
        }
        if (raw.p[i] == '\r' && i + 2 < raw.n && raw.p[i + 1] == '\n' && is_wsp(raw.p[i + 2])) {
            i++;
            continue;
        }
        if (space && n > begin)
            p[n++] = ' ';
        space = false;
        p[n++] = raw.p[i];
    }
    return (struct str){ p, n };
}

struct str ref_canon_body(struct arena *a, bool relaxed, struct str body)
{
    char *p = arena_alloc(a, body.n + 2);
    size_t n = 0, keep = 0; /* keep: up to the last line that is not empty */
    for (size_t i = 0; i < body.n;) {
        size_t line = n;
        for (; i < body.n && !(body.p[i] == '\r' && i + 1 < body.n && body.p[i + 1] == '\n'); i++) {
            if (relaxed && is_wsp(body.p[i])) {
                if (n == line || p[n - 1] != ' ')
                    p[n++] = ' ';
            } else {
                p[n++] = body.p[i];
            }
        }
        if (relaxed && n > line && p[n - 1] == ' ')
            n--;
        bool empty = n == line;
        i += 2;
        p[n++] = '\r';
        p[n++] = '\n';
        if (!empty)
            keep = n;
    }
    if (keep == 0 && !relaxed) {
        p[0] = '\r';
        p[1] = '\n';
        keep = 2;
    }
    return (struct str){ p, keep };
}

/* ---- tag lists ---- */
/* The length of folding white space at i: a blank, or CRLF before a blank. */
static size_t fws(struct str s, size_t i)
{
    if (i < s.n && is_wsp(s.p[i]))
        return 1;
    return i + 2 < s.n && s.p[i] == '\r' && s.p[i + 1] == '\n' && is_wsp(s.p[i + 2]) ? 3 : 0;
}

static struct str trimmed(struct str s)
{
    while (s.n > 0 && (is_wsp(s.p[0]) || s.p[0] == '\r' || s.p[0] == '\n'))
        s = str_skip(s, 1);
    while (s.n > 0 && (is_wsp(s.p[s.n - 1]) || s.p[s.n - 1] == '\r' || s.p[s.n - 1] == '\n'))
        s.n--;
    return s;
}

static bool is_alpha(char c)
{
    return lower(c) >= 'a' && lower(c) <= 'z';
}

static bool is_tag_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alpha(s.p[i]) && (i == 0 || !((s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '_')))
            return false;
    return s.n > 0;
}

/* RFC 6376 3.2, and 8-bit for RFC 8616. */
static bool is_clean(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        size_t white = fws(s, i);
        if (white > 0)
            i += white - 1;
        else if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
            return false;
    }
    return true;
}

void ref_tags_read(struct str list, struct ref_tags *out)
{
    size_t i = 0;
    *out = (struct ref_tags){ .valid = is_clean(list) };
    while (i <= list.n) {
        size_t end = i, equals = list.n;
        for (; end < list.n && list.p[end] != ';'; end++)
            if (list.p[end] == '=' && equals == list.n)
                equals = end;
        struct str part = { list.p + i, end - i };
        bool last = end == list.n;
        i = end + 1;
        if (trimmed(part).n == 0 && last && out->n > 0)
            return;
        if (equals >= end || out->n == REF_TAGS) {
            out->valid = false;
            continue;
        }
        struct str name = trimmed((struct str){ part.p, (size_t)(list.p + equals - part.p) });
        struct str whole = { list.p + equals + 1, end - equals - 1 };
        for (size_t k = 0; k < out->n; k++)
            out->valid = out->valid && !str_eq(out->v[k].name, name);
        out->valid = out->valid && is_tag_name(name);
        out->v[out->n].name = name;
        out->v[out->n].value = trimmed(whole);
        out->v[out->n++].whole = whole;
    }
}

bool ref_tags_get(const struct ref_tags *t, const char *name, struct str *value)
{
    for (size_t i = 0; i < t->n; i++) {
        if (str_eq(t->v[i].name, str_of(name))) {
            *value = t->v[i].value;
            return true;
        }
    }
    return false;
}

static int digit64(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

/* EXACT is what an encoder writes, with folding white space anywhere; LOOSE says the same bytes in another way. */
enum ref_base64 ref_base64_read(struct arena *a, struct str text, struct str *bytes)
{
    char *p = arena_alloc(a, text.n);
    size_t n = 0, digits = 0, pads = 0;
    unsigned bits = 0, held = 0;
    *bytes = STR_NONE;
    for (size_t i = 0; i < text.n; i++) {
        size_t white = fws(text, i);
        if (white > 0) {
            i += white - 1;
            continue;
        }
        int d = digit64(text.p[i]);
        if (text.p[i] == '=') {
            pads++;
            continue;
        }
        if (d < 0 || pads > 0)
            return REF_BASE64_BAD;
        digits++;
        bits = (bits << 6 | (unsigned)d) & 0xffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            p[n++] = (char)(bits >> held & 0xff);
        }
    }
    *bytes = (struct str){ p, n };
    bool exact = (digits + pads) % 4 == 0 && pads < 3 && held < 6 && (bits & ((1u << held) - 1)) == 0;
    return exact ? REF_BASE64_EXACT : REF_BASE64_LOOSE;
}

bool ref_list_has(struct str list, const char *word, bool any_case)
{
    for (size_t i = 0; i <= list.n;) {
        size_t end = i;
        while (end < list.n && list.p[end] != ':')
            end++;
        struct str item = trimmed((struct str){ list.p + i, end - i });
        if (any_case ? ref_name_is(item, word) : str_eq(item, str_of(word)))
            return true;
        i = end + 1;
    }
    return false;
}

/* ---- what is hashed ---- */
static void add(struct buf *b, struct str s)
{
    buf_str(b, s);
}

/* RFC 6376 3.7: the signature's own field with all between "b=" and ";" taken out. */
static struct str without_b(struct arena *a, struct str raw, const struct ref_tags *tags)
{
    struct buf b;
    buf_init(&b, a, ROOM);
    for (size_t i = 0; i < tags->n; i++) {
        struct str whole = tags->v[i].whole;
        if (!str_eq(tags->v[i].name, STR("b")))
            continue;
        size_t at = (size_t)(whole.p - raw.p);
        add(&b, str_first(raw, at));
        add(&b, str_skip(raw, at + whole.n));
        return buf_view(&b);
    }
    return raw;
}

/* RFC 6376 5.4.2: each name takes the lowest field not yet taken, and never the signature itself. */
static void add_signed_fields(struct arena *a, const struct ref_mail *m, size_t self, struct str h, bool relaxed, struct buf *out)
{
    bool *taken = ARENA_ARRAY(a, bool, m->n);
    taken[self] = true;
    for (size_t i = 0; i <= h.n;) {
        size_t end = i;
        while (end < h.n && h.p[end] != ':')
            end++;
        const char *name = str_cstr(a, str_lower(a, trimmed((struct str){ h.p + i, end - i })));
        for (size_t k = m->n; k-- > 0;) {
            if (taken[k] || !ref_name_is(m->v[k].name, name))
                continue;
            taken[k] = true;
            add(out, ref_canon_field(a, relaxed, m->v[k].raw));
            add(out, STR("\r\n"));
            break;
        }
        i = end + 1;
    }
}

static bool read_canon(struct str c, bool *head, bool *body)
{
    struct str h, b;
    if (!str_cut(c, '/', &h, &b))
        b = STR("simple");
    *head = str_eq(h, STR("relaxed"));
    *body = str_eq(b, STR("relaxed"));
    return (*head || str_eq(h, STR("simple"))) && (*body || str_eq(b, STR("simple")));
}

void ref_sig_read(struct arena *a, const struct ref_mail *m, size_t field, struct ref_sig *out)
{
    struct ref_tags tags;
    struct str name, list, v = STR("simple/simple"), h = STR_NONE, b = STR_NONE;
    bool head_relaxed, body_relaxed;
    struct buf head;
    uint64_t length = 0;
    *out = (struct ref_sig){ .domain = STR_NONE };
    (void)str_cut(m->v[field].raw, ':', &name, &list);
    ref_tags_read(list, &tags);
    (void)ref_tags_get(&tags, "c", &v);
    out->valid = tags.valid && read_canon(v, &head_relaxed, &body_relaxed) && ref_tags_get(&tags, "h", &h) &&
                 ref_tags_get(&tags, "b", &b) && ref_tags_get(&tags, "d", &out->domain);
    if (!out->valid)
        return;
    out->b_form = ref_base64_read(a, b, &out->b);
    buf_init(&head, a, 4 * ROOM);
    add_signed_fields(a, m, field, h, head_relaxed, &head);
    add(&head, ref_canon_field(a, head_relaxed, without_b(a, m->v[field].raw, &tags)));
    out->head = buf_view(&head);
    out->body = ref_canon_body(a, body_relaxed, m->body);
    if (!ref_tags_get(&tags, "l", &v))
        return;
    out->valid = str_to_uint(v, UINT64_MAX, &length);
    out->short_body = length > out->body.n;
    out->tail = length < out->body.n;
    out->body = str_first(out->body, length < out->body.n ? (size_t)length : out->body.n);
}

enum expect ref_expect(struct arena *a, const struct ref_sig *good, bool acceptable, bool tail_passes, struct str message)
{
    struct ref_mail m;
    enum expect expect = EXPECT_NO_PASS;
    ref_mail_split(a, message, &m);
    for (size_t i = 0; i < m.n; i++) {
        struct ref_sig s;
        if (!ref_name_is(m.v[i].name, "dkim-signature"))
            continue;
        ref_sig_read(a, &m, i, &s);
        if (!acceptable || !s.valid || s.b_form == REF_BASE64_BAD || !str_eq(s.b, good->b) || !str_eq(s.head, good->head) ||
            !str_eq(s.body, good->body) || s.short_body || (s.tail && !tail_passes))
            continue;
        if (s.b_form == REF_BASE64_EXACT)
            return EXPECT_PASS;
        expect = EXPECT_EITHER;
    }
    return expect;
}
