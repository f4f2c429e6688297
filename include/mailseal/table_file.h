/* table_file.h - text files of one entry a line, as OpenDKIM and Postfix write them: "#" begins a comment, empty lines are none. */
#ifndef MAILSEAL_TABLE_FILE_H
#define MAILSEAL_TABLE_FILE_H

#include "mailseal/conf_text.h"
#include "mailseal/str.h"

#define TABLE_FILE_MAX ((size_t)256 * 1024 * 1024) /* bytes */

struct table_file {
    struct conf_text text; /* path and error */
    struct str rest;
    int line;       /* of the entry */
    bool continues; /* the entry begins with white space */
};

/* Reads the file into the arena; errors go to scratch. path is borrowed. False with file->text.error. */
bool table_file_open(struct table_file *f, struct arena *a, struct arena *scratch, const char *path)
    __attribute__((warn_unused_result));
/* The next entry without comment and white space around it, a span of the file; false at the end. */
bool table_file_next(struct table_file *f, struct str *entry);
/* The first word, and what follows it. */
void table_file_cut(struct str entry, struct str *word, struct str *rest);

#endif
