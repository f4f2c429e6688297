/* profile.h - a profile from text, by way of a file, for the tests of this room. */
#ifndef TESTS_PROFILE_H
#define TESTS_PROFILE_H

#include <unistd.h>

#include "tests/support/support.h"

#include "mailseal/limits.h"
#include "mailseal/policy.h"

/* Reads the n bytes of text as a profile. On failure *error is what stands behind the file's name, ":3: what is wrong". */
static inline struct policy *profile_read(struct arena *a, const char *text, size_t n, const char **error)
{
    char path[] = "/tmp/mailseal-test-XXXXXX";
    int fd = mkstemp(path);
    const char *whole = NULL;
    struct policy *policy;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, n), n);
    close(fd);
    policy = policy_read(a, path, &whole);
    unlink(path);
    *error = NULL;
    if (policy == NULL) {
        assert_non_null(whole);
        assert_int_equal(strncmp(whole, path, strlen(path)), 0);
        *error = whole + strlen(path);
    }
    return policy;
}

static inline struct policy *profile_of(struct arena *a, const char *text)
{
    const char *error;
    struct policy *policy = profile_read(a, text, strlen(text), &error);

    if (policy == NULL)
        fail_msg("profile%s", error);
    return policy;
}

#endif
