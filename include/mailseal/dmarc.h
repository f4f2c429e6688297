/*
 * dmarc.h - DMARC (RFC 9989): records, the DNS tree walk, alignment.
 */
#ifndef MAILSEAL_DMARC_H
#define MAILSEAL_DMARC_H

#include "mailseal/address.h"
#include "mailseal/authres.h"
#include "mailseal/dns.h"

enum dmarc_policy { DMARC_POLICY_NONE, DMARC_POLICY_QUARANTINE, DMARC_POLICY_REJECT };
extern const struct name_code dmarc_policy_names[];

enum dmarc_psd { DMARC_PSD_U, DMARC_PSD_Y, DMARC_PSD_N };

/* One record (RFC 9989 4.7, 4.8). Absent sp and np are filled by their fallback, so all three can be read as they are. */
struct dmarc_record {
    enum dmarc_policy p, sp, np;
    bool has_p, has_sp, has_np;
    bool usable; /* false: 4.10.1 says no DMARC processing (bad p, sp or np and no valid rua) */
    bool defect; /* 4.10.1: acts as p=none because p, sp or np is bad and rua is valid */
    bool strict_dkim, strict_spf;
    enum dmarc_psd psd;
    bool testing;            /* t=y */
    struct str rua, ruf, fo; /* as published, where at least one entry is valid; else empty. fo is empty without ruf */
    struct str text;         /* the record */
    const char *remark;      /* a literal: the fault of p, sp or np, or else the first that was passed over; or NULL */
};
/* False when the text is no DMARC record (4.7 "v": then it must be ignored). */
bool dmarc_record_parse(struct arena *a, struct str text, struct dmarc_record *out) __attribute__((warn_unused_result));

/* One query of a walk, in order, for explanations. */
struct dmarc_step {
    struct str name; /* without _dmarc. */
    enum dns_status status;
    size_t records;                    /* DMARC records at the name; more than one are all discarded (4.10) */
    const struct dmarc_record *record; /* when records is 1 */
    const char *why;                   /* a literal: what this answer means for the walk */
};
struct dmarc_walk {
    struct str start;
    struct dmarc_step step[8];
    size_t n;
    struct str org_domain; /* 4.10.2; empty when failed */
    bool failed;           /* a query did not complete: org_domain is not known */
    const char *why;       /* a literal: how the organizational domain was chosen */
};

/* Identifiers as already evaluated. */
struct dmarc_identifier {
    struct str domain;   /* normal form, not empty */
    enum auth_code code; /* only AUTH_PASS aligns; AUTH_TEMPERROR matters for the result */
};

struct dmarc_result {
    enum auth_code code;           /* pass, fail, none, temperror, permerror */
    struct str from_domain;        /* the Author Domain, normal form; or empty */
    enum dmarc_policy policy;      /* what the record asks for this domain: p, sp or np as selected */
    bool has_policy;               /* a record applies */
    enum dmarc_policy disposition; /* policy after t=y, for a failing message; none on pass or without a policy (4.7 t, A.6) */
    enum dmarc_policy applied;     /* policy after t=y whatever the result: policy.dmarc of RFC 9989 9.1 */
    const char *tag;               /* "p", "sp" or "np", or NULL */
    struct str org_domain;         /* of the Author Domain, when known */
    struct str record_domain;      /* where the record was found */
    bool spf_aligned, dkim_aligned;
    bool dkim_open; /* not dkim_aligned, but a DKIM identifier might be: an answer is missing for it, a walk or the record */
    const struct dmarc_record *record;
    const char *reason;            /* a literal, never NULL */
    const struct dmarc_walk *walk; /* of the Author Domain; NULL when none was made */
};

/* Started at end of headers (or at MAIL, as a guess): puts the questions of the Author Domain's walk on their way, so that
 * dmarc_eval() finds them answered or under way. domain is in normal form. Ends with dmarc_eval() or dmarc_drop(). */
struct dmarc;
struct dmarc *dmarc_start(struct arena *a, struct dns *dns, struct str domain, int64_t deadline);
void dmarc_drop(struct dmarc *d);

/* Decides (5.3). spf is NULL, or the MAIL FROM identity's result (4.4.2: never a separately checked HELO). d may be NULL when
 * author->status is not AUTHOR_ONE; it may have been started for another domain. Ends d. */
void dmarc_eval(struct dmarc *d, const struct author *author, const struct dmarc_identifier *spf,
                const struct dmarc_identifier *dkim, size_t n_dkim, struct arena *a, struct dmarc_result *out);

/* Beside the result, and without questions: does a domain (normal form) belong to the Author Domain's organization? Relaxed
 * alignment (4.10.2) as far as the walk of the Author Domain alone tells; where no record was found the same name, and names of
 * which one lies below the other and the higher one has two labels. In strict mode the same name. For what dmarc_eval() decided,
 * its result counts. */
bool dmarc_is_aligned(const struct dmarc_result *r, struct str domain, bool strict);

/* Discovery alone, for `mailseal dmarc`: fills the policy, record, walk and organizational domain; code is none or temperror, or
 * pass where a record applies. */
void dmarc_discover(struct dns *dns, struct str domain, int64_t deadline, struct arena *a, struct dmarc_result *out);

#endif
