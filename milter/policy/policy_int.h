/*
 * policy_int.h - a profile in memory, the table of facts, and what the files of this room share.
 */
#ifndef MAILSEAL_POLICY_INT_H
#define MAILSEAL_POLICY_INT_H

#include "mailseal/policy.h"

#define POLICY_NAME_MAX    64  /* characters of a rule's name: it stands in the log */
#define POLICY_PIECES_MAX  16  /* of a reply text: literals and variables */
#define POLICY_DOMAIN_MAX  255 /* characters of a domain in a reply */
#define POLICY_LIST_ID_MAX 255 /* characters of a list's identifier, RFC 2919 */

/* One fact a rule can ask about: parser, decision and the golden files all read this table. It ends with a NULL name. */
struct fact {
    const char *name;
    const struct name_code *values; /* codes 0 to 31 */
    size_t offset, size;            /* of the member in struct policy_facts */
};
extern const struct fact policy_fact_table[];
/* The code of a fact's value. */
unsigned policy_fact(const struct fact *f, const struct policy_facts *facts);

/* A variable of reply texts: a domain of struct policy_facts. The table ends with a NULL name. */
struct variable {
    const char *name;
    size_t offset;
};
extern const struct variable policy_variables[];

struct condition {
    const struct fact *fact;
    uint32_t values; /* bit N: value N fulfils it */
};

/* A piece of a reply text: a literal, or a variable. */
struct piece {
    struct str literal;
    const struct variable *variable; /* NULL: the literal */
};

struct rule {
    const char *name;
    struct condition *when;
    size_t n_when; /* 0: matches everything */
    enum action action;
    int code;          /* 0: no reply */
    const char *xcode; /* "" without a reply */
    struct piece *text;
    size_t n_text;
};

struct policy {
    const char *name;
    struct rule *rules;
    size_t n_rules;
};

#endif
