/*
 * fuzz_config.c - text of a configuration file. What is taken must be shown as text that is taken again, and shows the same.
 */
#include <stdio.h>
#include <stdlib.h>

#include "mailseal/conf.h"

#include "../../milter/config/config_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct conf *parse(struct arena *a, struct str text)
{
    struct conf_text t;
    struct conf *c = ARENA_NEW(a, struct conf);
    c->arena = a;
    c->path = "fuzz.conf";
    conf_text_init(&t, a, c->path);
    if (conf_text_scan(&t, text) && conf_parse(c, &t, "/d")) {
        if (c->authserv_id[0] == '\0')
            c->authserv_id = "host.example";
        return c;
    }
    if (!str_istarts(str_of(t.error), STR("fuzz.conf:")))
        abort();
    return NULL;
}

static struct str shown(struct arena *a, const struct conf *c)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (f == NULL)
        abort();
    conf_show(f, c);
    fclose(f);
    arena_defer(a, free, text);
    return (struct str){ text, n };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct conf *c = parse(a, (struct str){ (const char *)data, size });
    if (c != NULL) {
        struct str once = shown(a, c);
        struct conf *back = parse(a, once);
        if (back == NULL || !str_eq(shown(a, back), once))
            abort();
    }
    arena_free(a);
    return 0;
}
