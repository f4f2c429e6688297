/*
 * authres.h - Authentication-Results (RFC 8601): the words of all mechanisms, a reader and a writer.
 */
#ifndef MAILSEAL_AUTHRES_H
#define MAILSEAL_AUTHRES_H

#include "mailseal/buf.h"
#include "mailseal/str.h"

/* One enum and one name table for all mechanisms (RFC 8601 2.7). */
enum auth_code { AUTH_NONE, AUTH_PASS, AUTH_FAIL, AUTH_SOFTFAIL, AUTH_NEUTRAL, AUTH_POLICY, AUTH_TEMPERROR, AUTH_PERMERROR };
extern const struct name_code auth_code_names[];
const char *auth_code_name(enum auth_code c);

struct authres_prop {
    struct str ptype, property, value; /* value without quotes */
};

struct authres_result {
    struct str method, version, result, reason; /* version and reason may be empty */
    struct authres_prop *props;
    size_t n_props;
};

struct authres {
    struct str authserv_id; /* unquoted, as written */
    struct str version;     /* "" is 1 */
    bool none;              /* "; none" */
    struct authres_result *results;
    size_t n_results;
};

/* Reads a field value (RFC 8601 2.2, nested comments and folding anywhere CFWS may stand). False when it does not follow the
 * grammar; then authserv_id still holds the identifier when that much could be read, else it is empty. */
bool authres_parse(struct arena *a, struct str value, struct authres *out) __attribute__((warn_unused_result));

/* True when a field value bears one of the ids in any spelling: case, quoted string, comments before or inside it, folding, a final
 * dot, a version behind it, U-labels against A-labels - or cannot be read far enough to tell, or has a version other than 1,
 * whosever id it bears (RFC 8601 5: then it must go too). */
bool authres_claims(struct arena *a, struct str value, const struct str *ids, size_t n_ids);

/* The writer. Begin with the id, then for each result authres_add() and its properties, then authres_end(). A result that would
 * take the field beyond LIMIT_AUTHRES, or the count beyond LIMIT_AUTHRES_RESULTS, is dropped whole; a property whose value is
 * longer than LIMIT_AUTHRES_VALUE is left out. Values are quoted as the grammar needs, comments escaped, control and 8-bit bytes
 * replaced by "?" (the id becomes A-labels). Lines are folded with LF + HTAB at about 78 columns. */
struct authres_writer {
    struct buf buf;
    size_t count, mark, column;
    bool open;
};
void authres_begin(struct authres_writer *w, struct arena *a, struct str authserv_id);
void authres_add(struct authres_writer *w, const char *method, enum auth_code code);
void authres_comment(struct authres_writer *w, struct str text); /* (text), escaped, cut at LIMIT_AUTHRES_VALUE */
void authres_reason(struct authres_writer *w, struct str text);  /* reason="text"; cut likewise; only before any property */
void authres_prop(struct authres_writer *w, const char *ptype, const char *property, struct str value);
/* The field value, without "Authentication-Results:", beginning with the authserv-id; "; none" when nothing was added. */
struct str authres_end(struct authres_writer *w);

#endif
