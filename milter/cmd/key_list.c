/*
 * key_list.c - a JSON object with a list of keys, written key by key: a site may have more of them than should be held in memory.
 */
#include <stdio.h>

#include "mailseal/arena.h"
#include "mailseal/log.h"

#include "cmd_key.h"

#define LINE_MAX_BYTES (1 << 20) /* of one key; each of its texts is far shorter */

static struct str line_of(struct arena *a, const struct json *j)
{
    struct str line;
    if (!js_line(a, j, LINE_MAX_BYTES, &line))
        BUG("a key is too long for a line");
    return line;
}

void key_list_begin(struct key_list *l)
{
    l->any = false;
    fputs("{\n  \"keys\": [", stdout);
}

void key_list_add(struct key_list *l, struct arena *a, const struct json *key)
{
    printf("%s\n    %.*s", l->any ? "," : "", STR_FMT(line_of(a, key)));
    l->any = true;
}

void key_list_end(struct arena *a, const struct json *more)
{
    fputs("\n  ]", stdout);
    if (more != NULL) {
        struct str line = line_of(a, more); /* its braces are there already */
        printf(",\n  %.*s", STR_FMT(str_first(str_skip(line, 1), line.n - 2)));
    }
    puts("\n}");
}
