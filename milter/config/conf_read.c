/*
 * conf_read.c - a configuration from its files: the text, then the policy, the keys and the tables it names.
 *
 * Complete or not at all: an error anywhere frees everything that was read, and the caller goes on with what it had. Counting
 * references is the only thing threads do to a configuration at the same time.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mailseal/conf_text.h"
#include "mailseal/log.h"

#include "config_int.h"

#define INSTALLED MAILSEAL_SYSCONFDIR "/mailseal.conf"

/* The directory of a file, absolute, so that a later chdir() or another place of the text changes nothing. */
static const char *directory_of(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct str dir = slash == NULL ? STR(".") : slash == path ? STR("/") : (struct str){ path, (size_t)(slash - path) };
    char *real = realpath(str_cstr(a, dir), NULL);
    if (real == NULL)
        return str_cstr(a, dir);
    arena_defer(a, free, real);
    return real;
}

/* ---- what it names ---- */

const char *conf_policy_dir(void)
{
    const char *dir = getenv("MAILSEAL_POLICYDIR");
    return dir != NULL ? dir : MAILSEAL_POLICYDIR;
}

static const char *policy_path(struct conf *c)
{
    if (strchr(c->policy_name, '/') != NULL)
        return c->policy_name;
    return str_cstr(c->arena, str_printf(c->arena, "%s/%s.policy", conf_policy_dir(), c->policy_name));
}

static bool read_keys(struct conf *c, struct conf_text *t)
{
    for (size_t i = 0; i < keyring_count(c->keyring); i++) {
        const struct sign_key *s = keyring_get(c->keyring, i);
        const char *reason;
        const struct key_secret *key = key_secret_read(c->arena, s->key_file, &reason);
        if (key == NULL)
            return conf_text_fail(t, t->sections[i].line, "sign \"%s\": key-file '%s': %s", s->domain, s->key_file, reason);
        keyring_set_key(c->keyring, i, key);
    }
    return true;
}

static void free_key(void *key)
{
    privkey_free(key);
}

static bool read_seal_key(struct conf *c, struct conf_text *t)
{
    const char *reason;
    size_t given = (c->seal_domain[0] != '\0') + (c->seal_selector[0] != '\0') + (c->seal_key_file[0] != '\0');
    if (given == 0)
        return true;
    if (given != 3)
        return conf_text_fail(t, 0, "seal-domain, seal-selector and seal-key-file belong together");
    c->seal_key = privkey_read(c->arena, c->seal_key_file, &reason);
    if (c->seal_key == NULL)
        return conf_text_fail(t, 0, "seal-key-file '%s': %s", c->seal_key_file, reason);
    arena_defer(c->arena, free_key, c->seal_key);
    return true;
}

/* Keys that stand in a section must be there; those of the directory and the tables are read when they are needed. */
static bool read_sources(struct conf *c, struct conf_text *t)
{
    struct key_lookup *dir = NULL;
    struct sign_table *table = NULL;
    struct sign_server *server = NULL;
    bool asked = table_spec_is_server(str_of(c->signing_table));
    if (asked != table_spec_is_server(str_of(c->key_table)))
        return conf_text_fail(t, conf_section_line(&t->top, "signing-table"),
                              "key-table and signing-table are either both files or both servers");
    if (c->key_directory[0] != '\0')
        dir = key_lookup_new(c->arena, c->key_directory, &c->sign);
    if (asked && (server = sign_server_new(c->arena, c, &t->error)) == NULL)
        return false;
    if (c->key_table[0] != '\0' && !asked && (table = sign_table_read(c->arena, t->arena, c, &t->error)) == NULL)
        return false;
    keyring_set_sources(c->keyring, dir, table, server);
    if (c->sender_login_map[0] != '\0')
        c->logins = login_map_read(c->arena, t->arena, c->servers, c->sender_login_map, &t->error);
    return c->sender_login_map[0] == '\0' || c->logins != NULL;
}

/* One table of a site: the line is that of its option, what is wrong may be in a line of its own. */
static bool open_table(struct conf *c, struct conf_text *t, const char *option, const char *spec, enum table_kind kind,
                       struct table **out)
{
    const char *error;
    if (spec[0] == '\0')
        return true;
    *out = table_read(c->arena, c->servers, spec, kind, &error);
    return *out != NULL || conf_text_fail(t, conf_section_line(&t->top, option), "%s: %s", option, error);
}

static bool open_tables(struct conf *c, struct conf_text *t)
{
    return open_table(c, t, "exempt-clients", c->specs.exempt_clients, TABLE_CLIENTS, &c->exempt_clients) &&
           open_table(c, t, "exempt-dkim-domains", c->specs.exempt_dkim_domains, TABLE_DOMAINS, &c->exempt_dkim_domains) &&
           open_table(c, t, "treat-as-reject", c->specs.treat_as_reject, TABLE_DOMAINS, &c->treat_as_reject) &&
           open_table(c, t, "never-reject", c->specs.never_reject, TABLE_DOMAINS, &c->never_reject) &&
           open_table(c, t, "require-dkim", c->specs.require_dkim, TABLE_DOMAINS, &c->require_dkim);
}

/* The one place that asks for the host name. A name that is no authserv-id cannot be one by accident of a set-up: then it is
 * the word every host has. */
static const char *host_name(struct arena *a)
{
    char name[256];
    if (gethostname(name, sizeof name) != 0)
        return "localhost";
    name[sizeof name - 1] = '\0';
    return authserv_id_is_valid(str_of(name)) ? str_cstr(a, str_of(name)) : "localhost";
}

static bool read_conf(struct conf *c, struct conf_text *t, bool may_be_missing)
{
    struct str text;
    c->path = str_cstr(c->arena, str_of(t->path));
    if (!conf_text_read(t, &text)) {
        if (!t->missing || !may_be_missing)
            return false;
        c->path = "";
    }
    if (!conf_text_scan(t, text) || !conf_parse(c, t, directory_of(c->arena, c->path)))
        return false;
    if (c->authserv_id[0] == '\0')
        c->authserv_id = host_name(c->arena);
    c->policy = policy_read(c->arena, policy_path(c), &t->error);
    return c->policy != NULL && read_keys(c, t) && read_sources(c, t) && read_seal_key(c, t) && open_tables(c, t);
}

/* ---- the door ---- */

struct conf *conf_read(const char *path, int flags, char **error)
{
    struct arena *a = arena_new(), *scratch = arena_new();
    struct conf *c = ARENA_NEW(a, struct conf);
    struct conf_text t;
    c->arena = a;
    c->servers = table_servers_new(a);
    atomic_init(&c->refs, 1);
    conf_text_init(&t, scratch, path != NULL ? path : INSTALLED);
    bool ok = read_conf(c, &t, path == NULL && (flags & CONF_DEFAULTS_OK) != 0);
    *error = ok ? NULL : strdup(t.error);
    arena_free(scratch);
    if (ok)
        return c;
    if (*error == NULL)
        BUG("out of memory for an error text");
    arena_free(a);
    return NULL;
}

struct conf *conf_ref(struct conf *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void conf_unref(struct conf *c)
{
    if (c != NULL && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
        arena_free(c->arena);
}
