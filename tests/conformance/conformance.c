/*
 * conformance.c - runs every case of the suites it is given and counts per suite and kind.
 *
 * usage: conformance [-v] DIR...   (a DIR is a suite, or holds suites)
 *
 * Exit code: 0 all cases passed, 1 some failed, 2 nothing could be run. An unknown kind ends the run.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "mailseal/clock.h"
#include "mailseal/limits.h"

#include "conformance.h"

static const struct kind {
    const char *name;
    enum verdict (*run)(struct test_case *c);
} kinds[] = {
    { "spf", case_spf },         { "dkim-verify", case_dkim_verify }, { "dkim-sign", case_dkim_sign }, { "dmarc", case_dmarc },
    { "authres", case_authres }, { "arc-verify", case_arc_verify },   { "arc-seal", case_arc_seal },
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

struct count {
    unsigned passed, failed, excepted;
};

static struct count totals[KINDS];
static bool verbose;

struct dns *case_dns(struct test_case *c, const struct json *zone)
{
    const char *error = NULL;
    struct dns *d =
        js_kind(zone) == JS_OBJECT ? dns_snapshot_of_json(zone, &error) : dns_snapshot_new(case_path(c, "dns_file"), &error);
    if (d == NULL)
        buf_printf(&c->text, "cannot read the zone: %s", error);
    return d;
}

const char *case_path(struct test_case *c, const char *member)
{
    struct str name = js_text(js_member(c->inputs, member));
    return str_cstr(c->arena, str_printf(c->arena, "%s/%.*s", c->dir, STR_FMT(name)));
}

bool case_file(struct test_case *c, const char *member, struct str *content)
{
    const char *path = case_path(c, member);
    FILE *f = fopen(path, "re");
    struct stat st;
    if (f == NULL || fstat(fileno(f), &st) != 0) {
        buf_printf(&c->text, "cannot open %s", path);
        if (f != NULL)
            fclose(f);
        return false;
    }
    char *p = arena_alloc(c->arena, (size_t)st.st_size);
    size_t n = fread(p, 1, (size_t)st.st_size, f);
    fclose(f);
    *content = (struct str){ p, n };
    return n == (size_t)st.st_size;
}

bool case_accepts(const struct json *want, const struct json *alternatives, const char *got)
{
    if (js_kind(want) == JS_ABSENT || str_ieq(js_text(want), str_of(got)))
        return true;
    for (size_t i = 0; i < js_count(alternatives); i++)
        if (str_ieq(js_text(js_item(alternatives, i)), str_of(got)))
            return true;
    return false;
}

bool case_same_text(struct test_case *c, const char *member, struct str got)
{
    const struct json *want = js_member(c->expect, member);
    if (js_kind(want) == JS_ABSENT || str_ieq(js_text(want), got))
        return true;
    buf_printf(&c->text, " %s: want '%.*s', got '%.*s'", member, STR_FMT(js_text(want)), STR_FMT(got));
    return false;
}

bool case_same_bool(struct test_case *c, const char *member, bool got)
{
    const struct json *want = js_member(c->expect, member);
    if (js_kind(want) != JS_BOOL || js_truth(want) == got)
        return true;
    buf_printf(&c->text, " %s: want %s", member, got ? "false, got true" : "true, got false");
    return false;
}

/* A case we hold to be wrong: the file has its id, what we say instead, and why by which section. Any other answer still fails. */
static bool is_excepted(const struct test_case *c, struct str id)
{
    const char *top = getenv("srcdir");
    const char *path = str_cstr(c->arena, str_printf(c->arena, "%s/tests/conformance/exceptions", top != NULL ? top : "."));
    char line[1024];
    bool found = false;
    FILE *f = fopen(path, "re");
    while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
        struct str name, rest, got;
        str_cut(str_of(line), ' ', &name, &rest);
        str_cut(rest, ' ', &got, &rest);
        found = str_eq(name, id) && got.n > 0 &&
                strstr(c->text.p, str_cstr(c->arena, str_printf(c->arena, "got %.*s ", STR_FMT(got)))) != NULL;
    }
    if (f != NULL)
        fclose(f);
    return found;
}

static void run_case(struct arena *a, const char *dir, const struct json *j, struct count counts[KINDS])
{
    int k = 0;
    while (k < KINDS && !str_eq(js_text(js_member(j, "kind")), str_of(kinds[k].name)))
        k++;
    if (k == KINDS) {
        printf("unknown kind of case in %s\n", dir);
        exit(2);
    }
    struct test_case c = { .arena = a, .dir = dir, .inputs = js_member(j, "inputs"), .expect = js_member(j, "expect") };
    c.now = js_integer(js_member(j, "now"));
    buf_init(&c.text, a, 65536);
    clock_fix(c.now);
    enum verdict v = kinds[k].run(&c);
    if (v == CASE_FAILED && is_excepted(&c, js_text(js_member(j, "id"))))
        v = CASE_EXCEPTED;
    counts[k].excepted += v == CASE_EXCEPTED;
    counts[k].passed += v == CASE_PASSED;
    counts[k].failed += v == CASE_FAILED;
    if (verbose && v == CASE_FAILED)
        printf("FAIL %.*s: %s\n", STR_FMT(js_text(js_member(j, "id"))), c.text.p);
}

static void print_counts(const char *suite, const struct count counts[KINDS])
{
    for (int k = 0; k < KINDS; k++) {
        const struct count *n = &counts[k];
        if (n->passed + n->failed + n->excepted == 0)
            continue;
        printf("%-24s %-12s %4u passed, %u failed", suite, kinds[k].name, n->passed, n->failed);
        if (n->excepted > 0)
            printf(", %u excepted", n->excepted);
        putchar('\n');
    }
}

static bool run_suite(const char *dir)
{
    struct count counts[KINDS] = { { 0, 0, 0 } };
    struct arena *names = arena_new();
    const char *path = str_cstr(names, str_printf(names, "%s/cases.jsonl", dir));
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    if (f == NULL) {
        arena_free(names);
        return false;
    }
    while ((n = getline(&line, &room, f)) > 0) {
        struct arena *a = arena_new();
        const char *error = NULL;
        const struct json *j = js_read(a, (struct str){ line, (size_t)n }, &error);
        if (j == NULL) {
            printf("%s: %s\n", path, error);
            exit(2);
        }
        run_case(a, dir, j, counts);
        arena_free(a);
    }
    free(line);
    fclose(f);
    const char *slash = strrchr(dir, '/');
    print_counts(slash != NULL && slash[1] != '\0' ? slash + 1 : dir, counts);
    for (int k = 0; k < KINDS; k++) {
        totals[k].passed += counts[k].passed;
        totals[k].failed += counts[k].failed;
        totals[k].excepted += counts[k].excepted;
    }
    arena_free(names);
    return true;
}

static void run_directory(const char *dir)
{
    struct dirent **entries;
    if (run_suite(dir))
        return;
    int n = scandir(dir, &entries, NULL, alphasort);
    if (n < 0)
        printf("cannot read directory %s\n", dir);
    for (int i = 0; i < n; i++) {
        char path[4096];
        if (entries[i]->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
            run_suite(path);
        }
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}

int main(int argc, char **argv)
{
    struct count all = { 0, 0, 0 };
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "-v") == 0)
            verbose = true;
        else
            run_directory(argv[i]);
    print_counts("all", totals);
    for (int k = 0; k < KINDS; k++) {
        all.passed += totals[k].passed;
        all.failed += totals[k].failed;
        all.excepted += totals[k].excepted;
    }
    if (all.passed + all.failed == 0) {
        puts("no case was run: usage: conformance [-v] DIR...");
        return 2;
    }
    printf("conformance: %u passed, %u failed, %u excepted\n", all.passed, all.failed, all.excepted);
    return all.failed > 0;
}
