/* fuzz_authres.c - authres_parse(), authres_claims(), and the writer: what it writes of any bytes is read back. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "mailseal/arena.h"
#include "mailseal/authres.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reader(struct arena *a, struct str value)
{
    struct authres r;
    bool ok = authres_parse(a, value, &r);
    if (ok && (r.authserv_id.n == 0 || r.none != (r.n_results == 0)))
        abort();
    /* A field claims the id we read in it. */
    if (!authres_claims(a, value, &r.authserv_id, 1))
        abort();
}

/* The bytes, cut in three, as comment, reason and value. */
static void check_writer(struct arena *a, struct str text)
{
    struct authres_writer w;
    struct authres r;
    size_t third = text.n / 3;
    authres_begin(&w, a, STR("mx.example.org"));
    authres_add(&w, "dkim", AUTH_PASS);
    authres_comment(&w, str_first(text, third));
    authres_reason(&w, str_first(str_skip(text, third), third));
    authres_prop(&w, "header", "i", str_skip(text, 2 * third));
    if (!authres_parse(a, authres_end(&w), &r) || !str_eq(r.authserv_id, STR("mx.example.org")) || r.n_results != 1)
        abort();
    struct str value = str_skip(text, 2 * third);
    bool is_printable = true;
    for (size_t i = 0; i < value.n; i++)
        is_printable = is_printable && value.p[i] >= ' ' && value.p[i] < 0x7f;
    if (is_printable && r.results[0].n_props == 1 && !str_eq(r.results[0].props[0].value, value))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str text = { (const char *)data, size };
    check_reader(a, text);
    check_writer(a, text);
    arena_free(a);
    return 0;
}
