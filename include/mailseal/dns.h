/*
 * dns.h - names to answers.
 *
 * One interface, several makers: the network (dns_stub_new), a cache around another (dns_cache_new), a snapshot file
 * (dns_snapshot_new), a recorder around another (dns_record_new), and the meter of one message around another (dns_meter_new). A
 * question is a future: dns_start() puts it on its way, dns_wait() takes its answer. Every maker may be used from several threads.
 */
#ifndef MAILSEAL_DNS_H
#define MAILSEAL_DNS_H

#include "mailseal/str.h"

enum dns_type { DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28 };
extern const struct name_code dns_type_names[];

enum dns_status {
    DNS_OK,     /* at least one record of the type asked for */
    DNS_NODATA, /* the name exists (or is an empty non-terminal), the type does not */
    DNS_NXDOMAIN,
    DNS_TEMPFAIL /* time-out, SERVFAIL, REFUSED, a reply that makes no sense, a limit hit */
};
extern const struct name_code dns_status_names[];

struct dns_answer {
    enum dns_status status;
    size_t n;
    struct str *rr;     /* A 4 bytes; AAAA 16 bytes; TXT the character-strings joined; MX, NS, PTR, CNAME a host name, lower case,
                            no final dot, MX in order of preference ("" is the null MX of RFC 7505) */
    uint32_t ttl;       /* seconds */
    bool authentic;     /* AD was set by a nameserver we trust to say so */
    bool alias;         /* the name asked for owns a CNAME: it exists even when status is NXDOMAIN */
    const char *reason; /* a literal, for DNS_TEMPFAIL ("time-out", "SERVFAIL", ...), else NULL */
};

struct dns;
struct dns_query;

/* What a maker implements; others use the functions below. */
struct dns_ops {
    /* name is lower case without the final dot, can exist, and is the caller's; deadline is near enough already. */
    struct dns_query *(*start)(struct dns *self, struct str name, enum dns_type type, int64_t deadline);
    void (*wait)(struct dns_query *q, struct arena *a, struct dns_answer *out); /* ends q */
    void (*drop)(struct dns_query *q);                                          /* ends q without waiting */
    void (*free)(struct dns *self);
    /* Optional; NULL: there is no way to learn it. Calls fn(ctx) exactly once, when wait() would not block any more: at once, or
     * later in another thread; also when q was dropped since, and from free() at the latest. Once per query, before it is ended. */
    void (*notify)(struct dns_query *q, void (*fn)(void *ctx), void *ctx);
};
struct dns {
    const struct dns_ops *ops;
};
struct dns_query {
    const struct dns_ops *ops;
};

/* Asks for `name` (any case, no final dot needed; a name that cannot exist is answered NXDOMAIN without a query). deadline is a
 * time of clock_ms(); it is cut to LIMIT_DNS_LOOKUP_MS from now. Never NULL. Each query must end in dns_wait() or dns_drop(). */
struct dns_query *dns_start(struct dns *d, struct str name, enum dns_type type, int64_t deadline);
/* The answer, in the caller's arena. Always fills out; past the deadline it is DNS_TEMPFAIL. */
void dns_wait(struct dns_query *q, struct arena *a, struct dns_answer *out);
void dns_drop(struct dns_query *q);
/* Both in one, for chains that have nothing else to do. */
void dns_ask(struct dns *d, struct str name, enum dns_type type, int64_t deadline, struct arena *a, struct dns_answer *out);
/* NULL is allowed. No query may be open. */
void dns_free(struct dns *d);

/* The network: our own stub resolver, one thread. servers are "addr", "addr:port" or "[addr]:port"; n of 0 takes those of
 * /etc/resolv.conf (and follows changes of that file). AD is believed only from loopback servers or with trust_ad.
 * NULL with a reason in error (a literal). */
struct dns *dns_stub_new(const struct str *servers, size_t n, bool trust_ad, const char **error);

/* The name servers of /etc/resolv.conf, each as dns_stub_new() takes it; how many of the LIMIT_DNS_NAMESERVERS that out has room
 * for. */
size_t dns_system_servers(struct arena *a, struct str *out);

/* A cache of answers by (name, type), bounded in bytes and entries; equal questions in flight become one. A question that was
 * dropped goes on, so that its answer is there for the next. Owns inner. */
struct dns *dns_cache_new(struct dns *inner);

/* Answers from a JSON file: {"name": {"TXT": [..], "MX": [[10, "host"]], ..}, "other": "TIMEOUT"}. Absent names are NXDOMAIN, or
 * NODATA when a longer name below is present; "*" answers all types not listed; CNAME is followed. "TIMEOUT" and "SERVFAIL" answer
 * DNS_TEMPFAIL at once. NULL with "file:line: what is wrong", or "file: name: what is wrong"; the text is this thread's until its
 * next failing call. */
struct dns *dns_snapshot_new(const char *path, const char **error);
/* The same from a JSON object in memory, which need not outlive the call; "name: what is wrong". */
struct json;
struct dns *dns_snapshot_of_json(const struct json *j, const char **error);

/* Passes questions on to inner (owned) and keeps the answers; dns_record_write() writes them as a snapshot file that answers the
 * same again. What a snapshot has no words for is lost: TTL, AD, the reason of a failure other than a time-out, names with bytes
 * other than printable ASCII; a TXT byte that is not UTF-8 becomes U+FFFD. For one run of a command: it keeps what it heard until
 * it is freed. */
struct dns *dns_record_new(struct dns *inner);
/* The same as a JSON object in the arena, names in the order they were first asked for. */
struct json *dns_record_json(struct dns *d, struct arena *a);
bool dns_record_write(struct dns *d, const char *path) __attribute__((warn_unused_result));

/* Notes of questions and answers, for several makers at once: of each question the last answer. max is in bytes; what does not fit
 * is left out. Any thread. dns_notes_new() gives one reference; NULL is allowed in dns_notes_unref(). */
struct dns_notes;
struct dns_notes *dns_notes_new(size_t max);
struct dns_notes *dns_notes_ref(struct dns_notes *k);
void dns_notes_unref(struct dns_notes *k);
/* As dns_record_json(), without the names that hides() wants hidden (NULL: none). *whole is false when something was left out. */
struct json *dns_notes_json(struct dns_notes *k, struct arena *a, bool (*hides)(void *ctx, struct str name), void *ctx,
                            bool *whole);

/* The meter of one message: counts its questions, refuses those beyond `max` and cuts deadlines to `deadline`: both answer
 * DNS_TEMPFAIL with a reason. Does not own inner. Counted references, because a task may outlive its message. dns_meter_new()
 * gives one reference; dns_free() drops one, as dns_meter_unref() does. */
struct dns *dns_meter_new(struct dns *inner, unsigned max, int64_t deadline);
struct dns *dns_meter_ref(struct dns *d);
void dns_meter_unref(void *d);
/* Before its first question: the answers that somebody waits for are noted. Takes a reference of its own. */
void dns_meter_note(struct dns *d, struct dns_notes *k);
unsigned dns_meter_count(const struct dns *d);
/* What became of its questions so far: how many were waited for to their end, and how many of these were answered DNS_TEMPFAIL.
 * Neither counts what the meter refused, and what was dropped or cancelled. */
struct dns_tally {
    unsigned ended, failed;
};
struct dns_tally dns_meter_tally(const struct dns *d);
/* True when an answer is no answer but a limit of its message: nothing was asked. */
bool dns_meter_refused(const struct dns_answer *a);
/* From now on every new question of the meter fails at once, and waits end soon: its message is gone. */
void dns_meter_cancel(struct dns *d);

#endif
