/*
 * replay.c - runs a fuzz target over its corpus without a fuzzer, for `make check`.
 *
 * Each file of the directories given is fed as it is, cut at every length (long ones at fewer), and with single bytes changed. The
 * changes are drawn from a fixed seed, so that a failure comes again. What is wrong shows as a crash or a sanitizer's report.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX      (1 << 20)
#define CUTS_MAX      2048
#define MUTATIONS     200
#define MUTATION_SEED 0x9e3779b97f4a7c15u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t inputs;

/* A copy of exactly this size, so that a sanitizer sees a read beyond its end. */
static void feed(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        fputs("replay: no memory\n", stderr);
        exit(1);
    }
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    inputs++;
}

static void feed_cuts(const uint8_t *data, size_t size)
{
    size_t step = size / CUTS_MAX + 1;
    for (size_t n = 0; n < size; n += step)
        feed(data, n);
}

/* xorshift64*: small, and the same everywhere. */
static uint64_t draw(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

static void feed_mutations(uint8_t *data, size_t size)
{
    uint64_t state = MUTATION_SEED;
    for (int i = 0; size > 0 && i < MUTATIONS; i++) {
        size_t at = (size_t)(draw(&state) % size);
        uint8_t was = data[at];
        data[at] = (uint8_t)(draw(&state) >> 32);
        feed(data, size);
        data[at] = was;
    }
}

static int replay_file(const char *path)
{
    static uint8_t data[FILE_MAX];
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        return 1;
    }
    size_t n = fread(data, 1, sizeof(data), f);
    fclose(f);
    feed(data, n);
    feed_cuts(data, n);
    feed_mutations(data, n);
    return 0;
}

static int replay_directory(const char *path)
{
    struct dirent **entries;
    int failed = 0, files = 0;
    int n = scandir(path, &entries, NULL, alphasort);
    if (n < 0) {
        perror(path);
        return 1;
    }
    for (int i = 0; i < n; i++) {
        char file[4096];
        int len = snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && len < (int)sizeof(file)) {
            failed |= replay_file(file);
            files++;
        }
        free(entries[i]);
    }
    free(entries);
    if (files == 0)
        fprintf(stderr, "replay: no file in %s\n", path);
    return failed || files == 0;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;
    for (int i = 1; i < argc; i++)
        failed |= replay_directory(argv[i]);
    printf("%zu inputs replayed\n", inputs);
    return failed;
}
