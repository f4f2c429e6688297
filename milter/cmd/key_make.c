/* key_make.c - new signing keys: their selector, their file, and the DNS record to publish. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "mailseal/arena.h"
#include "mailseal/clock.h"
#include "mailseal/dkim.h"

#include "cmd_key.h"

#define TXT_STRING 255 /* bytes of one character-string, RFC 1035 3.3 */

bool key_spec_parse(const char *word, struct key_spec *out)
{
    static const struct {
        const char *name;
        struct key_spec spec;
    } algorithms[] = { { "rsa2048", { .type = KEY_RSA, .bits = LIMIT_RSA_SIGN_BITS } },
                       { "rsa4096", { .type = KEY_RSA, .bits = 4096 } },
                       { "ed25519", { .type = KEY_ED25519 } } };
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        if (strcmp(word, algorithms[i].name) == 0) {
            *out = algorithms[i].spec;
            out->given = true;
            return true;
        }
    }
    cmd_usage_error(KEY_COMMAND, "--algorithm '%s' is not one of rsa2048, rsa4096, ed25519", word);
    return false;
}

struct str key_dated_selector(struct arena *a, enum key_type type, const struct keydir *k)
{
    time_t now = (time_t)clock_wall();
    struct tm tm;
    gmtime_r(&now, &tm);
    struct str dated = str_printf(a, "%04d%02d%02d%c", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, type == KEY_RSA ? 'r' : 'e');
    struct str selector = dated;
    for (unsigned n = 2; k != NULL && keydir_has(k, selector); n++)
        selector = str_printf(a, "%.*s%u", STR_FMT(dated), n);
    return selector;
}

struct privkey *key_make(struct arena *a, struct keydir *k, struct str selector, struct key_spec spec)
{
    const char *reason;
    const struct keydir_state pending = { .word = KEYDIR_PENDING, .since = clock_wall() };
    struct privkey *key = privkey_generate(spec.type, spec.bits);
    if (key == NULL) {
        cmd_fail(KEY_COMMAND, "OpenSSL cannot make a key");
    } else if (!keydir_add(k, a, selector, privkey_pem(a, key), &pending, &reason)) {
        cmd_fail(KEY_COMMAND, "cannot make %s", reason);
        privkey_free(key);
        key = NULL;
    }
    return key;
}

struct str key_record_name(struct arena *a, struct str domain, struct str selector)
{
    return str_printf(a, "%.*s._domainkey.%.*s", STR_FMT(selector), STR_FMT(domain));
}

void key_print_record(struct arena *a, struct str domain, struct str selector, const struct privkey *k)
{
    struct str name = key_record_name(a, domain, selector), record = dkim_key_record(a, k);
    printf("DNS record, as one line:\n\n%.*s TXT %.*s\n\n", STR_FMT(name), STR_FMT(record));
    printf("and for a zone file of BIND:\n\n%.*s. IN TXT (", STR_FMT(name));
    for (; record.n > 0; record = str_skip(record, TXT_STRING))
        printf("\n    \"%.*s\"", STR_FMT(str_first(record, TXT_STRING)));
    puts(" )");
}

void key_add_record(struct json *j, struct arena *a, struct str domain, struct str selector, const struct privkey *k)
{
    struct str record = dkim_key_record(a, k);
    js_add_text(j, "name", key_record_name(a, domain, selector));
    js_add_text(j, "type", privkey_type(k) == KEY_RSA ? STR("rsa") : STR("ed25519"));
    js_add_integer(j, "bits", privkey_bits(k));
    js_add_text(j, "record", record);
    struct json *strings = js_add_array(j, "strings");
    for (; record.n > 0; record = str_skip(record, TXT_STRING))
        js_add_text(strings, NULL, str_first(record, TXT_STRING));
}

int key_finish(bool good)
{
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        return cmd_fail(KEY_COMMAND, "cannot write to stdout");
    return good ? 0 : 1;
}

struct str key_time(struct arena *a, int64_t wall)
{
    time_t t = (time_t)wall;
    struct tm tm;
    char text[32];
    if (gmtime_r(&t, &tm) == NULL || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        return str_printf(a, "%lld", (long long)wall);
    return str_printf(a, "%s", text);
}
