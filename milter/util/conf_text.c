/*
 * conf_text.c - what must be done to the text of a configuration or a profile before libconfuse reads it.
 *
 * libconfuse 3.3 takes an unclosed comment or section for a complete file, is a line late behind a C comment, stumbles over
 * comments in lists, drops characters it does not know, expands ${VARIABLES}, stops at a NUL, ends the process on a directory,
 * lets a later setting replace an earlier one without a word, and frees a section when another with the same title follows - but
 * a domain may have several keys. So the file is read here, and this pass makes a plainer text of it: no comments, strings that
 * end on their line, bare words of letters, digits and "-_.:" only, and section titles replaced by numbers. Commas, the names and
 * the values are left to libconfuse.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailseal/arena.h"
#include "mailseal/conf_text.h"
#include "mailseal/limits.h"

#define TITLE_MARGIN ((size_t)16 * CONF_TEXT_SECTIONS_MAX) /* a number may be longer than the title it stands for */
#define SHOWN_MAX    80                                    /* bytes of a name that are repeated in an error */

void conf_text_init(struct conf_text *t, struct arena *a, const char *path)
{
    *t = (struct conf_text){ .arena = a, .path = path, .top = { .title = STR_NONE } };
}

bool conf_text_fail(struct conf_text *t, int line, const char *fmt, ...)
{
    char what[LIMIT_LOG_LINE];
    struct buf b;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    buf_init(&b, t->arena, strlen(t->path) + 4 * sizeof what);
    buf_puts(&b, t->path);
    if (line > 0)
        buf_printf(&b, ":%d", line);
    buf_puts(&b, ": ");
    for (const char *c = what; *c != '\0'; c++) {
        if (*c >= ' ' && *c <= '~')
            buf_char(&b, *c);
        else
            buf_printf(&b, "\\x%02x", (unsigned char)*c);
    }
    t->error = b.p;
    return false;
}

/* ---- the file ---- */

static bool read_all(struct conf_text *t, int fd, struct str *text)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return conf_text_fail(t, 0, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return conf_text_fail(t, 0, "is no regular file");
    if (st.st_size > LIMIT_CONFIG_FILE)
        return conf_text_fail(t, 0, "is larger than %d bytes", LIMIT_CONFIG_FILE);
    char *p = arena_alloc(t->arena, (size_t)st.st_size + 1);
    *text = (struct str){ p, 0 };
    while (text->n < (size_t)st.st_size) {
        ssize_t got = read(fd, p + text->n, (size_t)st.st_size - text->n);
        if (got < 0)
            return conf_text_fail(t, 0, "%s", strerror(errno));
        if (got == 0)
            break;
        text->n += (size_t)got;
    }
    return true;
}

bool conf_text_read(struct conf_text *t, struct str *text)
{
    *text = STR_NONE;
    /* O_NONBLOCK: a FIFO must not stop a reload */
    int fd = open(t->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    t->missing = fd < 0 && errno == ENOENT;
    if (fd < 0)
        return conf_text_fail(t, 0, "%s", strerror(errno));
    bool ok = read_all(t, fd, text);
    close(fd);
    return ok;
}

/* ---- the scan ---- */

/* What may come next. AFTER_NAME is "=" or a title, AFTER_TITLE is "{". */
enum expect { EXPECT_NAME, EXPECT_AFTER_NAME, EXPECT_AFTER_TITLE, EXPECT_VALUE, EXPECT_LIST };

struct scanner {
    struct conf_text *out;
    struct str rest;
    int line;
    enum expect expect;
    struct str name; /* the last one, and its line */
    int name_line;
    struct conf_section *section; /* the one we are in, or out->top; `sections` does not grow inside of one */
};

static bool refuse(struct scanner *s, const char *reason)
{
    return conf_text_fail(s->out, s->line, "%s", reason);
}

/* Every control character and every line, first of all: nothing below meets a NUL. */
static bool check_bytes(struct conf_text *t, struct str text)
{
    size_t line_start = 0;
    int line = 1;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool line_end = c == '\n' || (c == '\r' && i + 1 < text.n && text.p[i + 1] == '\n');
        if (i - line_start > CONF_TEXT_LINE_MAX)
            return conf_text_fail(t, line, "line is longer than %d bytes", CONF_TEXT_LINE_MAX);
        if ((c < ' ' && c != '\t' && !line_end) || c == 0x7f)
            return conf_text_fail(t, line, "control character \\x%02x", c);
        if (c == '\n') {
            line++;
            line_start = i + 1;
        }
    }
    return true;
}

/* Arrays double when their count is a power of two. */
static void *grow(struct arena *a, void *v, size_t n, size_t size)
{
    if ((n & (n - 1)) != 0)
        return v;
    void *wider = arena_alloc(a, (n == 0 ? 1 : 2 * n) * size);
    if (n > 0)
        memcpy(wider, v, n * size);
    return wider;
}

static const struct conf_setting *find_setting(const struct conf_section *s, struct str name)
{
    for (size_t i = 0; i < s->n_settings; i++) {
        if (str_eq(s->settings[i].name, name))
            return &s->settings[i];
    }
    return NULL;
}

int conf_section_line(const struct conf_section *s, const char *name)
{
    const struct conf_setting *found = find_setting(s, str_of(name));
    return found != NULL ? found->line : 0;
}

static bool note_setting(struct scanner *s)
{
    struct conf_section *in = s->section;
    const struct conf_setting *first = find_setting(in, s->name);
    struct str shown = str_first(s->name, SHOWN_MAX);
    if (first != NULL)
        return conf_text_fail(s->out, s->name_line, "option '%.*s' is set twice, first in line %d", STR_FMT(shown), first->line);
    if (in->n_settings == CONF_TEXT_SETTINGS_MAX)
        return refuse(s, "too many settings");
    in->settings = grow(s->out->arena, in->settings, in->n_settings, sizeof *in->settings);
    in->settings[in->n_settings++] = (struct conf_setting){ s->name, s->name_line };
    s->expect = EXPECT_VALUE;
    return true;
}

static bool note_section(struct scanner *s, struct str title)
{
    struct conf_text *out = s->out;
    if (out->n_sections == CONF_TEXT_SECTIONS_MAX)
        return refuse(s, "too many sections");
    buf_printf(&out->plain, "\"%zu\"", out->n_sections);
    out->sections = grow(out->arena, out->sections, out->n_sections, sizeof *out->sections);
    out->sections[out->n_sections++] = (struct conf_section){ .title = title, .line = s->line };
    s->expect = EXPECT_AFTER_TITLE;
    return true;
}

/* A name is followed by something else than it must be. */
static bool refuse_after_name(struct scanner *s)
{
    bool inside = s->section != &s->out->top;
    struct str shown = str_first(s->name, SHOWN_MAX);
    return conf_text_fail(s->out, s->name_line, "'%.*s' must be followed by %s", STR_FMT(shown),
                          inside ? "'=' (a section stands in no other)" : "'=', or by a title and '{'");
}

/* A word or string, `raw` with its quotes: copied on, unless it is a title. */
static bool on_text(struct scanner *s, struct str raw, bool quoted)
{
    if (s->expect == EXPECT_AFTER_TITLE || (s->expect == EXPECT_AFTER_NAME && s->section != &s->out->top))
        return refuse_after_name(s);
    if (s->expect == EXPECT_AFTER_NAME)
        return note_section(s, quoted ? str_first(str_skip(raw, 1), raw.n - 2) : raw);
    if (s->expect == EXPECT_NAME) {
        if (quoted)
            return refuse(s, "a name is wanted here, without quotes");
        s->name = raw;
        s->name_line = s->line;
        s->expect = EXPECT_AFTER_NAME;
    } else if (s->expect == EXPECT_VALUE) {
        s->expect = EXPECT_NAME;
    }
    buf_str(&s->out->plain, raw);
    return true;
}

static bool open_brace(struct scanner *s)
{
    if (s->expect == EXPECT_VALUE) {
        s->expect = EXPECT_LIST;
    } else if (s->expect == EXPECT_AFTER_TITLE) {
        s->section = &s->out->sections[s->out->n_sections - 1];
        s->expect = EXPECT_NAME;
    } else {
        return refuse(s, "unexpected '{'");
    }
    return true;
}

static bool close_brace(struct scanner *s)
{
    if (s->expect == EXPECT_NAME) {
        if (s->section == &s->out->top)
            return refuse(s, "'}' without '{'");
        s->section = &s->out->top;
    } else if (s->expect != EXPECT_LIST) {
        return refuse(s, "unexpected '}'");
    }
    s->expect = EXPECT_NAME;
    return true;
}

/* = { } and commas: copied on, like blanks. */
static bool on_mark(struct scanner *s, char c)
{
    bool ok = true;
    if (s->expect == EXPECT_AFTER_TITLE ? c != '{' : s->expect == EXPECT_AFTER_NAME && c != '=')
        return refuse_after_name(s);
    if (c == '{')
        ok = open_brace(s);
    else if (c == '}')
        ok = close_brace(s);
    else if (c == '=' && s->expect == EXPECT_AFTER_NAME)
        ok = note_setting(s);
    else if (c == '=' || s->expect != EXPECT_LIST)
        ok = refuse(s, c == '=' ? "unexpected '='" : "unexpected ','");
    buf_char(&s->out->plain, c);
    return ok;
}

/* Bytes of the string at the start of the rest, with its quotes. Only \" and \\ are escapes. */
static bool string_length(struct scanner *s, size_t *length)
{
    struct str r = s->rest;
    for (size_t i = 1; i < r.n && r.p[i] != '\n'; i++) {
        char next = i + 1 < r.n ? r.p[i + 1] : '\n';
        if (r.p[i] == '"') {
            *length = i + 1;
            return true;
        }
        if (r.p[i] == '$' && next == '{')
            return refuse(s, "variables are not expanded: '${'");
        if (r.p[i] == '\\' && next != '"' && next != '\\')
            return refuse(s, "in a string only \\\" and \\\\ may follow a backslash");
        if (r.p[i] == '\\')
            i++;
    }
    return refuse(s, "string is not closed on its line");
}

static bool is_word_char(char c)
{
    return char_is_alnum(c) || c == '-' || c == '_' || c == '.' || c == ':';
}

/* A character that begins nothing. Two mistakes are likely enough to be answered with the right way. */
static bool refuse_char(struct scanner *s)
{
    char c = s->rest.p[0], next = s->rest.n > 1 ? s->rest.p[1] : '\0';
    if (c == '/' && (next == '/' || next == '*'))
        return conf_text_fail(s->out, s->line, "'/%c' begins no comment: a comment begins with '#'", next);
    if (c == '\'')
        return refuse(s, "a string stands in double quotes, not in single ones");
    return conf_text_fail(s->out, s->line, "unexpected character '%c' outside of a string", c);
}

static bool step(struct scanner *s)
{
    struct str r = s->rest;
    size_t n = 1;
    char c = r.p[0];
    bool ok = true;
    if (c == '#') {
        while (n < r.n && r.p[n] != '\n')
            n++;
    } else if (c == '"') {
        ok = string_length(s, &n) && on_text(s, str_first(r, n), true);
    } else if (is_word_char(c)) {
        while (n < r.n && is_word_char(r.p[n]))
            n++;
        ok = on_text(s, str_first(r, n), false);
    } else if (char_is_space(c)) {
        s->line += c == '\n';
        buf_char(&s->out->plain, c);
    } else if (c == '=' || c == '{' || c == '}' || c == ',') {
        ok = on_mark(s, c);
    } else {
        ok = refuse_char(s);
    }
    s->rest = str_skip(r, n);
    return ok;
}

static bool check_end(struct scanner *s)
{
    struct str shown = str_first(s->name, SHOWN_MAX);
    if (s->expect == EXPECT_AFTER_NAME || s->expect == EXPECT_AFTER_TITLE)
        return refuse_after_name(s);
    if (s->expect == EXPECT_VALUE)
        return conf_text_fail(s->out, s->name_line, "option '%.*s' has no value", STR_FMT(shown));
    if (s->expect == EXPECT_LIST)
        return conf_text_fail(s->out, s->name_line, "the list of '%.*s' is not closed", STR_FMT(shown));
    if (s->section != &s->out->top)
        return conf_text_fail(s->out, s->section->line, "section is not closed");
    return true;
}

bool conf_text_scan(struct conf_text *t, struct str text)
{
    struct scanner s = { .out = t, .rest = text, .line = 1, .name = STR_NONE, .section = &t->top };
    buf_init(&t->plain, t->arena, text.n + TITLE_MARGIN);
    bool ok = check_bytes(t, text);
    while (ok && s.rest.n > 0)
        ok = step(&s);
    return ok && check_end(&s);
}
