/*
 * prop_from.c - P5: From fields from a grammar with a known author domain, or known to have none; then one byte changed. The one
 * author domain always is what stands behind the last "@" of every mailbox (RFC 5322 3.4, RFC 9989 5.3.1), and two From fields
 * never have one (RFC 9989 4.4).
 */
#include "mailseal/address.h"

#include "tests/property/property.h"

static void add_white(struct random *r, struct buf *b)
{
    if (random_one_in(r, 4))
        buf_puts(b, RANDOM_OF(r, " ", "\t", "\r\n ", "(x@evil.test)", " (a (b) \\) c) ", "(,<@>;:\")"));
}

static void add_local(struct random *r, struct buf *b)
{
    buf_puts(b, RANDOM_OF(r, "user", "a.b", "\"q@evil.test\"", "\"a\\\"@b\"", "x+y=z", "\"<u@evil.test>\"", "\xc3\xa9", "o'x"));
}

static void add_address(struct random *r, struct buf *b, const char *domain)
{
    add_local(r, b);
    add_white(r, b);
    buf_char(b, '@');
    add_white(r, b);
    for (const char *c = domain; *c != '\0'; c++)
        buf_char(b, random_one_in(r, 12) && *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c);
    if (random_one_in(r, 15))
        buf_char(b, '.');
    add_white(r, b);
}

static void add_mailbox(struct random *r, struct buf *b, const char *domain)
{
    add_white(r, b);
    if (random_one_in(r, 3)) {
        add_address(r, b, domain);
        return;
    }
    buf_puts(b,
             RANDOM_OF(r, "", "Some One ", "\"x@evil.test\" ", "\"a, b\" ", "=?utf-8?q?x=40evil.test?= ", "J. Doe ", "\"\\\"@\" "));
    buf_char(b, '<');
    if (random_one_in(r, 10))
        buf_puts(b, RANDOM_OF(r, "@relay.evil.test:", "@a.test,@b.test:", "@evil.test :"));
    add_address(r, b, domain);
    buf_char(b, '>');
    add_white(r, b);
}

/* Fields no one author can be read from. */
static struct str gen_bad(struct trial *t, struct buf *b, const char *domain)
{
    struct random *r = &t->random;
    switch (random_to(r, 6)) {
    case 0:
        add_mailbox(r, b, domain);
        buf_char(b, ',');
        add_mailbox(r, b, "other.test");
        break;
    case 1:
        buf_puts(b, RANDOM_OF(r, "undisclosed:;", "", " ", "user", "<>", "\"x@good.test\"", "(u@good.test)"));
        break;
    case 2:
        buf_puts(b, RANDOM_OF(r, "u@[192.0.2.1]", "<u@[IPv6:2001:db8::1]>", "u@192.0.2.1"));
        break;
    case 3:
        add_address(r, b, "other.test");
        buf_char(b, '<');
        add_address(r, b, domain);
        buf_char(b, '>');
        break;
    case 4:
        buf_puts(b, "\"not closed <u@good.test>");
        break;
    default:
        add_address(r, b, domain);
        buf_puts(b, RANDOM_OF(r, "@other.test", "<", ">", ")", " x", "\"", ",z"));
    }
    return buf_view(b);
}

struct str gen_from(struct trial *t, const char *const *domains, size_t n, struct str *domain)
{
    struct random *r = &t->random;
    struct buf b;
    const char *one = random_of(r, domains, n);
    buf_init(&b, t->arena, ROOM);
    buf_puts(&b, RANDOM_OF(r, " ", "", "\r\n ", "\t"));
    *domain = STR_NONE;
    if (random_one_in(r, 8))
        return gen_bad(t, &b, one);
    *domain = str_of(one);
    bool group = random_one_in(r, 15);
    buf_puts(&b, group ? "The group:" : "");
    for (unsigned k = random_one_in(r, 6) ? 3 : 1; k > 0; k--) {
        add_mailbox(r, &b, one);
        buf_puts(&b, k > 1 ? "," : group ? ";" : "");
    }
    return buf_view(&b);
}

static bool check_value(struct trial *t, struct str value, const struct str *want)
{
    struct arena *a = arena_new();
    struct author got;
    struct ref_from ref;
    bool fine = true;
    author_parse(a, value, &got);
    ref_from_read(a, value, &ref);
    bool one = got.status == AUTHOR_ONE;
    t->mutations++;
    t->passes += one;
    if (one && (ref.odd || ref.n != 1 || !str_eq(ref.domain, got.domain)))
        fine = trial_violated(t, value, NULL, "author domain %.*s, but the reference reads %s%zu domains, the last %.*s",
                              STR_FMT(got.domain), ref.odd ? "something odd and " : "", ref.n, STR_FMT(ref.domain));
    else if (want != NULL && (one != (want->n > 0) || (one && !str_eq(got.domain, *want))))
        fine = trial_violated(t, value, NULL, "made to have the author domain '%.*s', but status %d, domain '%.*s' (%s)",
                              STR_FMT(*want), (int)got.status, STR_FMT(got.domain), got.reason != NULL ? got.reason : "-");
    arena_free(a);
    return fine;
}

/* RFC 9989 4.4: also when one of them hides behind a bare CR or LF, or has white space before its colon. */
static bool check_two(struct trial *t, struct str value)
{
    struct random *r = &t->random;
    struct arena *a = arena_new();
    struct headers h;
    struct author got;
    bool hidden = random_one_in(r, 3), fine = true;
    headers_init(&h, a);
    if (hidden)
        headers_add(&h, STR("Subject"),
                    str_printf(a, " x%s%s:%s", RANDOM_OF(r, "\r", "\n", "\r\n"), RANDOM_OF(r, "From", "from \t"), " u@evil.test"));
    headers_add(&h, str_of(RANDOM_OF(r, "From", "FROM", "from ")), value);
    headers_add(&h, STR("To"), STR(" z@to.test"));
    if (!hidden)
        headers_add(&h, str_of(RANDOM_OF(r, "From", "fROM\t", "from")), random_one_in(r, 2) ? value : STR(" u@evil.test"));
    author_read(a, &h, &got);
    t->mutations++;
    if (got.status == AUTHOR_ONE)
        fine = trial_violated(t, value, NULL, "two From fields, but one author domain '%.*s'", STR_FMT(got.domain));
    arena_free(a);
    return fine;
}

bool property_from(struct trial *t)
{
    static const char *const domains[] = { "good.test", "a.example", "xn--bcher-kva.test", "sub.good.test" };
    struct str domain, value = gen_from(t, domains, 4, &domain);
    if (!check_value(t, value, &domain) || !check_two(t, value))
        return false;
    for (unsigned i = 0; i < 16; i++) {
        struct str changed = random_mutation(&t->random, t->arena, value, 0, value.n + 1);
        if (!check_value(t, changed, NULL) || !check_two(t, changed))
            return false;
    }
    return true;
}
