/* mail_int.h - the words of structured fields (RFC 5322 3.2), shared by the From parser and the Authentication-Results reader. */
#ifndef MAILSEAL_MAIL_INT_H
#define MAILSEAL_MAIL_INT_H

#include "mailseal/str.h"

#define LEX_END (-1)

/* A position in a text, and what went wrong there: a literal, NULL as long as nothing did. */
struct lex {
    struct str s;
    size_t i;
    const char *reason;
};

/* Notes the reason and gives false. */
bool lex_fail(struct lex *l, const char *reason);

/* The byte at the position, or LEX_END. */
int lex_peek(const struct lex *l);
/* Steps over c when it stands here. */
bool lex_take(struct lex *l, char c);

/* Steps over the comment that begins here, with those inside it. False when it is not closed or nested too deep. */
bool lex_comment(struct lex *l) __attribute__((warn_unused_result));
/* Steps over comments and folding white space, if any. False when a comment is not closed or nested too deep. */
bool lex_cfws(struct lex *l) __attribute__((warn_unused_result));

/* A run, maybe empty, of the characters a function knows. */
struct str lex_run(struct lex *l, bool (*is_in)(char));

/* The quoted string that begins here, quotes included. False when it is not closed, too long, or has a control character. */
bool lex_quoted(struct lex *l, struct str *raw) __attribute__((warn_unused_result));
/* What a quoted string says: without its quotes, the backslash of quoted pairs and the line ends of folds. */
struct str lex_unquote(struct arena *a, struct str raw);

bool char_is_atext(char c);   /* RFC 5322 3.2.3; 8-bit as RFC 6532 3.2 has it */
bool char_is_token(char c);   /* RFC 2045 5.1; 8-bit as RFC 8601 2.2 has it for internationalised messages */
bool char_is_control(char c); /* below SP, or DEL */

#endif
