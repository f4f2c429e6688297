/* config_support.h - what the tests of the config room share: text to configuration, files below a directory of their own. */
#ifndef TESTS_CONFIG_SUPPORT_H
#define TESTS_CONFIG_SUPPORT_H

#include <sys/stat.h>
#include <unistd.h>

#include "mailseal/conf.h"

#include "../../milter/config/config_int.h"
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

/* A directory that goes with remove_directory(), and files in it. */
static inline const char *make_directory(struct arena *a)
{
    char *path = arena_copy(a, "/tmp/mailseal-config-XXXXXX", sizeof "/tmp/mailseal-config-XXXXXX");
    assert_non_null(mkdtemp(path));
    return path;
}

static inline void remove_directory(struct arena *a, const char *dir)
{
    int failed = system(str_cstr(a, str_printf(a, "rm -r '%s'", dir)));
    assert_int_equal(failed, 0);
}

static inline const char *write_file(struct arena *a, const char *dir, const char *name, struct str text, unsigned mode)
{
    const char *path = str_cstr(a, str_printf(a, "%s/%s", dir, name));
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

#endif
