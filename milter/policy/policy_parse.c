/*
 * policy_parse.c - a profile from its file (libconfuse), checked as a whole: a profile is never half loaded.
 *
 * The language is described in mailseal-policy(5); conditions are read in condition.c, replies in reply.c. libconfuse is
 * not safe for threads: profiles are read at the start and on reload only. What no text may hold is refused by conf_text.c.
 */
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <confuse.h>

#include "mailseal/arena.h"
#include "mailseal/conf_text.h"
#include "mailseal/limits.h"
#include "mailseal/str.h"
#include "mailseal/policy.h"

#include "policy_int.h"

#define RULE "rule"

struct reader {
    struct arena *arena; /* of the profile; the text has its own */
    struct conf_text text;
    struct policy *policy;
};

static bool add_condition(struct reader *r, int line, struct str text, struct rule *rule)
{
    const char *error = condition_parse(r->arena, &r->policy->tables, text, &rule->when[rule->n_when++]);

    return error == NULL || conf_text_fail(&r->text, line, "%s", error);
}

/* A rule that does not mention who sends is about mail that comes in, or a rule for forgeries would judge our own users: its first
 * condition, which says so, stays. */
static bool says_who_sends(const struct rule *rule)
{
    for (size_t i = 1; i < rule->n_when; i++) {
        size_t offset = rule->when[i].fact->offset;

        if (offset == offsetof(struct policy_facts, direction) || offset == offsetof(struct policy_facts, client) ||
            offset == offsetof(struct policy_facts, authenticated))
            return true;
    }
    return false;
}

static bool parse_when(struct reader *r, const struct conf_section *section, cfg_t *options, struct rule *rule)
{
    cfg_opt_t *when = cfg_getopt(options, "when");
    size_t n = cfg_opt_size(when);
    int line = conf_section_line(section, "when");

    if (n > LIMIT_POLICY_WHEN)
        return conf_text_fail(&r->text, line, "more than %d conditions", LIMIT_POLICY_WHEN);
    rule->all = n == 0;
    rule->when = ARENA_ARRAY(r->arena, struct condition, n + 1);
    if (!add_condition(r, line, STR("direction=inbound"), rule))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!add_condition(r, line, str_of(cfg_opt_getnstr(when, (unsigned)i)), rule))
            return false;
    }
    if (says_who_sends(rule)) {
        rule->when++;
        rule->n_when--;
    }
    return true;
}

static bool parse_action(struct reader *r, const struct conf_section *section, cfg_t *options, struct rule *rule)
{
    const char *action = cfg_getstr(options, "action"), *reply = cfg_getstr(options, "reply");
    int line = conf_section_line(section, "action"), reply_line = conf_section_line(section, "reply"), code;
    const char *error;

    if (action == NULL)
        return conf_text_fail(&r->text, section->line, "rule '%s' has no action", rule->name);
    code = code_of(action_names, str_of(action));
    if (code < 0)
        return conf_text_fail(&r->text, line, "there is no action '%s'", action);
    rule->action = (enum action)code;
    rule->xcode = "";
    if (rule->action != ACTION_REJECT && rule->action != ACTION_TEMPFAIL) {
        if (reply != NULL)
            return conf_text_fail(&r->text, reply_line, "rule '%s' has a reply, but the action %s sends none", rule->name, action);
        return true;
    }
    /* RFC 9989 7.2: the sender must be told what failed, and no text of ours could know what the rule is about */
    if (reply == NULL)
        return conf_text_fail(&r->text, line, "rule '%s' needs a reply", rule->name);
    error = reply_parse(r->arena, str_of(reply), rule);
    return error == NULL || conf_text_fail(&r->text, reply_line, "%s", error);
}

/* Why a rule is there, and who answers for it: they stand in logs and replies. */
static bool parse_note(struct reader *r, const struct conf_section *section, cfg_t *options, const char *name, const char **out)
{
    const char *note = cfg_getstr(options, name);
    struct str s = str_of(note);
    int line = conf_section_line(section, name);

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 0x20 || s.p[i] > 0x7e)
            return conf_text_fail(&r->text, line, "'%s' is printable ASCII", name);
    }
    if (note != NULL && (s.n == 0 || s.n > POLICY_NOTE_MAX))
        return conf_text_fail(&r->text, line, "'%s' is a text of 1 to %d characters", name, POLICY_NOTE_MAX);
    *out = str_cstr(r->arena, s);
    return true;
}

/* "2027-01-31": matches until that day is over, UTC. */
static bool read_date(struct str s, int64_t *end)
{
    uint64_t year, month, day;
    struct tm tm = { .tm_isdst = 0 }, same;
    time_t midnight;

    if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-' || !str_to_uint(str_first(s, 4), 9999, &year) ||
        !str_to_uint(str_first(str_skip(s, 5), 2), 12, &month) || !str_to_uint(str_skip(s, 8), 31, &day) || year < 1970)
        return false;
    tm.tm_year = (int)year - 1900;
    tm.tm_mon = (int)month - 1;
    tm.tm_mday = (int)day;
    midnight = timegm(&tm);
    *end = (int64_t)midnight + 24 * 60 * 60;
    /* the 31st of a month without one has become another day */
    return gmtime_r(&midnight, &same) != NULL && same.tm_mday == (int)day && same.tm_mon == (int)month - 1;
}

static bool parse_notes(struct reader *r, const struct conf_section *section, cfg_t *options, struct rule *rule)
{
    const char *expires = cfg_getstr(options, "expires");

    if (!parse_note(r, section, options, "reason", &rule->reason) || !parse_note(r, section, options, "owner", &rule->owner))
        return false;
    return expires == NULL || read_date(str_of(expires), &rule->expires) ||
           conf_text_fail(&r->text, conf_section_line(section, "expires"), "'%s' is no date: YYYY-MM-DD", expires);
}

static bool is_rule_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!char_is_alnum(s.p[i]) && strchr(" -_.", s.p[i]) == NULL)
            return false;
    }
    return s.n > 0 && s.n <= POLICY_NAME_MAX && str_eq(s, str_trim(s));
}

/* Names stand in the log: each means one rule. */
static bool parse_name(struct reader *r, size_t i, struct rule *rule)
{
    const struct conf_section *sections = r->text.sections;

    if (!is_rule_name(sections[i].title))
        return conf_text_fail(&r->text, sections[i].line, "a rule's name is 1 to %d letters, digits, spaces, '-', '_' and '.'",
                              POLICY_NAME_MAX);
    if (str_eq(sections[i].title, STR(POLICY_EXEMPT)))
        return conf_text_fail(&r->text, sections[i].line, "the name '%s' is taken: of outbound mail that no rule matches",
                              POLICY_EXEMPT);
    rule->name = str_cstr(r->arena, sections[i].title);
    rule->line = sections[i].line;
    for (size_t before = 0; before < i; before++) {
        if (str_eq(sections[before].title, sections[i].title))
            return conf_text_fail(&r->text, sections[i].line, "there are two rules '%s', the first in line %d", rule->name,
                                  sections[before].line);
    }
    return true;
}

/* Whatever comes in, and whenever: there is a rule for it. */
static bool check_last(struct reader *r, const struct rule *last)
{
    if (!last->all)
        return conf_text_fail(&r->text, last->line, "the last rule must match everything: it has no 'when'");
    if (last->expires != 0)
        return conf_text_fail(&r->text, last->line, "the last rule must match everything: it cannot expire");
    if (last->action == ACTION_TEMPFAIL)
        return conf_text_fail(&r->text, last->line, "the last rule must match everything: tempfail has its limits");
    return true;
}

static bool check_reach(struct reader *r)
{
    const char *why;
    const struct rule *dead = policy_dead_rule(r->text.arena, r->policy->rules, r->policy->n_rules, &why);

    return dead == NULL || conf_text_fail(&r->text, dead->line, "rule '%s' can never match: %s", dead->name, why);
}

static bool parse_rules(struct reader *r, cfg_t *cfg, struct policy *policy)
{
    size_t n = r->text.n_sections;

    policy->n_rules = n;
    policy->rules = ARENA_ARRAY(r->arena, struct rule, n);
    for (size_t i = 0; i < n; i++) {
        const struct conf_section *section = &r->text.sections[i];
        cfg_t *options = cfg_getnsec(cfg, RULE, (unsigned)i);
        struct rule *rule = &policy->rules[i];

        if (!parse_name(r, i, rule) || !parse_when(r, section, options, rule) || !parse_action(r, section, options, rule) ||
            !parse_notes(r, section, options, rule))
            return false;
    }
    return check_last(r, &policy->rules[n - 1]) && check_reach(r);
}

static bool parse(struct reader *r, struct policy *policy)
{
    cfg_opt_t rule_options[] = { CFG_STR_LIST("when", 0, CFGF_NONE),
                                 CFG_STR("action", 0, CFGF_NONE),
                                 CFG_STR("reply", 0, CFGF_NONE),
                                 CFG_STR("reason", 0, CFGF_NONE),
                                 CFG_STR("owner", 0, CFGF_NONE),
                                 CFG_STR("expires", 0, CFGF_NONE),
                                 CFG_END() };
    cfg_opt_t options[] = { CFG_SEC(RULE, rule_options, CFGF_MULTI | CFGF_TITLE), CFG_END() };
    cfg_t *cfg;
    bool ok;

    if (r->text.n_sections > LIMIT_POLICY_RULES)
        return conf_text_fail(&r->text, r->text.sections[LIMIT_POLICY_RULES].line, "more than %d rules", LIMIT_POLICY_RULES);
    cfg = confuse_read(options, RULE, &r->text);
    if (cfg == NULL)
        return false;
    ok = r->text.n_sections > 0 ? parse_rules(r, cfg, policy) : conf_text_fail(&r->text, 1, "there is no rule");
    cfg_free(cfg);
    return ok;
}

/* "standard" of ".../standard.policy" */
static const char *base_name(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct str name = str_of(slash != NULL ? slash + 1 : path), stem, suffix;

    if (str_rcut(name, '.', &stem, &suffix) && str_eq(suffix, STR("policy")) && stem.n > 0)
        name = stem;
    return str_cstr(a, name);
}

static const char *dir_name(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? "." : str_cstr(a, (struct str){ path, (size_t)(slash - path) });
}

struct policy *policy_read(struct arena *a, const char *path, const char **error)
{
    struct policy *policy = ARENA_NEW(a, struct policy);
    struct reader r = { .arena = a, .policy = policy };
    struct arena *scratch = arena_new();
    struct str text;
    bool ok;

    policy->name = base_name(a, path);
    policy->tables.dir = dir_name(a, path);
    conf_text_init(&r.text, scratch, path);
    ok = conf_text_read(&r.text, &text) && conf_text_scan(&r.text, text) && parse(&r, policy);
    if (!ok)
        *error = str_cstr(a, str_of(r.text.error));
    arena_free(scratch);
    return ok ? policy : NULL;
}

const char *policy_name(const struct policy *p)
{
    return p->name;
}

size_t policy_count(const struct policy *p)
{
    return p->n_rules;
}
