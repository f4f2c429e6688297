/*
 * zone.h - a small DNS for the tests of this room: records in shorthand, and a count of what is asked.
 */
#ifndef TESTS_ZONE_H
#define TESTS_ZONE_H

#include "tests/support/support.h"

#include "mailseal/dns.h"
#include "mailseal/json.h"

/* A line of a zone. text: "p=reject" stands for the TXT record "v=DMARC1; p=reject" at _dmarc.NAME; "=TEXT" for exactly this text
 * there; "@" says that NAME itself has an MX record; "SERVFAIL" that _dmarc.NAME does not answer, "@SERVFAIL" that NAME does not;
 * "@CNAME x" that NAME is an alias of x. Several lines of the same name and kind are several records. */
struct zone_line {
    const char *name, *text;
};

/* Counts questions on their way to a snapshot. */
struct zone_dns {
    struct dns dns;
    struct dns *inner;
    unsigned txt, other, open;
};
struct zone_query {
    struct dns_query query;
    struct zone_dns *zone;
    struct dns_query *inner;
};

static inline void zone_wait(struct dns_query *q, struct arena *a, struct dns_answer *out)
{
    struct zone_query *z = (struct zone_query *)q;

    dns_wait(z->inner, a, out);
    z->zone->open--;
    free(z);
}

static inline void zone_drop(struct dns_query *q)
{
    struct zone_query *z = (struct zone_query *)q;

    dns_drop(z->inner);
    z->zone->open--;
    free(z);
}

static inline struct dns_query *zone_start(struct dns *self, struct str name, enum dns_type type, int64_t deadline)
{
    struct zone_dns *zone = (struct zone_dns *)self;
    struct zone_query *z = calloc(1, sizeof(*z));

    z->query.ops = self->ops;
    z->zone = zone;
    z->inner = dns_start(zone->inner, name, type, deadline);
    zone->open++;
    if (type == DNS_TXT)
        zone->txt++;
    else
        zone->other++;
    return &z->query;
}

static inline void zone_free(struct dns *self)
{
    dns_free(((struct zone_dns *)self)->inner);
    free(self);
}

static inline void zone_add(struct arena *a, struct json *root, const struct zone_line *lines, size_t i, size_t n)
{
    const char *text = lines[i].text;
    bool itself = text[0] == '@';
    struct str name = str_printf(a, "%s%s", itself ? "" : "_dmarc.", lines[i].name);
    struct json *node, *list;

    if (strstr(text, "SERVFAIL") != NULL) {
        js_add_text(root, str_cstr(a, name), STR("SERVFAIL"));
        return;
    }
    node = js_add_object(root, str_cstr(a, name));
    if (itself && strncmp(text, "@CNAME ", 7) == 0) {
        js_add_text(js_add_array(node, "CNAME"), NULL, str_of(text + 7));
        return;
    }
    list = js_add_array(node, itself ? "MX" : "TXT");
    if (itself) {
        list = js_add_array(list, NULL);
        js_add_integer(list, NULL, 10);
        js_add_text(list, NULL, STR("mx.example.net"));
        return;
    }
    for (; i < n && lines[i].name != NULL; i++) {
        if (strcmp(lines[i].name, str_cstr(a, str_skip(name, 7))) == 0 && lines[i].text[0] != '@')
            js_add_text(list, NULL,
                        lines[i].text[0] == '=' ? str_of(lines[i].text + 1) : str_printf(a, "v=DMARC1; %s", lines[i].text));
    }
}

static inline struct zone_dns *zone_new(struct arena *a, const struct zone_line *lines, size_t n)
{
    static const struct dns_ops ops = { .start = zone_start, .wait = zone_wait, .drop = zone_drop, .free = zone_free };
    struct zone_dns *zone = calloc(1, sizeof(*zone));
    struct json *root = js_object(a);
    const char *error = NULL;

    for (size_t i = 0; i < n && lines[i].name != NULL; i++) {
        bool seen = false;

        for (size_t j = 0; j < i; j++)
            seen = seen || (strcmp(lines[j].name, lines[i].name) == 0 && (lines[j].text[0] == '@') == (lines[i].text[0] == '@'));
        if (!seen)
            zone_add(a, root, lines, i, n);
    }
    zone->dns.ops = &ops;
    zone->inner = dns_snapshot_of_json(root, &error);
    if (zone->inner == NULL)
        fail_msg("zone: %s", error);
    return zone;
}

#endif
