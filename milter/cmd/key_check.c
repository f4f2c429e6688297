/*
 * key_check.c - many private keys compared with what the DNS publishes: some at a time, told in the order in which they came.
 *
 * A pending key need not be published yet, a retired one need not be once its mail has arrived; every other difference is a fault.
 */
#include <stdio.h>

#include "mailseal/arena.h"
#include "mailseal/clock.h"
#include "mailseal/future.h"

#include "cmd_key.h"

#define AT_ONCE 32

struct check {
    const struct key_servers *servers;
    struct key_subject subject; /* its texts are copies */
    struct str name;            /* of its record */
    const char *reason;         /* why it cannot be checked, or NULL */
    struct key_findings found;
};

struct key_checks {
    const struct key_servers *servers;
    struct pool *pool;
    struct key_list *out; /* or NULL: text */
    uint64_t max;
    struct future *flying[AT_ONCE]; /* the oldest is the one in the place of the next */
    uint64_t begun, told, good, left_out;
};

static bool is_fault(const struct key_finding *f, const struct key_subject *s)
{
    enum keydir_word word = s->word;
    if (f->sight == KEY_GOOD || (f->sight == KEY_UNKNOWN && f->authoritative))
        return false;
    if (word == KEYDIR_RETIRED && clock_wall() < s->retire_after)
        return true;
    return word == KEYDIR_ACTIVE || (f->sight != KEY_MISSING && !(f->sight == KEY_REVOKED && word == KEYDIR_RETIRED));
}

/* ---- what is told ---- */

static void print_finding(struct str name, const struct key_finding *f, const struct key_subject *s)
{
    const char *state = s->word == KEYDIR_ACTIVE ? "" : name_of(keydir_words, (int)s->word);
    bool needed = s->word == KEYDIR_RETIRED && is_fault(f, s);
    printf("%.*s at %s: ", STR_FMT(name), f->server);
    if (f->sight == KEY_GOOD)
        printf("ok, %u-bit %s key", f->published.bits, f->published.type == KEY_RSA ? "RSA" : "Ed25519");
    else
        printf("%s", f->reason);
    printf("%s%s%s%s%s\n", f->remark != NULL ? ", " : "", f->remark != NULL ? f->remark : "", *state != '\0' ? "; " : "", state,
           needed ? ", but mail with its signatures may be under way" : "");
}

static void add_finding(struct json *answers, const struct key_finding *f, bool fault)
{
    struct json *j = js_add_object(answers, NULL);
    js_add_text(j, "server", str_of(f->server));
    js_add_bool(j, "authoritative", f->authoritative);
    js_add_text(j, "result", str_of(name_of(key_sight_names, (int)f->sight)));
    js_add_bool(j, "fault", fault);
    if (f->reason != NULL)
        js_add_text(j, "reason", str_of(f->reason));
    js_add_integer(j, "records", (int64_t)f->records);
    if (f->records != 1)
        return;
    js_add_integer(j, "bits", f->published.bits);
    js_add_bool(j, "testing", f->published.testing);
    js_add_bool(j, "strict", f->published.strict);
    js_add_bool(j, "revoked", f->published.revoked);
    js_add_bool(j, "sha256", f->published.sha256);
    js_add_bool(j, "email", f->published.email);
}

/* True when there is no fault. */
static bool tell_findings(const struct check *c, struct json *answers)
{
    bool good = true;
    for (size_t i = 0; i < c->found.n; i++) {
        const struct key_finding *f = &c->found.v[i];
        bool fault = is_fault(f, &c->subject);
        good = good && !fault;
        if (answers != NULL)
            add_finding(answers, f, fault);
        else
            print_finding(c->name, f, &c->subject);
    }
    return good;
}

/* True when the key is as published. */
static bool tell(const struct check *c, struct arena *a, struct key_list *out)
{
    const struct key_subject *s = &c->subject;
    struct json *j = out != NULL ? js_object(a) : NULL, *answers = NULL;
    if (c->reason != NULL)
        cmd_fail(KEY_COMMAND, "key file '%s': %s", s->file, c->reason);
    if (j != NULL) {
        js_add_text(j, "domain", s->domain);
        js_add_text(j, "selector", s->selector);
        if (s->file != NULL)
            js_add_text(j, "file", str_of(s->file));
        js_add_text(j, "state", str_of(name_of(keydir_words, (int)s->word)));
        if (c->reason != NULL)
            js_add_text(j, "reason", str_of(c->reason));
        answers = js_add_array(j, "answers");
    }
    bool good = tell_findings(c, answers) && c->reason == NULL;
    if (j != NULL) {
        js_add_bool(j, "good", good);
        key_list_add(out, a, j);
    }
    return good;
}

/* ---- the work ---- */

/* In a worker. A key is in memory no longer than its check takes. */
static void *run(void *input, struct arena *a)
{
    struct check *c = input;
    struct privkey *own = NULL;
    if (c->reason == NULL && c->subject.key == NULL)
        own = privkey_read(a, c->subject.file, &c->reason);
    if (c->reason == NULL)
        key_ask(a, c->servers, c->name, own != NULL ? own : c->subject.key, &c->found);
    privkey_free(own);
    return c;
}

static void tell_oldest(struct key_checks *k)
{
    struct future *f = k->flying[k->told++ % AT_ONCE];
    const struct check *c = future_join(f, INT64_MAX);
    k->good += tell(c, future_arena(f), k->out);
    future_free(f);
}

void key_checks_begin(struct key_checks *k, const struct key_subject *s)
{
    if (k->begun == k->max) {
        k->left_out++;
        return;
    }
    if (k->begun - k->told == AT_ONCE)
        tell_oldest(k);
    struct future *f = future_new(k->pool);
    struct arena *a = future_arena(f);
    struct check *c = ARENA_NEW(a, struct check);
    *c = (struct check){ .servers = k->servers, .subject = *s };
    c->subject.domain = str_dup(a, s->domain);
    c->subject.selector = str_dup(a, s->selector);
    c->subject.file = s->file != NULL ? str_cstr(a, str_of(s->file)) : NULL;
    c->reason = s->reason != NULL ? str_cstr(a, str_of(s->reason)) : NULL;
    c->name = key_record_name(a, s->domain, s->selector);
    k->flying[k->begun++ % AT_ONCE] = f;
    future_start(f, run, c);
}

struct key_checks *key_checks_new(struct arena *a, const struct key_servers *servers, uint64_t max, struct key_list *out)
{
    struct key_checks *k = ARENA_NEW(a, struct key_checks);
    *k = (struct key_checks){ .servers = servers, .pool = pool_new(AT_ONCE), .out = out, .max = max };
    return k;
}

struct key_count key_checks_end(struct key_checks *k)
{
    while (k->told < k->begun)
        tell_oldest(k);
    pool_free(k->pool);
    return (struct key_count){ .good = k->good, .bad = k->told - k->good, .left_out = k->left_out };
}
