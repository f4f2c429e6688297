/*
 * policy_int.h - a profile in memory, the table of facts, and what the files of this room share.
 */
#ifndef MAILSEAL_POLICY_INT_H
#define MAILSEAL_POLICY_INT_H

#include "mailseal/policy.h"
#include "mailseal/table.h"

#define POLICY_NAME_MAX    64  /* characters of a rule's name: it stands in the log */
#define POLICY_NOTE_MAX    200 /* characters of a rule's reason and of its owner */
#define POLICY_PIECES_MAX  16  /* of a reply text: literals and variables */
#define POLICY_VALUE_MAX   255 /* characters of a value in a reply, and of a text among facts */
#define POLICY_LIST_ID_MAX 255 /* characters of a list's identifier, RFC 2919 */
#define POLICY_TABLES_MAX  64  /* different tables in one profile */

/* How a rule asks for "there is none", and the name of what it asks for: no domain name and no list looks like it. */
#define POLICY_NOTHING "<>"
/* The rule of outbound mail that no rule matches. */
#define POLICY_EXEMPT "exempt"

enum fact_kind {
    FACT_WORD,   /* one of `values` */
    FACT_DOMAIN, /* a domain name in normal form, or empty */
    FACT_NAME    /* any text, compared without regard to case */
};

/* One fact a rule can ask about: parser, decision, reach and the golden files all read this table. It ends with a NULL name. */
struct fact {
    const char *name;
    enum fact_kind kind;
    const struct name_code *values; /* of FACT_WORD: codes 0 to 31 */
    size_t offset, size;            /* of the member in struct policy_facts */
};
extern const struct fact policy_fact_table[];
const struct fact *policy_fact_find(struct str name); /* or NULL */
/* The code of a fact of words; the text of another. */
unsigned policy_fact_code(const struct fact *f, const struct policy_facts *facts);
struct str policy_fact_text(const struct fact *f, const struct policy_facts *facts);
/* As a condition would ask for it: "fail", "example.org", "<>". */
struct str policy_fact_value(const struct fact *f, const struct policy_facts *facts);

/* One alternative of a condition over a text. */
struct pattern {
    enum { PATTERN_NOTHING, PATTERN_EQUAL, PATTERN_BELOW, PATTERN_TABLE } kind;
    struct str text;           /* of the name; of PATTERN_BELOW without the dot */
    const struct table *table; /* of PATTERN_TABLE */
};

struct condition {
    const struct fact *fact;
    struct str text;         /* as written */
    bool negated;            /* of a text */
    uint32_t values;         /* of words: bit N says that value N fulfils it */
    struct pattern *pattern; /* of a text */
    size_t n;
    bool asks_table;
};

/* condition.c. The tables that conditions name are opened once each. */
struct tables {
    const char *dir; /* for relative paths */
    struct table_servers *servers;
    struct table *v[POLICY_TABLES_MAX];
    size_t n;
};
/* NULL, or what is wrong, in the arena. */
const char *condition_parse(struct arena *a, struct tables *tables, struct str text, struct condition *out);
/* *unknown is set to the name of the first table that gave no answer where one was needed; such a condition does not hold. */
bool condition_holds(const struct condition *c, const struct policy_facts *facts, const char **unknown);
/* Of a pattern that is no table. */
bool pattern_fits(const struct pattern *p, struct str value);

/* A variable of reply texts. The table ends with a NULL name. */
struct variable;
/* A piece of a reply text: a literal, or a variable. */
struct piece {
    struct str literal;
    const struct variable *variable; /* NULL: the literal */
};

struct rule {
    const char *name;
    int line; /* where it begins */
    struct condition *when;
    size_t n_when; /* with the one that is understood: inbound mail only */
    bool all;      /* the file gives no condition */
    enum action action;
    int code;          /* 0: no reply */
    const char *xcode; /* "" without a reply */
    struct piece *text;
    size_t n_text;
    bool explains;              /* an explanation of SPF follows the text */
    const char *reason, *owner; /* "" where the file says nothing */
    int64_t expires;            /* the first second at which it does not match any more; 0: never */
};

/* reply.c. NULL, or what is wrong; fills code, xcode and text. */
const char *reply_parse(struct arena *a, struct str reply, struct rule *rule);
struct str reply_write(const struct rule *rule, const struct policy_facts *facts, struct arena *a);

/* ---- space.c: what a profile can tell apart, for the proof that each rule can match, and for the golden files ---- */

#define SPACE_VALUES_MAX 64 /* of one dimension */
#define SPACE_TABLES_MAX 64 /* dimensions of conditions that ask tables */

/* One dimension: a fact, or a condition that asks a table. Texts are told apart by the names that rules mention: there is a value
 * for each, for all other names below each, for none and for any other. */
struct dimension {
    const struct fact *fact;
    const struct condition *table; /* its values are yes, no and no answer; NULL: a fact */
    struct str value[SPACE_VALUES_MAX];
    size_t n;
    bool full; /* too many names: conditions over this fact tell nothing apart */
};
struct space {
    struct dimension *dim;
    size_t n;
    uint64_t *impossible; /* boxes that no message is in; a box is n sets of values, bit N for value N */
    const char **why;     /* of each, what excludes what */
    size_t n_impossible;
};
struct space *space_of(struct arena *a, const struct rule *rules, size_t n_rules);
/* All that fulfils the conditions, in `box`; false when it holds more than that, since a condition could not be told apart. */
bool space_box(const struct space *s, const struct condition *when, size_t n, uint64_t *box);

/* policy_reach.c: the first rule that can never match, with the reason in the arena; or NULL. */
const struct rule *policy_dead_rule(struct arena *a, const struct rule *rules, size_t n, const char **why);

struct policy {
    const char *name;
    struct rule *rules;
    size_t n_rules;
    struct tables tables;
};

#endif
