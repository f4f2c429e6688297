/* command.h - a command called as main() does, with its output kept. */
#ifndef TESTS_COMMAND_H
#define TESTS_COMMAND_H

#include <getopt.h>
#include <unistd.h>

#include "support.h"

#define COMMAND_OUTPUT_MAX (1024 * 1024)

/* Its exit code and its output; the texts are in the arena. */
struct result {
    int code;
    struct str out, err;
};

static inline struct str output_of(struct arena *a, FILE *f)
{
    char *text = arena_alloc(a, COMMAND_OUTPUT_MAX);
    rewind(f);
    size_t n = fread(text, 1, COMMAND_OUTPUT_MAX, f);
    fclose(f);
    return (struct str){ text, n };
}

static inline struct result run_command(struct arena *a, int (*command)(int argc, char **argv), int argc, const char *const *argv)
{
    struct result r;
    char *copy[32] = { NULL };
    FILE *out = tmpfile(), *err = tmpfile();
    assert_true(out != NULL && err != NULL && argc < 32);
    for (int i = 0; i < argc; i++)
        copy[i] = arena_copy(a, argv[i], strlen(argv[i]) + 1);
    fflush(stdout);
    fflush(stderr);
    int old_out = dup(1), old_err = dup(2);
    dup2(fileno(out), 1);
    dup2(fileno(err), 2);
    optind = 0; /* a fresh start for getopt_long() */
    r.code = command(argc, copy);
    fflush(stdout);
    fflush(stderr);
    dup2(old_out, 1);
    dup2(old_err, 2);
    close(old_out);
    close(old_err);
    r.out = output_of(a, out);
    r.err = output_of(a, err);
    return r;
}

#endif
