/* domain.h - domain names: valid, normal form, ancestors. Names here never have a final dot. */
#ifndef MAILSEAL_DOMAIN_H
#define MAILSEAL_DOMAIN_H

#include "mailseal/str.h"

/* The normal form for every comparison and query: U-labels to A-labels (RFC 5890, UTS #46 non-transitional), lower case, without
 * the final dot (RFC 9989 4.4, 5.3.1). False when it is no domain name: empty, empty label, label > 63, name > 253, or a
 * character other than letters, digits, hyphen and underscore after conversion. */
bool domain_normalise(struct arena *a, struct str in, struct str *out) __attribute__((warn_unused_result));

/* True for a name in normal form. */
bool domain_is_valid(struct str name);

/* True when name equals parent or lies below it. Both in normal form. */
bool domain_is_under(struct str name, struct str parent);

/* Number of labels; 0 for the empty name. */
unsigned domain_labels(struct str name);

/* The right-most n labels (the name itself when it has no more). */
struct str domain_suffix(struct str name, unsigned n);

#endif
