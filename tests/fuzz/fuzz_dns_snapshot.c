/* fuzz_dns_snapshot.c - any text as a snapshot: it is refused with a reason, or every name of it can be asked for. */
#include <stdlib.h>

#include "mailseal/arena.h"
#include "mailseal/dns.h"
#include "mailseal/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct asking {
    struct dns *d;
    struct arena *arena;
};

static void ask_all(void *ctx, struct str name, const struct json *value)
{
    struct asking *k = ctx;
    (void)value;
    for (const struct name_code *t = dns_type_names; t->name != NULL; t++) {
        struct dns_answer answer;
        dns_ask(k->d, name, (enum dns_type)t->code, 0, k->arena, &answer);
        if ((answer.status == DNS_OK) != (answer.n > 0) || (answer.status == DNS_TEMPFAIL) != (answer.reason != NULL))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    const char *error = NULL;
    const struct json *j = js_read(a, (struct str){ (const char *)data, size }, &error);
    if (j != NULL) {
        struct asking k = { dns_snapshot_of_json(j, &error), a };
        if (k.d == NULL && error == NULL)
            abort();
        if (k.d != NULL)
            js_each(j, ask_all, &k);
        dns_free(k.d);
    }
    arena_free(a);
    return 0;
}
