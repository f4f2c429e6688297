/*
 * fuzz_policy.c - policy_read() and list_evidence(): a profile that is taken decides, another has an error with its file. Tables
 * are not real (fake_table.h): no file and no server that an input names is touched.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mailseal/arena.h"
#include "mailseal/limits.h"
#include "mailseal/headers.h"
#include "mailseal/policy.h"

#include "tests/policy/fake_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore_step(void *ctx, const struct policy_step *step)
{
    (void)ctx;
    if (step->matched && (step->expired || step->condition.n > 0))
        abort();
}

static void try_profile(struct arena *a, const char *path)
{
    static const struct policy_facts facts[] = {
        { .dmarc = AUTH_PASS },
        { .dmarc = AUTH_FAIL, .policy = DMARC_POLICY_REJECT, .from_domain = STR("a\r\nb.example"), .spf_domain = STR("c.example") },
        { .direction = DIRECTION_OUTBOUND, .sender_domain = STR("silent.example"), .from_domain = STR("listed.example") },
        { .dmarc = AUTH_TEMPERROR, .from = AUTHOR_SEVERAL, .list = true, .tempfail_wanted = true },
    };
    const char *error = NULL;
    struct policy *p = policy_read(a, path, &error);

    if (p == NULL) {
        if (error == NULL || strncmp(error, path, strlen(path)) != 0)
            abort();
        return;
    }
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        struct policy_decision d;
        bool replies;

        policy_decide(p, &facts[i], a, &d);
        policy_trace(p, &facts[i], a, ignore_step, NULL);
        replies = d.action == ACTION_REJECT || d.action == ACTION_TEMPFAIL;
        if (replies != (d.code != 0) || d.text.n > LIMIT_REPLY || (replies && d.code / 100 != d.xcode[0] - '0'))
            abort();
        for (size_t c = 0; c < d.text.n; c++) {
            if (d.text.p[c] < 0x20 || d.text.p[c] > 0x7e)
                abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    int fd = memfd_create("profile", MFD_CLOEXEC);
    const struct dmarc_identifier none = { STR("a.example"), AUTH_FAIL };
    struct headers h;
    char path[32];

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    try_profile(a, path);
    close(fd);
    headers_init(&h, a);
    headers_add(&h, STR("List-Id"), (struct str){ (const char *)data, size });
    if (list_evidence(a, &h, &none, 1))
        abort();
    arena_free(a);
    return 0;
}
