/*
 * conf_parse.c - scanned text of a configuration file -> struct conf (a landlord of libconfuse).
 *
 * libconfuse gets every option as a string or list of strings, from the option tables; numbers, words and all else are
 * understood by option_value.c, so that each error says file, line, option and value. Files named in the text are
 * conf_read.c's.
 */
#include <confuse.h>

#include "mailseal/conf_text.h"
#include "mailseal/limits.h"
#include "mailseal/domain.h"

#include "config_int.h"

#define SIGN "sign"

struct parser {
    struct conf *conf;
    struct conf_text *text;
    const char *dir;
};

/* Room for one more row and the end. */
static cfg_opt_t *confuse_table(struct arena *a, const struct conf_option *table, size_t *n)
{
    for (*n = 0; table[*n].name != NULL;)
        ++*n;
    cfg_opt_t *rows = ARENA_ARRAY(a, cfg_opt_t, *n + 2);
    for (size_t i = 0; i < *n; i++) {
        cfg_flag_t list = option_is_list(&table[i]) ? CFGF_LIST : CFGF_NONE;
        rows[i] = (cfg_opt_t){ .name = table[i].name, .type = CFGT_STR, .flags = CFGF_NODEFAULT | list };
    }
    return rows;
}

static cfg_t *read_text(struct conf_text *t)
{
    size_t n, n_sign;
    cfg_opt_t *rows = confuse_table(t->arena, conf_options, &n);
    cfg_opt_t *sign_rows = confuse_table(t->arena, sign_options, &n_sign);
    rows[n] = (cfg_opt_t){ .name = SIGN, .type = CFGT_SEC, .flags = CFGF_MULTI | CFGF_TITLE, .subopts = sign_rows };
    return confuse_read(rows, SIGN, t);
}

static bool apply(struct parser *p, const struct conf_option *table, void *base, cfg_t *cfg, const struct conf_section *section)
{
    struct arena *a = p->conf->arena;
    for (const struct conf_option *o = table; o->name != NULL; o++) {
        const char *reason;
        int line = conf_section_line(section, o->name);
        if (line == 0)
            continue;
        unsigned n = cfg_size(cfg, o->name);
        struct strings text = { ARENA_ARRAY(a, const char *, n), n };
        for (unsigned i = 0; i < n; i++)
            text.v[i] = cfg_getnstr(cfg, o->name, i);
        if (!option_set(o, base, a, p->dir, text, &reason))
            return conf_text_fail(p->text, line, "%s: %s", o->name, reason);
    }
    return true;
}

/* What a section needs beyond its options, each for itself. NULL when nothing is wrong. */
static const char *key_fault(struct arena *a, struct sign_key *key)
{
    const char *reason;
    if (key->selector[0] == '\0')
        return "selector is missing";
    if (key->key_file[0] == '\0')
        return "key-file is missing";
    if (key->identity[0] != '\0' && !dkim_identity_fits(a, str_of(key->identity), str_of(key->domain)))
        return "identity is not within the domain";
    return sign_key_expand(key, a, &reason) ? NULL : reason;
}

static bool add_section(struct parser *p, cfg_t *cfg, const struct conf_section *section)
{
    struct arena *a = p->conf->arena;
    struct sign_key *key = ARENA_NEW(a, struct sign_key);
    struct str title = str_first(section->title, LIMIT_DOMAIN), domain;
    options_default(sign_options, key, a);
    if (!domain_normalise(a, section->title, &domain))
        return conf_text_fail(p->text, section->line, "sign: '%.*s' is no domain name", STR_FMT(title));
    key->domain = str_cstr(a, domain);
    if (!apply(p, sign_options, key, cfg, section))
        return false;
    const char *reason = key_fault(a, key);
    if (reason != NULL || !keyring_add(p->conf->keyring, key, &reason))
        return conf_text_fail(p->text, section->line, "sign \"%.*s\": %s", STR_FMT(title), reason);
    return true;
}

static bool add_sections(struct parser *p, cfg_t *cfg)
{
    size_t n = p->text->n_sections;
    p->conf->keyring = keyring_new(p->conf->arena, n);
    for (size_t i = 0; i < n; i++) {
        if (!add_section(p, cfg_getnsec(cfg, SIGN, (unsigned)i), &p->text->sections[i]))
            return false;
    }
    return true;
}

/* What the options of the directory and the tables need of each other. */
static bool check_tables(struct parser *p)
{
    struct conf *c = p->conf;
    const char *reason;
    bool keys = c->key_table[0] != '\0', patterns = c->signing_table[0] != '\0';
    if (keys != patterns)
        return conf_text_fail(p->text, conf_section_line(&p->text->top, keys ? "key-table" : "signing-table"),
                              "key-table and signing-table need each other");
    c->sign.subdomains = c->sign_subdomains;
    c->algorithms = sign_algorithms_new(c->arena, &c->sign_algorithms);
    if (!sign_key_expand(&c->sign, c->arena, &reason))
        return conf_text_fail(p->text, conf_section_line(&p->text->top, "sign-headers"), "sign-%s", reason);
    return true;
}

bool conf_parse(struct conf *c, struct conf_text *t, const char *dir)
{
    struct parser p = { c, t, dir };
    cfg_t *cfg = read_text(t);
    if (cfg == NULL)
        return false;
    options_default(sign_options, &c->sign, c->arena);
    options_default(conf_options, c, c->arena);
    bool ok = apply(&p, conf_options, c, cfg, &t->top) && check_tables(&p) && add_sections(&p, cfg);
    cfg_free(cfg);
    return ok;
}
