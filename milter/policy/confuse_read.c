/*
 * confuse_read.c - scanned text into libconfuse, and its first error out of it; for profiles and configurations alike.
 *
 * libconfuse's lexer is global: one text is read at a time, by one thread. The meaning of the options is their rooms'.
 */
#include <stdio.h>

#include <confuse.h>

#include "mailseal/conf_text.h"
#include "mailseal/log.h"
#include "mailseal/policy.h"

/* libconfuse hands no pointer of ours to this function. The comment of a section is a string that it frees with the section and
 * does not use without CFGF_COMMENTS: there the first error waits, in the section where it was found. */
__attribute__((format(printf, 2, 0))) static void keep_error(cfg_t *cfg, const char *fmt, va_list ap)
{
    if (cfg->comment == NULL && vasprintf(&cfg->comment, fmt, ap) < 0)
        cfg->comment = NULL;
}

struct cfg_t *confuse_read(struct cfg_opt_t *table, const char *section, struct conf_text *t)
{
    cfg_t *cfg = cfg_init(table, CFGF_NONE);
    if (cfg == NULL)
        BUG("cfg_init: out of memory");
    cfg_set_error_function(cfg, keep_error);
    /* not every C library can open an empty text as a file */
    if (t->plain.n == 0 || cfg_parse_buf(cfg, t->plain.p) == CFG_SUCCESS)
        return cfg;
    unsigned n = cfg_size(cfg, section);
    cfg_t *at = cfg->comment == NULL && n > 0 ? cfg_getnsec(cfg, section, n - 1) : cfg;
    conf_text_fail(t, at->line, "%s", at->comment != NULL ? at->comment : "syntax error");
    cfg_free(cfg);
    return NULL;
}
