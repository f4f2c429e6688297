/*
 * explain_past.c - `mailseal explain --id`: why a message of the journal was treated as it was, with the DNS answers of its time.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/cmd.h"
#include "mailseal/engine.h"
#include "mailseal/journal.h"
#include "mailseal/json.h"

#include "explain_past.h"

#define NAME "explain"

struct request {
    const char *id, *journal, *conf_path;
    bool json;
};

enum { OPT_ID = 256, OPT_JOURNAL, OPT_JSON };

static const struct option options[] = {
    { "id", required_argument, NULL, OPT_ID },
    { "journal", required_argument, NULL, OPT_JOURNAL },
    { "config", required_argument, NULL, 'c' },
    { "json", no_argument, NULL, OPT_JSON },
    { NULL, 0, NULL, 0 },
};

bool explain_is_past(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--id") == 0 || strncmp(argv[i], "--id=", 5) == 0)
            return true;
    return false;
}

/* -1: go on; else the exit code. */
static int parse_arguments(struct request *r, int argc, char **argv)
{
    int opt;
    opterr = 0;
    while ((opt = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        switch (opt) {
        case OPT_ID:
            r->id = optarg;
            break;
        case OPT_JOURNAL:
            r->journal = optarg;
            break;
        case 'c':
            r->conf_path = optarg;
            break;
        case OPT_JSON:
            r->json = true;
            break;
        default:
            return cmd_usage_error(NAME, "option '%s' is unknown, lacks its value or does not go with --id", argv[optind - 1]);
        }
    }
    return optind == argc ? -1 : cmd_usage_error(NAME, "'%s': a message file does not go with --id", argv[optind]);
}

struct copy {
    struct arena *arena;
    struct json *to;
};

static void copy_member(void *ctx, struct str key, const struct json *value)
{
    struct copy *c = ctx;
    js_add_shared(c->to, str_cstr(c->arena, key), value);
}

/* What was kept, with what the entry says beside it. */
static struct json *document(struct arena *a, const struct journal_entry *e, const struct json *kept)
{
    struct copy c = { a, js_object(a) };
    js_each(kept, copy_member, &c);
    js_add_text(c.to, "queue_id", e->queue_id);
    js_add_integer(c.to, "time", e->time);
    js_add_integer(c.to, "messages_of_id", (int64_t)e->with_its_id);
    cmd_add_profiles(c.to, a);
    return c.to;
}

static bool print(const struct request *r, struct arena *a, const struct journal_entry *e, const struct json *doc)
{
    if (r->json)
        return js_write(stdout, doc);
    printf("Message %s of %s UTC, as the journal has it.\n", str_cstr(a, str_escape(a, e->queue_id, LIMIT_LOG_LINE)),
           cmd_time(a, e->time));
    if (e->with_its_id > 1)
        printf("It is the newest of %zu messages with this queue id.\n", e->with_its_id);
    puts("");
    explain_print(stdout, a, doc);
    if (!js_truth(js_member(doc, "dns_whole")))
        puts("\nNot all DNS answers were kept.");
    return fflush(stdout) == 0 && ferror(stdout) == 0;
}

static int explain(const struct request *r, struct arena *a)
{
    struct journal_entry e;
    const char *error, *journal = cmd_journal(NAME, a, r->journal, r->conf_path);
    if (journal == NULL)
        return 1;
    if (!journal_find(a, journal, str_of(r->id), &e, &error))
        return cmd_fail(NAME, "%s", error);
    if (e.detail.n == 0)
        return cmd_fail(NAME, "'%s': the explanation of '%s' was too long to be kept", journal, r->id);
    const struct json *kept = js_read(a, e.detail, &error);
    if (js_kind(kept) != JS_OBJECT)
        return cmd_fail(NAME, "'%s': the explanation of '%s' is damaged", journal, r->id);
    return print(r, a, &e, document(a, &e, kept)) ? 0 : cmd_fail(NAME, "cannot write to stdout");
}

int explain_past(int argc, char **argv)
{
    struct arena *a = arena_new();
    struct request r = { .json = false };
    int code = parse_arguments(&r, argc, argv);
    if (code < 0)
        code = explain(&r, a);
    arena_free(a);
    return code;
}
