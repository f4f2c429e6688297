/*
 * conf_show.c - the options, told to people: `mailseal config show`, and the option lists of mailseal.conf(5).
 *
 * What is shown can be read back as the same configuration. Keys are named by their files only.
 */
#include <inttypes.h>

#include "mailseal/limits.h"

#include "config_int.h"

/* ---- the file's own syntax ---- */

static void show_options(FILE *f, const struct conf_option *table, const void *base, const char *indent, bool comments)
{
    for (const struct conf_option *o = table; o->name != NULL; o++) {
        struct arena *a = arena_new();
        struct buf value;
        buf_init(&value, a, LIMIT_CONFIG_FILE);
        option_write(o, base, &value);
        if (comments)
            fprintf(f, "%s# %s\n", indent, o->doc);
        fprintf(f, "%s%s = %s\n", indent, o->name, value.p);
        arena_free(a);
    }
}

void conf_show(FILE *f, const struct conf *c)
{
    show_options(f, conf_options, c, "", true);
    for (size_t i = 0; i < keyring_count(c->keyring); i++) {
        const struct sign_key *key = keyring_get(c->keyring, i);
        fprintf(f, "\nsign \"%s\" {\n", key->domain);
        show_options(f, sign_options, key, "    ", i == 0);
        fputs("}\n", f);
    }
}

/* ---- the manual ---- */

/* Lines of a manual have at most 80 columns. */
static void describe_wrapped(FILE *f, struct str text)
{
    struct str word;
    size_t column = 0;
    while (text.n > 0) {
        (void)str_cut(text, ' ', &word, &text);
        bool fits = column > 0 && column + 1 + word.n <= 80;
        fprintf(f, "%s%.*s", column == 0 ? "" : fits ? " " : "\n", STR_FMT(word));
        column = fits ? column + 1 + word.n : word.n;
    }
    fputc('\n', f);
}

static void describe_words(FILE *f, const struct name_code *words)
{
    fputs("One of", f);
    for (const struct name_code *w = words; w->name != NULL; w++)
        fprintf(f, "%s\n.Cm %s", w == words ? "" : " ,", w->name);
    fputs(" .\n", f);
}

static void describe_values(FILE *f, const struct conf_option *o)
{
    switch (o->type) {
    case OPTION_BOOL:
    case OPTION_CHOICE:
        describe_words(f, o->limits.words);
        break;
    case OPTION_UINT:
    case OPTION_INT:
        fprintf(f, "A number from %" PRId64 " to %" PRId64 ".\n", o->limits.min, o->limits.max);
        break;
    case OPTION_MODE:
        fprintf(f, "An octal number up to 0%" PRIo64 ".\n", o->limits.max);
        break;
    case OPTION_STRINGS:
        fprintf(f, "A list of up to %" PRId64 " values.\n", o->limits.max);
        break;
    case OPTION_NETWORKS:
        fprintf(f, "A list of up to %" PRId64 " addresses and networks.\n", o->limits.max);
        break;
    default:
        break;
    }
}

static void describe(FILE *f, const struct conf_option *table)
{
    fputs(".Bl -tag -width Ds\n", f);
    for (const struct conf_option *o = table; o->name != NULL; o++) {
        fprintf(f, ".It Cm %s\n", o->name);
        describe_wrapped(f, str_of(o->doc));
        describe_values(f, o);
        if (o->value[0] != '\0')
            fprintf(f, "The default is\n.Ql %s .\n", o->value);
    }
    fputs(".El\n", f);
}

void conf_manual(FILE *f)
{
    describe(f, conf_options);
    fputs(".Ss Sign sections\n"
          "A section\n"
          ".Cm sign Qq Ar domain\n"
          "names a key that signs the mail of authors in this domain.\n",
          f);
    fprintf(f, "A domain may have up to %d sections, each with another selector:\nevery one of them signs.\n", LIMIT_SIGN_KEYS);
    describe(f, sign_options);
}
