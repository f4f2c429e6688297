/* wipe_test.c - what is left in memory of a private key that was read, used, written and freed: nothing (X13). */
#include "tests/support/support.h"

#include <fcntl.h>
#include <unistd.h>

#include "mailseal/crypto.h"

#include "tests/crypto/test_keys.h"

#define NEEDLE     24
#define REGION_MAX (1UL << 30) /* larger ones are the shadow of a sanitizer */
#define CHUNK      (1UL << 20)

/* 24 bytes out of the middle of a secret of test_keys.h, every bit of them turned: they must not be found here. */
struct needle {
    const char *what;
    uint8_t turned[NEEDLE];
};

static const struct needle needles[] = {
    { "d", { 0x29, 0x45, 0x91, 0xfb, 0x75, 0x50, 0x70, 0xce, 0xc6, 0x12, 0xa3, 0xde,
             0x24, 0xee, 0x0f, 0x51, 0x44, 0x00, 0xb9, 0x3e, 0xf6, 0xd4, 0xa4, 0xe3 } },
    { "p", { 0xa5, 0xb3, 0xfa, 0xf4, 0x20, 0x6e, 0x4d, 0xe8, 0x09, 0xa2, 0x6b, 0xbb,
             0x80, 0xd2, 0xbb, 0xe8, 0xfc, 0x25, 0x67, 0xaf, 0xc0, 0x88, 0x53, 0x51 } },
    { "q", { 0xcb, 0x88, 0x1b, 0xab, 0x5d, 0x28, 0xd3, 0x9c, 0xa0, 0x91, 0x4d, 0x82,
             0x67, 0x31, 0xfb, 0xff, 0x07, 0x76, 0xef, 0x57, 0x7c, 0xa4, 0x71, 0x59 } },
    { "dmp1", { 0x50, 0x0c, 0x9f, 0xb1, 0xf5, 0x64, 0x9e, 0xcf, 0x3d, 0x71, 0x09, 0x0e,
                0x49, 0x27, 0xfa, 0xf0, 0xf0, 0x1a, 0xb9, 0xd6, 0x43, 0x01, 0x19, 0x91 } },
    { "seed", { 0xb0, 0x3e, 0xdc, 0x8f, 0x16, 0x37, 0xdd, 0xd6, 0x97, 0x78, 0x63, 0x86,
                0xc3, 0xa2, 0x15, 0xef, 0xf1, 0xa9, 0x0e, 0xf7, 0x9c, 0x28, 0x16, 0xf6 } },
};

static uint8_t chunk[CHUNK];

/* Numbers have their highest byte first in DER, and their lowest in OpenSSL's own form. */
static bool is_at(const uint8_t *p, const struct needle *n)
{
    size_t same = 0, other_way = 0;
    while (same < NEEDLE && (p[same] ^ n->turned[same]) == 0xff)
        same++;
    while (other_way < NEEDLE && (p[other_way] ^ n->turned[NEEDLE - 1 - other_way]) == 0xff)
        other_way++;
    return same == NEEDLE || other_way == NEEDLE;
}

static size_t count_in(int memory, unsigned long from, unsigned long to)
{
    size_t found = 0;
    for (unsigned long at = from; at + NEEDLE <= to; at += CHUNK - NEEDLE + 1) {
        ssize_t got = pread(memory, chunk, to - at < CHUNK ? to - at : CHUNK, (off_t)at);
        for (ssize_t i = 0; i + NEEDLE <= got; i++)
            for (size_t j = 0; j < ROWS(needles); j++)
                found += is_at(chunk + i, &needles[j]);
        memset(chunk, 0, sizeof(chunk));
    }
    return found;
}

/* In all memory that can be written, but the stack: what a call leaves there the next ones overwrite. */
static size_t count(void)
{
    char line[512], mode[8];
    unsigned long from, to;
    size_t found = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    if (maps == NULL || memory < 0)
        skip();
    while (fgets(line, sizeof(line), maps) != NULL)
        if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) == 3 && mode[1] == 'w' && to - from <= REGION_MAX &&
            strstr(line, "[stack") == NULL)
            found += count_in(memory, from, to);
    fclose(maps);
    close(memory);
    return found;
}

static void nothing_is_left_of_a_freed_key(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } rows[] = {
        { "PKCS #8", rsa_pkcs8 }, { "PKCS #1", rsa_traditional }, { "Ed25519", ed25519 }, { "Ed25519, raw", ed25519_raw }
    };
    const uint8_t digest[SHA256_SIZE] = { 3 };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        const char *reason;
        struct str signature;
        struct privkey *k = privkey_parse(str_of(rows[i].text), &reason);
        assert_true(k != NULL && privkey_sign(a, k, digest, &signature) && privkey_pem(a, k).n > 0);
        ROW_INT(rows[i].name, count() > 0, true);
        privkey_free(k);
        arena_free(a);
        ROW_INT(rows[i].name, count(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_left_of_a_freed_key),
    };

    crypto_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
