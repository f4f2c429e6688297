/*
 * batch_libspf2.c - libspf2's opinion on many SPF cases: lines as batch.c takes them, a JSON value for each on stdout.
 *
 * It is the program of the second opinion itself, asked again and again. libspf2 may end the process on any case, so every value is
 * written at once: who reads them knows which case it was, and starts again behind it.
 */
#include <stdlib.h>

#define main spf_libspf2_main
int spf_libspf2_main(int argc, char **argv);
#include "milter/spf/spf_libspf2.c" /* NOLINT: its functions are the point */
#undef main

#define CASE_SECONDS 5

static bool run(struct str line)
{
    struct arena *a = arena_new();
    const char *error = NULL;
    const struct json *c = js_read(a, line, &error);
    struct dns *zone = c != NULL ? dns_snapshot_of_json(js_member(c, "dns"), &error) : NULL;
    if (zone == NULL) {
        fprintf(stderr, "batch_libspf2: %s\n", error);
        exit(2);
    }
    static const char *const members[] = { "ip", "helo", "mail_from", "receiver" };
    char *argv[6] = { NULL };
    for (size_t i = 0; i < 4; i++)
        argv[i + 1] = (char *)(uintptr_t)str_cstr(a, js_text(js_member(c, members[i])));
    struct layer layer = { .deadline = clock_ms() + LIMIT_DNS_MESSAGE_MS };
    layer.dns = dns_meter_new(zone, ENGINE_QUERIES, layer.deadline);
    (void)alarm(CASE_SECONDS);
    clock_fix(js_integer(js_member(c, "now")));
    bool done = ask(&layer, a, argv) == 0 && fflush(stdout) == 0;
    dns_free(layer.dns);
    dns_free(zone);
    arena_free(a);
    return done;
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    SPF_warning_handler = SPF_info_handler = SPF_debug_handler = discard;
    set_limits();
    while ((n = getline(&line, &room, stdin)) > 0)
        if (!run((struct str){ line, (size_t)n }))
            return 1;
    free(line);
    return 0;
}
