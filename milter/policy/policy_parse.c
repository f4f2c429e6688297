/*
 * policy_parse.c - a profile from its file (libconfuse), checked as a whole: a profile is never half loaded.
 *
 * The language is described in mailseal-policy(5). Reply codes: RFC 5321 4.2, RFC 3463 2, RFC 7372. libconfuse is not safe for
 * threads: profiles are read at the start and on reload only. What no text may hold is refused by conf_text.c.
 */
#include <string.h>

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
};

static const struct fact *find_fact(struct str name)
{
    for (const struct fact *f = policy_fact_table; f->name != NULL; f++) {
        if (str_eq(name, str_of(f->name)))
            return f;
    }
    return NULL;
}

/* "fact=value", "fact!=value", with alternatives "fact=a|b". */
static bool parse_condition(struct reader *r, int line, struct str text, struct condition *out)
{
    struct str name, values, value;
    bool more = true, negated;

    if (!str_cut(text, '=', &name, &values))
        return conf_text_fail(&r->text, line, "'%.*s' is no condition: fact=value or fact!=value", STR_FMT(text));
    negated = name.n > 0 && name.p[name.n - 1] == '!';
    name = str_trim(str_first(name, name.n - negated));
    out->fact = find_fact(name);
    if (out->fact == NULL)
        return conf_text_fail(&r->text, line, "there is no fact '%.*s'", STR_FMT(name));
    out->values = 0;
    while (more) {
        int code;

        more = str_cut(values, '|', &value, &values);
        code = code_of(out->fact->values, str_trim(value));
        if (code < 0)
            return conf_text_fail(&r->text, line, "'%s' has no value '%.*s'", out->fact->name, STR_FMT(str_trim(value)));
        out->values |= UINT32_C(1) << (unsigned)code;
    }
    if (negated)
        out->values = ~out->values;
    return true;
}

static bool parse_when(struct reader *r, const struct conf_section *section, cfg_t *options, struct rule *rule)
{
    cfg_opt_t *when = cfg_getopt(options, "when");
    size_t n = cfg_opt_size(when);
    int line = conf_section_line(section, "when");

    if (n > LIMIT_POLICY_WHEN)
        return conf_text_fail(&r->text, line, "more than %d conditions", LIMIT_POLICY_WHEN);
    rule->when = ARENA_ARRAY(r->arena, struct condition, n);
    rule->n_when = n;
    for (size_t i = 0; i < n; i++) {
        if (!parse_condition(r, line, str_of(cfg_opt_getnstr(when, (unsigned)i)), &rule->when[i]))
            return false;
    }
    return true;
}

static bool add_variable(struct reader *r, int line, struct str name, struct piece *out)
{
    for (const struct variable *v = policy_variables; v->name != NULL; v++) {
        if (str_eq(name, str_of(v->name))) {
            out->variable = v;
            return true;
        }
    }
    return conf_text_fail(&r->text, line, "there is no variable '%.*s'", STR_FMT(name));
}

static bool starts_variable(struct str s)
{
    return s.n >= 2 && s.p[0] == '%' && s.p[1] == '{';
}

static bool parse_text(struct reader *r, int line, struct str text, struct rule *rule)
{
    rule->text = ARENA_ARRAY(r->arena, struct piece, POLICY_PIECES_MAX);
    while (text.n > 0) {
        struct piece *piece = &rule->text[rule->n_text];
        struct str name;
        size_t n = 0;

        if (rule->n_text++ == POLICY_PIECES_MAX)
            return conf_text_fail(&r->text, line, "the reply has too many variables");
        if (starts_variable(text)) {
            if (!str_cut(str_skip(text, 2), '}', &name, &text))
                return conf_text_fail(&r->text, line, "a variable is written %%{name}");
            if (!add_variable(r, line, name, piece))
                return false;
            continue;
        }
        while (n < text.n && !starts_variable(str_skip(text, n)))
            n++;
        piece->literal = str_dup(r->arena, str_first(text, n));
        text = str_skip(text, n);
    }
    return true;
}

/* RFC 3463 2: class "." subject "." detail */
static bool is_enhanced_code(struct str s)
{
    struct str rest, part;
    uint64_t value;

    if (!str_cut(s, '.', &part, &rest) || part.n != 1 || !str_to_uint(part, 9, &value))
        return false;
    if (!str_cut(rest, '.', &part, &rest) || part.n > 3 || !str_to_uint(part, 999, &value))
        return false;
    return rest.n <= 3 && str_to_uint(rest, 999, &value);
}

static bool parse_reply(struct reader *r, int line, struct str reply, struct rule *rule)
{
    struct str code, xcode, text;
    uint64_t number;
    char class = rule->action == ACTION_REJECT ? '5' : '4';

    for (size_t i = 0; i < reply.n; i++) {
        if (reply.p[i] < 0x20 || reply.p[i] > 0x7e)
            return conf_text_fail(&r->text, line, "a reply is printable ASCII");
    }
    if (reply.n > LIMIT_REPLY)
        return conf_text_fail(&r->text, line, "the reply is longer than %d characters", LIMIT_REPLY);
    if (!str_cut(reply, ' ', &code, &text) || code.n != 3 || !str_to_uint(code, 599, &number) ||
        !str_cut(text, ' ', &xcode, &text) || !is_enhanced_code(xcode) || str_trim(text).n == 0)
        return conf_text_fail(&r->text, line, "a reply is a code, an enhanced code and a text: 550 5.7.1 Text");
    /* RFC 5321 4.2.1, RFC 3463 3.1: the class of the code is that of the action, and both codes agree */
    if (code.p[0] != class)
        return conf_text_fail(&r->text, line, "the action %s needs a reply code %cxx", name_of(action_names, rule->action), class);
    if (xcode.p[0] != class)
        return conf_text_fail(&r->text, line, "the enhanced code must begin with %c like the reply code", class);
    rule->code = (int)number;
    rule->xcode = str_cstr(r->arena, xcode);
    return parse_text(r, line, str_trim(text), rule);
}

static bool parse_action(struct reader *r, const struct conf_section *section, cfg_t *options, struct rule *rule)
{
    const char *action = cfg_getstr(options, "action"), *reply = cfg_getstr(options, "reply");
    int line = conf_section_line(section, "action"), reply_line = conf_section_line(section, "reply"), code;

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
    return parse_reply(r, reply_line, str_of(reply), rule);
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
    rule->name = str_cstr(r->arena, sections[i].title);
    for (size_t before = 0; before < i; before++) {
        if (str_eq(sections[before].title, sections[i].title))
            return conf_text_fail(&r->text, sections[i].line, "there are two rules '%s', the first in line %d", rule->name,
                                  sections[before].line);
    }
    return true;
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

        if (i > 0 && rule[-1].n_when == 0)
            return conf_text_fail(&r->text, section->line, "this rule is never reached: rule '%s' before it matches everything",
                                  rule[-1].name);
        if (!parse_name(r, i, rule) || !parse_when(r, section, options, rule) || !parse_action(r, section, options, rule))
            return false;
    }
    if (policy->rules[n - 1].n_when > 0)
        return conf_text_fail(&r->text, r->text.sections[n - 1].line, "the last rule must match everything: it has no 'when'");
    return true;
}

static bool parse(struct reader *r, struct policy *policy)
{
    cfg_opt_t rule_options[] = { CFG_STR_LIST("when", 0, CFGF_NONE), CFG_STR("action", 0, CFGF_NONE),
                                 CFG_STR("reply", 0, CFGF_NONE), CFG_END() };
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

struct policy *policy_read(struct arena *a, const char *path, const char **error)
{
    struct reader r = { .arena = a };
    struct policy *policy = ARENA_NEW(a, struct policy);
    struct arena *scratch = arena_new();
    struct str text;
    bool ok;

    policy->name = base_name(a, path);
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
