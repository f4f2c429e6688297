/*
 * wipe.c - OpenSSL's memory is wiped when it is freed.
 *
 * OpenSSL clears what it knows to be secret, but its decoders leave whole private keys behind in buffers they free (two copies of
 * each key, with 3.0). So it allocates through here, where every block knows its size and none is given back as it was.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "mailseal/crypto.h"
#include "mailseal/log.h"

/* Stands in front of each block. */
struct head {
    _Alignas(max_align_t) size_t n;
};

static void *allocate(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    struct head *h = n > 0 && n <= SIZE_MAX - sizeof(*h) ? malloc(sizeof(*h) + n) : NULL;
    if (h == NULL)
        return NULL;
    h->n = n;
    return h + 1;
}

static void release(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    if (p == NULL)
        return;
    struct head *h = (struct head *)p - 1;
    OPENSSL_cleanse(p, h->n);
    free(h);
}

/* Never in place: what a shorter block gives up would stay as it is, and so would a block that had to move. */
static void *resize(void *p, size_t n, const char *file, int line)
{
    if (p == NULL)
        return allocate(n, file, line);
    size_t had = ((struct head *)p - 1)->n;
    void *new = allocate(n, file, line);
    if (new != NULL)
        memcpy(new, p, had < n ? had : n);
    if (new != NULL || n == 0)
        release(p, file, line);
    return new;
}

void crypto_start(void)
{
    if (CRYPTO_set_mem_functions(allocate, resize, release) != 1)
        BUG("OpenSSL was used before crypto_start()");
}
