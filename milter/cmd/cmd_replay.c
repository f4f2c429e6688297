/*
 * cmd_replay.c - `mailseal replay`: how many messages of the journal another policy would have treated differently.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/clock.h"
#include "mailseal/cmd.h"
#include "mailseal/json.h"
#include "mailseal/log.h"
#include "mailseal/map.h"

#include "replay.h"

#define NAME   "replay"
#define GROUPS 20 /* printed of each change */

struct request {
    const char *policy, *journal, *conf_path;
    int64_t since; /* seconds since 1970 */
    size_t examples;
    bool json;
};

static void help(void)
{
    puts("usage: mailseal replay --policy NAME|FILE [OPTION...]\n"
         "\n"
         "Tells which messages of the verdict journal another policy would have treated differently.\n"
         "\n"
         "  --policy NAME|FILE  an installed profile, or a file: with a '/' or ending in .policy\n"
         "  --since AGE         only messages of this age: a number and s, m, h, d or w (7d)\n"
         "  --journal FILE      the journal (default: that of the configuration)\n"
         "  --examples N        messages named for each group, 0 to 20 (default: 3)\n"
         "  -c, --config FILE   configuration (default: the installed one)\n"
         "  --json              one JSON object on stdout\n"
         "\n"
         "Exit code: 0 it was told, 1 it could not be, 2 wrong usage.");
}

enum { OPT_POLICY = 256, OPT_SINCE, OPT_JOURNAL, OPT_EXAMPLES, OPT_JSON, OPT_HELP };

static const struct option options[] = {
    { "policy", required_argument, NULL, OPT_POLICY },
    { "since", required_argument, NULL, OPT_SINCE },
    { "journal", required_argument, NULL, OPT_JOURNAL },
    { "examples", required_argument, NULL, OPT_EXAMPLES },
    { "config", required_argument, NULL, 'c' },
    { "json", no_argument, NULL, OPT_JSON },
    { "help", no_argument, NULL, OPT_HELP },
    { NULL, 0, NULL, 0 },
};

static int take_since(struct request *r, const char *word)
{
    static const struct name_code units[] = {
        { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 }, { "w", 604800 }, { NULL, 0 }
    };
    struct str text = str_of(word);
    uint64_t number;
    int unit = text.n > 1 ? code_of(units, str_skip(text, text.n - 1)) : -1;
    if (unit < 0 || !str_to_uint(str_first(text, text.n - 1), UINT32_MAX, &number))
        return cmd_usage_error(NAME, "--since '%s' is no age (a number and s, m, h, d or w)", word);
    r->since = clock_wall() - (int64_t)number * unit;
    return -1;
}

static int take_examples(struct request *r, const char *word)
{
    uint64_t number;
    if (!str_to_uint(str_of(word), REPLAY_EXAMPLES_MAX, &number))
        return cmd_usage_error(NAME, "--examples '%s' is no number from 0 to %d", word, REPLAY_EXAMPLES_MAX);
    r->examples = number;
    return -1;
}

/* -1: go on; else the exit code. */
static int take_option(void *ctx, int opt)
{
    struct request *r = ctx;
    switch (opt) {
    case OPT_POLICY:
        r->policy = optarg;
        return -1;
    case OPT_SINCE:
        return take_since(r, optarg);
    case OPT_JOURNAL:
        r->journal = optarg;
        return -1;
    case OPT_EXAMPLES:
        return take_examples(r, optarg);
    case 'c':
        r->conf_path = optarg;
        return -1;
    case OPT_JSON:
        r->json = true;
        return -1;
    case OPT_HELP:
        help();
        return 0;
    default:
        BUG("option %d", opt);
    }
}

static int parse_arguments(struct request *r, int argc, char **argv)
{
    int code = cmd_options(NAME, "c:", options, take_option, r, argc, argv);
    if (code >= 0)
        return code;
    if (optind != argc)
        return cmd_usage_error(NAME, "'%s' is too much", argv[optind]);
    return r->policy != NULL ? -1 : cmd_usage_error(NAME, "--policy is needed");
}

/* ---- telling ---- */

/* What mail and files supply, on a terminal. */
static const char *shown(struct arena *a, struct str s)
{
    return s.n > 0 ? str_cstr(a, str_escape(a, s, LIMIT_LOG_LINE)) : "-";
}

static const char *action_name(enum action action)
{
    return name_of(action_names, (int)action);
}

static size_t example_count(const struct replay *r, const struct replay_group *g)
{
    return g->count < r->max_examples ? (size_t)g->count : r->max_examples;
}

/* The i-th of those kept, oldest first. */
static const struct replay_example *example(const struct replay *r, const struct replay_group *g, size_t i)
{
    return &g->examples[g->count < r->max_examples ? i : (g->count + i) % r->max_examples];
}

/* Groups beyond those kept apart are in the one without a domain. */
static const char *domain_of(const struct replay *r, struct arena *a, const struct replay_group *g)
{
    return g->domain.n == 0 && map_count(r->groups) >= REPLAY_GROUPS_MAX ? "(other domains)" : shown(a, g->domain);
}

static void print_group(const struct replay *r, struct arena *a, const struct replay_group *g)
{
    printf("%8llu  %s: rule '%s'", (unsigned long long)g->count, domain_of(r, a, g), shown(a, str_of(g->rule)));
    if (g->reason[0] != '\0')
        printf(" (%s)", shown(a, str_of(g->reason)));
    printf(" instead of '%s'\n", shown(a, g->was_rule));
    for (size_t i = 0; i < example_count(r, g); i++) {
        const struct replay_example *x = example(r, g, i);
        printf("          %s  %s\n", cmd_time(a, x->time), shown(a, str_of(x->queue_id)));
    }
}

/* The groups of one change; returns how many there are. */
static size_t print_change(const struct replay *r, struct arena *a, struct replay_group **v, size_t n)
{
    size_t end = 0;
    uint64_t messages = 0, rest = 0;
    for (; end < n && v[end]->was == v[0]->was && v[end]->is == v[0]->is; end++) {
        messages += v[end]->count;
        rest += end >= GROUPS ? v[end]->count : 0;
    }
    printf("\n%s -> %s: %llu\n", action_name(v[0]->was), action_name(v[0]->is), (unsigned long long)messages);
    for (size_t i = 0; i < end && i < GROUPS; i++)
        print_group(r, a, v[i]);
    if (end > GROUPS)
        printf("%8llu  in %zu further groups\n", (unsigned long long)rest, end - GROUPS);
    return end;
}

static void print_text(const struct replay *r, struct arena *a)
{
    size_t n;
    struct replay_group **v = replay_groups(r, &n);
    printf("%llu messages", (unsigned long long)r->messages);
    if (r->messages > 0)
        printf(" from %s to %s UTC", cmd_time(a, r->first), cmd_time(a, r->last));
    printf(", %llu of them treated differently by policy '%s'\n", (unsigned long long)r->different,
           shown(a, str_of(policy_name(r->policy))));
    if (r->unreadable > 0)
        printf("%llu further entries could not be understood\n", (unsigned long long)r->unreadable);
    for (size_t i = 0; i < n;)
        i += print_change(r, a, v + i, n - i);
}

static void add_group(struct json *groups, const struct replay *r, const struct replay_group *g)
{
    struct json *o = js_add_object(groups, NULL), *examples;
    js_add_text(o, "from", str_of(action_name(g->was)));
    js_add_text(o, "to", str_of(action_name(g->is)));
    js_add_text(o, "domain", g->domain);
    js_add_text(o, "from_rule", g->was_rule);
    js_add_text(o, "rule", str_of(g->rule));
    js_add_text(o, "reason", str_of(g->reason));
    js_add_integer(o, "messages", (int64_t)g->count);
    examples = js_add_array(o, "examples");
    for (size_t i = 0; i < example_count(r, g); i++) {
        struct json *x = js_add_object(examples, NULL);
        js_add_integer(x, "time", example(r, g, i)->time);
        js_add_text(x, "queue_id", str_of(example(r, g, i)->queue_id));
    }
}

static bool print_json(const struct replay *r, struct arena *a)
{
    size_t n;
    struct replay_group **v = replay_groups(r, &n);
    struct json *j = js_object(a);
    js_add_text(j, "policy", str_of(policy_name(r->policy)));
    js_add_integer(j, "messages", (int64_t)r->messages);
    js_add_integer(j, "different", (int64_t)r->different);
    js_add_integer(j, "unreadable", (int64_t)r->unreadable);
    js_add_integer(j, "first", r->first);
    js_add_integer(j, "last", r->last);
    struct json *groups = js_add_array(j, "groups");
    for (size_t i = 0; i < n; i++)
        add_group(groups, r, v[i]);
    return js_write(stdout, j);
}

/* ---- doing ---- */

static const char *policy_path(struct arena *a, const char *policy)
{
    static const char suffix[] = ".policy";
    size_t n = strlen(policy);
    if (strchr(policy, '/') != NULL || (n > sizeof(suffix) - 1 && strcmp(policy + n - (sizeof(suffix) - 1), suffix) == 0))
        return policy;
    return str_cstr(a, str_printf(a, "%s/%s%s", conf_policy_dir(), policy, suffix));
}

static int replay(const struct request *r, struct arena *a)
{
    const char *error = NULL, *journal = cmd_journal(NAME, a, r->journal, r->conf_path);
    struct replay result;
    if (journal == NULL)
        return 1;
    const struct policy *policy = policy_read(a, policy_path(a, r->policy), &error);
    if (policy == NULL)
        return cmd_fail(NAME, "%s", error);
    replay_init(&result, a, policy, r->examples);
    if (!journal_each(a, journal, r->since, replay_entry, &result, &error))
        return cmd_fail(NAME, "%s", error);
    if (!r->json)
        print_text(&result, a);
    bool printed = r->json ? print_json(&result, a) : fflush(stdout) == 0 && ferror(stdout) == 0;
    return printed ? 0 : cmd_fail(NAME, "cannot write to stdout");
}

int cmd_replay(int argc, char **argv)
{
    struct arena *a = arena_new();
    struct request r = { .examples = 3 };
    int code = parse_arguments(&r, argc, argv);
    if (code < 0)
        code = replay(&r, a);
    arena_free(a);
    return code;
}
