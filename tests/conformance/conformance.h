/*
 * conformance.h - cases in the format of a directory of suites: <suite>/cases.jsonl, messages, keys and zones beside it.
 *
 * Each kind of case has a runner. It says what came of the case and, when it failed, what was wanted and what was got.
 */
#ifndef TESTS_CONFORMANCE_H
#define TESTS_CONFORMANCE_H

#include "mailseal/arena.h"
#include "mailseal/authres.h"
#include "mailseal/buf.h"
#include "mailseal/dns.h"
#include "mailseal/json.h"

enum verdict { CASE_PASSED, CASE_FAILED, CASE_EXCEPTED };

struct test_case {
    struct arena *arena;
    const char *dir; /* of the suite */
    const struct json *inputs, *expect;
    int64_t now;     /* the case's time, or 0: time plays no part */
    struct buf text; /* what was wanted and what was got */
};

enum verdict case_spf(struct test_case *c);
enum verdict case_dkim_verify(struct test_case *c);
enum verdict case_dkim_sign(struct test_case *c);
enum verdict case_dmarc(struct test_case *c);
enum verdict case_authres(struct test_case *c);
enum verdict case_authres_merge(struct test_case *c); /* its second form */
enum verdict case_arc_verify(struct test_case *c);
enum verdict case_arc_seal(struct test_case *c);

/* The DNS of the case; NULL, with text, when its zone cannot be read. */
struct dns *case_dns(struct test_case *c, const struct json *zone);
/* A file of the suite, named by a member of the inputs. False, with text, when it cannot be read. */
bool case_file(struct test_case *c, const char *member, struct str *content);
const char *case_path(struct test_case *c, const char *member);

/* True when `got` is the text `want` or one of the list `alternatives` (either may be absent). */
bool case_accepts(const struct json *want, const struct json *alternatives, const char *got);
/* Compares one value when it is expected; on a difference adds to text. */
bool case_same_text(struct test_case *c, const char *member, struct str got);
bool case_same_bool(struct test_case *c, const char *member, bool got);

#endif
