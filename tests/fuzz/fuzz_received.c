/*
 * fuzz_received.c - received_parse(): the words have no white space in them; and whatever a client says in HELO, as a mail server
 * writes it that escapes nothing, no other address than its own is claimed.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/buf.h"
#include "mailseal/limits.h"
#include "mailseal/received.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (char_is_space(s.p[i]) || s.p[i] == '(' || s.p[i] == ')')
            abort();
}

/* What stands before HELO and behind it. */
static const char *const forms[][2] = {
    { " from ", " (rev.example [192.0.2.77]) by mx.example (Postfix) with ESMTP id x; Thu, 28 May 2026 20:26:40 +0000" },
    { " from ", " ([192.0.2.77]) by mx.example with ESMTP" },
    { " from ", " (192.0.2.77) by mx.example (10.0.0.1) with Microsoft SMTP Server id 1; date" },
    { " from rev.example ([192.0.2.77] helo=", ") by mx.example with esmtp (Exim 4.96)" },
    { " from [192.0.2.77] (helo=", ") by mx.example with esmtp (Exim 4.96)" },
    { " from unknown (HELO ", ") (192.0.2.77) by mx.example with SMTP; date" },
};

static void check_injection(struct arena *a, struct str helo)
{
    struct ip client;
    struct received r;
    if (!ip_parse(STR("192.0.2.77"), &client))
        abort();
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct buf b;
        buf_init(&b, a, LIMIT_RECEIVED);
        buf_puts(&b, forms[i][0]);
        buf_str(&b, helo);
        buf_puts(&b, forms[i][1]);
        if (!b.full && received_parse(a, buf_view(&b), &r) && r.client.family != 0 &&
            memcmp(&r.client, &client, sizeof(client)) != 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str in = { (const char *)data, size };
    struct received r;
    bool is_field = received_parse(a, in, &r);
    if (is_field ? r.by.n == 0 : r.client.family != 0 || r.helo.n + r.by.n + r.with.n != 0)
        abort();
    check_word(r.helo);
    check_word(r.by);
    check_word(r.with);
    check_injection(a, in);
    arena_free(a);
    return 0;
}
