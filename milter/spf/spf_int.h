/* spf_int.h - what the files of the spf room share: the parsed record, macro expansion, and one evaluation in progress. */
#ifndef MAILSEAL_SPF_INT_H
#define MAILSEAL_SPF_INT_H

#include "mailseal/limits.h"
#include "mailseal/spf.h"

/* Bytes an expansion keeps: the tail of a domain name (253 count), the head of an explanation. */
#define SPF_TEXT_MAX 1024

/* Labels a macro keeps at most, RFC 7208 7.3: above 128 every value is whole. */
#define SPF_MACRO_KEEP_MAX 1000

/* ---- spf_macro.c ---- */

/* One piece of a macro-string, RFC 7208 7.1. */
struct spf_macro {
    char letter;     /* lower case, or 0: the literal text below */
    struct str text; /* literal */
    bool escape;     /* upper case letter: URL escape */
    bool reverse;
    unsigned keep;     /* parts to keep, 0: all */
    struct str delims; /* never empty */
};

/* Takes the next piece off `rest`. Letters c, r and t are allowed with exp only, as is a space. False with a reason on a syntax
 * error. */
bool spf_macro_next(struct str *rest, bool exp, struct spf_macro *out, const char **reason) __attribute__((warn_unused_result));

/* True when a (valid) macro-string uses one of the lower case letters. */
bool spf_macro_uses(struct str text, const char *letters);

/* What the letters stand for: value[SPF_VAR('d')]. d and p change during an evaluation, the others are set once. */
#define SPF_VAR(letter) ((letter) - 'a')
struct spf_vars {
    struct str value[26];
};
/* All but d and p. local and sender_domain are those of the identity checked. */
void spf_vars_init(struct spf_vars *vars, const struct spf_input *in, struct str local, struct str sender_domain, struct arena *a);

/* An expansion. When it is full the front half goes (a name, of which the right end counts), or the rest is dropped (an
 * explanation). */
struct spf_text {
    char p[SPF_TEXT_MAX];
    size_t n, max;
    bool keep_end;
};

/* Expands a macro-string; false on a syntax error. Set out->max and out->keep_end first. */
bool spf_macro_expand(struct str text, bool exp, const struct spf_vars *vars, struct spf_text *out)
    __attribute__((warn_unused_result));

/* A name a question can be made of. */
bool spf_name_can_exist(struct str name);
/* The name a domain-spec stands for: expanded, cut to 253 octets from the left, without its final dot (RFC 7208 7.3). False when no
 * such name can exist. */
bool spf_macro_domain(struct str spec, const struct spf_vars *vars, struct arena *a, struct str *out)
    __attribute__((warn_unused_result));

/* ---- spf_record.c ---- */

enum spf_kind { SPF_ALL, SPF_INCLUDE, SPF_A, SPF_MX, SPF_PTR, SPF_IP4, SPF_IP6, SPF_EXISTS, SPF_REDIRECT };

struct spf_term {
    enum spf_kind kind;
    enum auth_code code;   /* of its qualifier; nothing for redirect */
    struct str text;       /* as written */
    struct str spec;       /* its domain-spec, or empty */
    struct ip net;         /* ip4, ip6 */
    unsigned bits4, bits6; /* prefix lengths */
};

struct spf_record {
    struct spf_term *terms; /* mechanisms as they stand, then the redirect: the order of evaluation (RFC 7208 4.6.2, 6.1) */
    size_t n;
    bool has_redirect;
    struct str exp;     /* domain-spec of exp=, or empty */
    const char *reason; /* why it is not valid */
    struct str problem; /* the text at fault */
};

/* RFC 7208 4.5: does the text begin with the version section? */
bool spf_record_is(struct str text);
/* Checks the whole record before anything is evaluated. False with reason and problem set. Spans point into text. */
bool spf_record_parse(struct arena *a, struct str text, struct spf_record *out) __attribute__((warn_unused_result));

/* ---- spf_eval.c, spf_match.c ---- */

enum spf_match { SPF_NO_MATCH, SPF_MATCH, SPF_TEMPERROR, SPF_PERMERROR };

/* A name of the client's address, RFC 7208 5.5: confirmed only when somebody asks for it. */
struct spf_ptr_name {
    struct str name; /* lower case */
    enum { SPF_PTR_UNKNOWN, SPF_PTR_CONFIRMED, SPF_PTR_WRONG } state;
    struct dns_query *query;
};

/* One evaluation, with all that is nested in it. */
struct spf_eval {
    struct dns *dns;
    struct arena *arena;
    int64_t deadline;
    struct ip client;
    struct spf_vars vars;
    bool local_ascii;
    unsigned terms, voids;
    unsigned started; /* questions of terms, asked or prefetched */
    struct dns_query *ptr_query;
    bool ptr_known; /* ptr_names is filled */
    bool ptr_void;  /* the address has no name */
    struct spf_ptr_name *ptr_names;
    size_t n_ptr_names;
    const char *reason;
    struct str mechanism;
    struct str exp, exp_domain; /* of the record whose mechanism matched last */
};

/* The first question of a term. */
struct spf_lookup {
    enum {
        SPF_TARGET_UNKNOWN, /* not looked at yet */
        SPF_TARGET_NAME,
        SPF_TARGET_FAULTY, /* no such name can exist */
        SPF_TARGET_NEVER   /* the term can match nothing, RFC 8616 4 */
    } target;
    struct str name;
    struct dns_query *query; /* on its way, or NULL */
};

/* One record being evaluated. */
struct spf_scope {
    struct str domain;
    struct spf_record record;
    struct spf_lookup *lookups; /* one for each term */
};

/* Does the term need the DNS? */
bool spf_term_asks(const struct spf_term *t);
/* Decides a term that does not. */
bool spf_term_holds(const struct spf_term *t, struct ip client);
/* Starts the questions of a record's terms, up to the first one sure to match and within what is left of the budget. */
void spf_prefetch(struct spf_eval *ev, struct spf_scope *scope);
/* Ends the questions nobody waited for. */
void spf_prefetch_end(struct spf_scope *scope);
/* Asks the first question of term i. SPF_MATCH: the answer is in out; SPF_NO_MATCH: there was no name to ask for, its lookup says
 * why. */
enum spf_match spf_term_ask(struct spf_eval *ev, struct spf_scope *scope, size_t i, struct dns_answer *out);
/* Evaluates an a, mx, ptr or exists term. */
enum spf_match spf_term_match(struct spf_eval *ev, struct spf_scope *scope, size_t i);
/* Sets %{d} and, when the text uses it, %{p}; `limited` counts what that asks. SPF_MATCH, or the limit that was hit. */
enum spf_match spf_set_domain(struct spf_eval *ev, struct str domain, struct str text, bool limited);
/* Counts a term against its limit. False when it is one too many; then the reason is set. */
bool spf_count_term(struct spf_eval *ev);
/* True when a text uses a macro that cannot be expanded for this sender (RFC 8616 4). */
bool spf_never_matches(const struct spf_eval *ev, struct str text);

#endif
