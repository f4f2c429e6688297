/*
 * spf.h - SPF (RFC 7208, RFC 8616 4): check_host() over our own evaluator.
 */
#ifndef MAILSEAL_SPF_H
#define MAILSEAL_SPF_H

#include "mailseal/authres.h"
#include "mailseal/dns.h"
#include "mailseal/ip.h"

enum spf_identity { SPF_MAILFROM, SPF_HELO };

/* RFC 7208 4.1. All spans are borrowed for the call. */
struct spf_input {
    struct ip client; /* family 0: result none */
    struct str helo;  /* as said by the client */
    enum spf_identity identity;
    /* MAIL FROM as path_parse() gives it, also when that says false: local is then the text, and the result none. Both empty:
     * the null reverse-path. Ignored for SPF_HELO. */
    struct str local, domain;
    struct str receiver; /* %{r}; may be empty ("unknown") */
    int64_t now;         /* wall clock, %{t} */
};

struct spf_result {
    enum auth_code code;
    enum spf_identity identity; /* the one checked; SPF_MAILFROM also for the null reverse-path */
    bool null_sender;           /* the reverse-path was null: domain is HELO's (RFC 7208 2.4) */
    struct str domain;          /* checked, in normal form; as written (bounded) when it is none */
    /* The text of the term that matched, or at which a temperror or permerror arose; "default", or empty. Printable ASCII,
     * third-party text. */
    struct str mechanism;
    struct str explanation; /* exp= text for fail, printable ASCII, third-party text (RFC 7208 6.2); or empty */
    const char *reason;     /* a literal: why this result ("domain has no SPF record", "time-out", ...); never NULL */
    unsigned terms, voids;  /* counted against the limits */
};

/* check_host(). Bounded by RFC 7208 4.6.4 over the whole evaluation and by deadline (clock_ms()). Never fails: the code says it. */
void spf_check(struct dns *dns, const struct spf_input *in, int64_t deadline, struct arena *a, struct spf_result *out);

#endif
