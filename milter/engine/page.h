/* page.h - text for people on a terminal: sections of wrapped lines. What others wrote goes through page_shown(). */
#ifndef MAILSEAL_PAGE_H
#define MAILSEAL_PAGE_H

#include <stdio.h>

#include "mailseal/json.h"

struct page {
    FILE *f;
    struct arena *a;
    const struct json *doc; /* an explanation, see explain_print() */
    unsigned sections;
};

/* An underlined heading, with an empty line above it; `about` says in a few words what is asked there. */
void page_title(struct page *p, const char *title, const char *about);
/* A paragraph, wrapped, each line indented. */
void page_say(struct page *p, unsigned indent, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same behind a mark ("-", "1."), hanging. */
void page_item(struct page *p, unsigned indent, const char *mark, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void page_space(struct page *p);

/* Text of mail or of the DNS: printable ASCII, cut where it is very long. */
const char *page_shown(struct page *p, struct str s);

/* ---- members of the document, "" and NULL where it has none ---- */
struct str page_text(const struct json *j, const char *key);
/* page_shown() of a member. */
const char *page_member(struct page *p, const struct json *j, const char *key);
bool page_is(const struct json *j, const char *key, const char *word);
bool page_truth(const struct json *j, const char *key);

/* ---- explain_checks.c: a section each ---- */
void explain_author(struct page *p);
void explain_spf(struct page *p);
void explain_dkim(struct page *p);
void explain_arc(struct page *p);
void explain_dmarc(struct page *p);

#endif
