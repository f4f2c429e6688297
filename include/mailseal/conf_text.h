/*
 * conf_text.h - the text of a configuration or a profile: read, checked, and made plain for libconfuse.
 *
 * Both are settings and sections in one syntax (mailseal.conf(5)). What libconfuse would swallow or misread is refused here, what
 * it does not keep (lines) is noted here. Which names and values there may be is for the rooms config and policy to say.
 */
#ifndef MAILSEAL_CONF_TEXT_H
#define MAILSEAL_CONF_TEXT_H

#include "mailseal/buf.h"

#define CONF_TEXT_LINE_MAX     (16 * 1024) /* bytes of one line */
#define CONF_TEXT_SECTIONS_MAX 10000       /* of one file; libconfuse compares each title with all before it */
#define CONF_TEXT_SETTINGS_MAX 256         /* of one section */

struct conf_setting {
    struct str name;
    int line;
};

struct conf_section {
    struct str title; /* as written, without its quotes */
    int line;
    struct conf_setting *settings; /* each name once */
    size_t n_settings;
};

struct conf_text {
    struct arena *arena; /* of everything below */
    const char *path;    /* the file's name in errors */
    const char *error;   /* after a failure: "path:line: what is wrong", or without a line when it is about the whole file */
    bool missing;        /* there is no such file */

    struct buf plain;        /* for libconfuse: no comments, and the title of the section N is the number N */
    struct conf_section top; /* the settings outside of all sections */
    struct conf_section *sections;
    size_t n_sections;
};

/* path is borrowed. */
void conf_text_init(struct conf_text *t, struct arena *a, const char *path);

/* Notes an error and returns false. Line 0: the file as a whole. Bytes that cannot be printed become \xHH. */
bool conf_text_fail(struct conf_text *t, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The bytes of the file: a regular one, of LIMIT_CONFIG_FILE bytes at most. */
bool conf_text_read(struct conf_text *t, struct str *text) __attribute__((warn_unused_result));

/* Fills plain, top and sections. The text must live as long as they do. */
bool conf_text_scan(struct conf_text *t, struct str text) __attribute__((warn_unused_result));

/* The line of a setting, or 0: it is not there. */
int conf_section_line(const struct conf_section *s, const char *name);

#endif
