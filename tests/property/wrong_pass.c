/*
 * wrong_pass.c - a result is never a wrong pass: random inputs, changed by one byte, against independent readings.
 *
 * usage: wrong_pass [--seconds N] [--seed N] [--only NAME [--case N]] [--save DIRECTORY]
 *
 * The seconds (10) are shared by the properties, which are in prop_*.c. Each says ok or not ok; a violation is shown with its
 * input, which is also written to DIRECTORY (TMPDIR, /tmp) as .eml, with its DNS as .dns.json for `mailseal check --dns`. Cases
 * follow from the seed, but for the keys, which are new in each run. No verdict depends on the time: the clock is fixed.
 */
#include <getopt.h>
#include <unistd.h>

#include "mailseal/clock.h"
#include "mailseal/json.h"
#include "mailseal/log.h"
#include "mailseal/conf.h"

#include "tests/property/property.h"

static const struct property {
    const char *name, *what;
    bool (*run)(struct trial *t);
} properties[] = {
    { "P1", "a signed message with one byte changed passes only as what was signed", property_dkim },
    { "P2", "a key record with one byte changed passes only as the record it was", property_key },
    { "P3", "SPF passes only whom the records authorise", property_spf },
    { "P4", "DMARC passes only aligned identifiers of the domain", property_dmarc },
    { "P5", "the author domain stands behind the last @ of every mailbox", property_from },
    { "P6", "no Authentication-Results field but ours can be taken for ours", property_authres },
    { "P7", "the field we write says pass only where all of it holds", property_engine },
    { "P8", "no message has facts that the policy's analysis takes for impossible", property_facts },
};
enum { PROPERTIES = sizeof(properties) / sizeof(properties[0]) };

struct options {
    unsigned long seconds, seed, number;
    const char *only, *save;
    bool one_case;
};

/* ---- reports ---- */
static void save(const struct trial *t, const char *suffix, struct str text, const struct json *json)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/wrong_pass-%s-%lu-%lu.%s", t->save, t->name, t->seed, t->number, suffix);
    FILE *f = fopen(path, "we");
    bool good = f != NULL && (json != NULL ? js_write(f, json) : fwrite(text.p, 1, text.n, f) == text.n);
    if (f != NULL && fclose(f) != 0)
        good = false;
    printf("    %s %s\n", good ? "written to" : "cannot write", path);
}

bool trial_violated(struct trial *t, struct str input, const struct zone *zone, const char *fmt, ...)
{
    struct arena *a = arena_new();
    char what[4096];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    printf("not ok %s: %.*s\n", t->name, STR_FMT(str_escape(a, str_of(what), 8192)));
    printf("    input: %.*s\n", STR_FMT(str_escape(a, input, 16384)));
    printf("    again: wrong_pass --seed %lu --only %s --case %lu\n", t->seed, t->name, t->number);
    save(t, "eml", input, NULL);
    if (zone != NULL)
        save(t, "dns.json", STR_NONE, zone_json(zone));
    arena_free(a);
    return false;
}

/* ---- what all cases share ---- */
static struct conf *make_conf(const char *text)
{
    char path[] = "/tmp/wrong_pass-XXXXXX", *error = NULL;
    const char *srcdir = getenv("srcdir");
    char *top = realpath(srcdir != NULL ? srcdir : ".", NULL);
    int fd = mkstemp(path);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (f == NULL || top == NULL || fprintf(f, "policy = \"%s/policies/standard.policy\"\n%s", top, text) < 0 || fclose(f) != 0) {
        perror(path);
        exit(2);
    }
    free(top);
    struct conf *c = conf_read(path, 0, &error);
    unlink(path);
    if (c == NULL) {
        fprintf(stderr, "%s\n", error);
        exit(2);
    }
    return c;
}

static void make_keys(struct case_keys *k)
{
    k->key[KEY_RSA] = privkey_generate(KEY_RSA, 2048);
    k->key[KEY_ED25519] = privkey_generate(KEY_ED25519, 0);
    if (k->key[KEY_RSA] == NULL || k->key[KEY_ED25519] == NULL) {
        fprintf(stderr, "OpenSSL makes no keys\n");
        exit(2);
    }
    k->conf[0] = make_conf("authserv-id = \"mx.test\"\ntrusted-authserv-ids = {\"old.mx.test\"}\n");
    k->conf[1] = make_conf("authserv-id = \"xn--bcher-kva.test\"\ntrusted-authserv-ids = {\"old.mx.test\"}\n");
    k->conf[2] = make_conf("authserv-id = \"mx.test\"\ntrusted-relays = \"" PROPERTY_RELAY "\"\n"
                           "internal-networks = \"198.19.0.0/16\"\ndmarc-temperror = \"tempfail\"\nresolver-down-share = 100\n");
}

static void free_keys(struct case_keys *k)
{
    for (int i = 0; i < 2; i++)
        privkey_free(k->key[i]);
    for (int i = 0; i < 3; i++)
        conf_unref(k->conf[i]);
}

/* ---- running ---- */
static bool run_case(const struct property *p, const struct options *o, const struct case_keys *keys, unsigned long number,
                     struct trial *sums)
{
    struct trial t = { .arena = arena_new(), .keys = keys, .name = p->name, .save = o->save, .seed = o->seed, .number = number };
    t.random.s = random_seed(o->seed * PROPERTIES + (unsigned long)(p - properties), number);
    bool fine = p->run(&t);
    sums->mutations += t.mutations;
    sums->passes += t.passes;
    arena_free(t.arena);
    return fine;
}

static bool run_property(const struct property *p, const struct options *o, const struct case_keys *keys, int64_t until)
{
    struct trial sums = { 0 };
    bool fine = true;
    unsigned long number = o->number;
    do
        fine = run_case(p, o, keys, number++, &sums);
    while (fine && !o->one_case && clock_ms() < until);
    /* A property under which nothing ever passed has shown nothing. */
    if (fine && sums.passes == 0 && !o->one_case) {
        printf("not ok %s: wanted some passes .. got none in %lu mutations\n", p->name, sums.mutations);
        fine = false;
    } else if (fine) {
        printf("ok %s: %s (%lu mutations, %lu of them good)\n", p->name, p->what, sums.mutations, sums.passes);
    }
    fflush(stdout);
    return fine;
}

static unsigned long number_of(const char *text)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);
    if (end == text || *end != '\0') {
        fprintf(stderr, "'%s' is no number\n", text);
        exit(2);
    }
    return v;
}

static void read_options(int argc, char **argv, struct options *o)
{
    static const struct option names[] = { { "seconds", required_argument, NULL, 'n' }, { "seed", required_argument, NULL, 's' },
                                           { "only", required_argument, NULL, 'o' },    { "case", required_argument, NULL, 'c' },
                                           { "save", required_argument, NULL, 'd' },    { NULL, 0, NULL, 0 } };
    const char *dir = getenv("TMPDIR");
    *o = (struct options){ .seconds = 10, .save = dir != NULL ? dir : "/tmp" };
    o->seed = random_seed((uint64_t)clock_wall(), (uint64_t)getpid()) % 1000000000;
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'n':
            o->seconds = number_of(optarg);
            break;
        case 's':
            o->seed = number_of(optarg);
            break;
        case 'o':
            o->only = optarg;
            break;
        case 'c':
            o->number = number_of(optarg);
            o->one_case = true;
            break;
        case 'd':
            o->save = optarg;
            break;
        default:
            fprintf(stderr, "usage: wrong_pass [--seconds N] [--seed N] [--only NAME [--case N]] [--save DIRECTORY]\n");
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    struct options o;
    struct case_keys keys;
    size_t failed = 0, ran = 0, chosen = 0;
    read_options(argc, argv, &o);
    printf("seed %lu, %lu seconds\n", o.seed, o.seconds);
    fflush(stdout);
    log_open(false, LOG_LEVEL_ERROR);
    make_keys(&keys);
    clock_fix(NOW);
    for (size_t i = 0; i < PROPERTIES; i++)
        chosen += o.only == NULL || strcmp(o.only, properties[i].name) == 0;
    int64_t start = clock_ms();
    for (size_t i = 0; i < PROPERTIES; i++) {
        if (o.only != NULL && strcmp(o.only, properties[i].name) != 0)
            continue;
        ran++;
        failed += !run_property(&properties[i], &o, &keys, start + (int64_t)(o.seconds * 1000 * ran / chosen));
    }
    free_keys(&keys);
    return failed > 0 || ran == 0;
}
