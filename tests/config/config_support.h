/* config_support.h - what the tests of the config room share: text to configuration, files below a directory of their own. */
#ifndef TESTS_CONFIG_SUPPORT_H
#define TESTS_CONFIG_SUPPORT_H

#include "mailseal/conf.h"

#include "../../milter/config/config_int.h"
#include "../support/files.h"
#include "../support/support.h"

/* A configuration from text alone, as if it stood in /etc/x.conf. NULL with the error; both are in the arena. */
static inline struct conf *parse_text(struct arena *a, struct str text, const char **error)
{
    struct conf_text t;
    struct conf *c = ARENA_NEW(a, struct conf);
    c->arena = a;
    c->path = "x.conf";
    conf_text_init(&t, a, c->path);
    bool ok = conf_text_scan(&t, text) && conf_parse(c, &t, "/etc");
    *error = t.error;
    return ok ? c : NULL;
}

#endif
