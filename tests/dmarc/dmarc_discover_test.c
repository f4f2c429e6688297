/* dmarc_discover_test.c - the tree walk: names in order, organizational domain, the record and tag that apply. */
#include "tests/dmarc/zone.h"

#include "mailseal/address.h"
#include "mailseal/clock.h"
#include "mailseal/dmarc.h"

/* One worked example. `asked` lists the names of a whole walk in order, without _dmarc.; "||" stands before those that only
 * alignment needs, "+E" says that the name's existence is asked for. */
struct row {
    const char *name, *from;
    struct zone_line zone[6];
    const char *asked;
    const char *org;    /* NULL: not known */
    const char *record; /* NULL: none applies */
    const char *want;   /* "tag policy/after t", or the code and reason where no record applies */
};

#define NO_RECORD  "none: no DMARC record applies"
#define NO_USE     "none: the DMARC record has no valid policy and no valid rua: it does not apply"
#define DNS_FAILED "temperror: the DNS did not answer for the DMARC record"
#define EX         "example.com"
#define MAIL       "mail.example.com"
#define BANK       "bank.example"
#define GIANT      "giant.bank.example"
#define LONG_CHAIN                                                                                                                 \
    "g.h.i.j.mail.example.com h.i.j.mail.example.com i.j.mail.example.com j.mail.example.com mail.example.com example.com com"

static const struct row rows[] = {
    /* D-42, D-43, D-54: a record at the Author Domain, p */
    { "1", EX, { { EX, "p=reject" } }, "example.com || com", EX, EX, "p reject/reject" },
    /* D-41, D-44, D-53: no sp: p */
    { "2", MAIL, { { EX, "p=reject" } }, "mail.example.com example.com com", EX, EX, "p reject/reject" },
    { "3", MAIL, { { EX, "p=reject; sp=quarantine" } }, "mail.example.com example.com com", EX, EX, "sp quarantine/quarantine" },
    /* D-60, D-62: np for a name that does not exist only */
    { "4",
      "nx.example.com",
      { { EX, "p=reject; sp=quarantine; np=none" } },
      "nx.example.com example.com com +E",
      EX,
      EX,
      "np none/none" },
    /* D-61: no data is a name */
    { "5",
      "mx.example.com",
      { { EX, "p=reject; sp=quarantine; np=none" }, { "mx.example.com", "@" } },
      "mx.example.com example.com com +E",
      EX,
      EX,
      "sp quarantine/quarantine" },
    { "6", "nx.example.com", { { EX, "p=none; np=reject" } }, "nx.example.com example.com com +E", EX, EX, "np reject/reject" },
    { "7", "nx.example.com", { { EX, "p=quarantine; sp=reject" } }, "nx.example.com example.com com", EX, EX, "sp reject/reject" },
    /* D-51, D-54 */
    { "8", MAIL, { { MAIL, "p=none" }, { EX, "p=reject" } }, "mail.example.com || example.com com", EX, MAIL, "p none/none" },
    { "9",
      MAIL,
      { { MAIL, "p=quarantine; sp=reject" }, { EX, "p=none" } },
      "mail.example.com || example.com com",
      EX,
      MAIL,
      "p quarantine/quarantine" },
    /* D-50: a record between the two is not used */
    { "10",
      "a.mail.example.com",
      { { MAIL, "p=none" }, { EX, "p=reject; sp=quarantine" } },
      "a.mail.example.com mail.example.com example.com com",
      EX,
      EX,
      "sp quarantine/quarantine" },
    { "11",
      "a.mail.example.com",
      { { MAIL, "p=none; psd=n" }, { EX, "p=reject" } },
      "a.mail.example.com mail.example.com",
      MAIL,
      MAIL,
      "p none/none" },
    { "12",
      "a.mail.example.com",
      { { "com", "p=none; np=reject; psd=y" }, { "a.mail.example.com", "@" } },
      "a.mail.example.com mail.example.com example.com com +E",
      EX,
      "com",
      "p none/none" },
    { "13",
      "nosuch.example",
      { { "example", "p=none; sp=none; np=reject; psd=y" } },
      "nosuch.example example +E",
      "nosuch.example",
      "example",
      "np reject/reject" },
    { "14",
      GIANT,
      { { GIANT, "p=quarantine" }, { BANK, "p=reject; psd=y" } },
      "giant.bank.example || bank.example",
      GIANT,
      GIANT,
      "p quarantine/quarantine" },
    { "15",
      "mail.giant.bank.example",
      { { BANK, "p=reject; sp=quarantine; psd=y" } },
      "mail.giant.bank.example giant.bank.example bank.example",
      GIANT,
      BANK,
      "sp quarantine/quarantine" },
    /* D-81 */
    { "16", BANK, { { BANK, "p=reject; sp=none; psd=y" } }, "bank.example", BANK, BANK, "p reject/reject" },
    { "17",
      "a.b.giant.bank.example",
      { { "b.giant.bank.example", "p=none" }, { BANK, "p=reject; psd=y" } },
      "a.b.giant.bank.example b.giant.bank.example giant.bank.example bank.example",
      GIANT,
      BANK,
      "p reject/reject" },
    { "18", MAIL, { { MAIL, "p=reject; psd=n" }, { EX, "p=none" } }, "mail.example.com", MAIL, MAIL, "p reject/reject" },
    { "19", MAIL, { { MAIL, "p=reject" } }, "mail.example.com || example.com com", MAIL, MAIL, "p reject/reject" },
    /* D-40: 8 queries at most; D-141: nothing found, and no list of public suffixes to ask */
    { "20",
      "a.b.c.d.e.f.g.h.i.j.mail.example.com",
      { { "other.example", "p=none" } },
      "a.b.c.d.e.f.g.h.i.j.mail.example.com " LONG_CHAIN,
      "a.b.c.d.e.f.g.h.i.j.mail.example.com",
      NULL,
      NO_RECORD },
    { "21",
      "a.b.c.d.e.f.example.com",
      { { EX, "p=reject" } },
      "a.b.c.d.e.f.example.com b.c.d.e.f.example.com c.d.e.f.example.com d.e.f.example.com e.f.example.com f.example.com "
      "example.com com",
      EX,
      EX,
      "p reject/reject" },
    { "22",
      "x.a.b.c.d.e.f.example.com",
      { { "a.b.c.d.e.f.example.com", "p=none; psd=n" }, { EX, "p=reject" } },
      "x.a.b.c.d.e.f.example.com b.c.d.e.f.example.com c.d.e.f.example.com d.e.f.example.com e.f.example.com f.example.com "
      "example.com com",
      EX,
      EX,
      "p reject/reject" },
    { "23",
      "mail.a.b.c.d.e.f.g.example.com",
      { { "b.c.d.e.f.g.example.com", "p=none; psd=n" }, { EX, "p=quarantine" } },
      "mail.a.b.c.d.e.f.g.example.com c.d.e.f.g.example.com d.e.f.g.example.com e.f.g.example.com f.g.example.com g.example.com "
      "example.com com",
      EX,
      EX,
      "p quarantine/quarantine" },
    /* D-80 */
    { "24",
      "u.t.s.r.q.p.o.n.bank.example",
      { { BANK, "p=reject; psd=y" } },
      "u.t.s.r.q.p.o.n.bank.example r.q.p.o.n.bank.example q.p.o.n.bank.example p.o.n.bank.example o.n.bank.example n.bank.example "
      "bank.example",
      "n.bank.example",
      BANK,
      "p reject/reject" },
    { "24, the label below was not asked for",
      "i.h.g.f.e.d.c.b.a",
      { { "g.f.e.d.c.b.a", "p=reject; psd=y" } },
      "i.h.g.f.e.d.c.b.a g.f.e.d.c.b.a",
      "h.g.f.e.d.c.b.a",
      "g.f.e.d.c.b.a",
      "p reject/reject" },
    /* D-52: the organizational domain's record goes before the public suffix's */
    { "a registrant with a record, below a public suffix",
      "mail.giant.bank.example",
      { { GIANT, "p=quarantine" }, { BANK, "p=reject; psd=y" } },
      "mail.giant.bank.example giant.bank.example bank.example",
      GIANT,
      GIANT,
      "p quarantine/quarantine" },
    /* D-55: psd=y one label above the Author Domain */
    { "a public suffix right above",
      GIANT,
      { { BANK, "p=reject; sp=quarantine; psd=y" } },
      "giant.bank.example bank.example",
      GIANT,
      BANK,
      "sp quarantine/quarantine" },
    /* D-13 */
    { "25",
      MAIL,
      { { MAIL, "p=reject" }, { MAIL, "p=none" }, { EX, "p=none; sp=quarantine" } },
      "mail.example.com example.com com",
      EX,
      EX,
      "sp quarantine/quarantine" },
    /* D-10, D-12 */
    { "26",
      MAIL,
      { { MAIL, "=v=spf1 -all" }, { EX, "p=quarantine" } },
      "mail.example.com example.com com",
      EX,
      EX,
      "p quarantine/quarantine" },
    { "27", EX, { { EX, "=v=spf1 -all" }, { EX, "p=reject" } }, "example.com || com", EX, EX, "p reject/reject" },
    { "28", EX, { { EX, "=v=dmarc1; p=reject" } }, "example.com com", EX, NULL, NO_RECORD },
    /* D-30, D-31 */
    { "29", EX, { { EX, "rua=mailto:d@example.com" } }, "example.com || com", EX, EX, "p none/none" },
    /* D-31, D-35: no use, and the search does not go on */
    { "30", MAIL, { { MAIL, "adkim=s" }, { EX, "p=reject" } }, "mail.example.com", NULL, MAIL, NO_USE },
    /* D-32 */
    { "31", EX, { { EX, "p=reject; sp=bogus; rua=mailto:d@example.com" } }, "example.com || com", EX, EX, "p none/none" },
    { "32", EX, { { EX, "p=reject; np=" } }, "example.com", NULL, EX, NO_USE },
    { "32, above the Author Domain", MAIL, { { EX, "p=bogus" } }, "mail.example.com example.com com", EX, EX, NO_USE },
    /* D-36 */
    { "a record of no use ends a walk by its psd",
      "a.mail.example.com",
      { { MAIL, "psd=n" }, { EX, "p=reject" } },
      "a.mail.example.com mail.example.com",
      MAIL,
      MAIL,
      NO_USE },
    /* D-70, D-74 */
    { "33", EX, { { EX, "p=reject; t=y" } }, "example.com || com", EX, EX, "p reject/quarantine" },
    { "34", MAIL, { { EX, "p=reject; sp=quarantine; t=y" } }, "mail.example.com example.com com", EX, EX, "sp quarantine/none" },
    { "t=y and none", EX, { { EX, "p=none; t=y" } }, "example.com || com", EX, EX, "p none/none" },
    /* D-75 */
    { "35", EX, { { EX, "p=reject; pct=0" } }, "example.com || com", EX, EX, "p reject/reject" },
    { "36", EX, { { EX, "p=reject; psd=maybe; t=yes" } }, "example.com || com", EX, EX, "p reject/reject" },
    /* D-45, D-101, D-102 */
    { "37", EX, { { EX, "SERVFAIL" } }, "example.com", NULL, NULL, DNS_FAILED },
    { "a higher level fails", MAIL, { { EX, "SERVFAIL" } }, "mail.example.com example.com", NULL, NULL, DNS_FAILED },
    { "38, 39", EX, { { EX, "p=reject" }, { "com", "SERVFAIL" } }, "example.com || com", NULL, EX, "p reject/reject" },
    { "40", "localhost", { { EX, "p=reject" } }, "localhost", "localhost", NULL, NO_RECORD },
    { "42",
      "xn--bcher-kva.example",
      { { "xn--bcher-kva.example", "p=reject" } },
      "xn--bcher-kva.example || example",
      "xn--bcher-kva.example",
      "xn--bcher-kva.example",
      "p reject/reject" },
    { "43", EX, { { EX, "p=reject" }, { "com", "p=none" } }, "example.com || com", "com", EX, "p reject/reject" },
    { "44", EX, { { EX, "p=reject; psd=n" }, { "com", "p=none" } }, "example.com", EX, EX, "p reject/reject" },
    /* D-60: np that says the same is not asked about */
    { "np like sp",
      "nx.example.com",
      { { EX, "p=reject; np=reject" } },
      "nx.example.com example.com com",
      EX,
      EX,
      "p reject/reject" },
    /* D-62: an alias exists whatever its target does; a name with _dmarc below it exists */
    { "np, alias of nothing",
      "al.example.com",
      { { EX, "p=none; np=reject" }, { "al.example.com", "@CNAME nx.example.net" } },
      "al.example.com example.com com +E",
      EX,
      EX,
      "p none/none" },
    { "np, a name with other text at _dmarc",
      "t.example.com",
      { { EX, "p=none; np=reject" }, { "t.example.com", "=hello" } },
      "t.example.com example.com com",
      EX,
      EX,
      "p none/none" },
    /* D-63 */
    { "np, existence not answered",
      "nx.example.com",
      { { EX, "p=none; np=reject" }, { "nx.example.com", "@SERVFAIL" } },
      "nx.example.com example.com com +E",
      EX,
      EX,
      "temperror: the DNS did not say whether the domain exists, so np is open" },
};

/* The walk as in struct row, the steps from `mark` on behind "||" (0: none). */
static struct str asked(struct arena *a, const struct dmarc_walk *w, size_t mark, bool existence)
{
    struct str s = STR_NONE;

    for (size_t i = 0; i < w->n; i++) {
        assert_non_null(w->step[i].why);
        s = str_printf(a, "%.*s%s%s%.*s", STR_FMT(s), i > 0 ? " " : "", i > 0 && i == mark ? "|| " : "", STR_FMT(w->step[i].name));
    }
    return existence ? str_printf(a, "%.*s +E", STR_FMT(s)) : s;
}

static struct str verdict(struct arena *a, const struct dmarc_result *r)
{
    if (r->code != AUTH_PASS)
        return str_printf(a, "%s: %s", auth_code_name(r->code), r->reason);
    return str_printf(a, "%s %s/%s", r->tag, name_of(dmarc_policy_names, (int)r->policy),
                      name_of(dmarc_policy_names, (int)r->applied));
}

static void each_worked_example_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct row *row = &rows[i];
        struct arena *a = arena_new();
        struct zone_dns *zone = zone_new(a, row->zone, ROWS(row->zone));
        struct dmarc_result r;
        size_t mark;

        dmarc_discover(&zone->dns, str_of(row->from), clock_ms() + 60000, a, &r);
        mark = r.code == AUTH_PASS && str_eq(r.record_domain, r.from_domain) ? 1 : 0;
        ROW_STR(row->name, asked(a, r.walk, mark, zone->other > 0), str_of(row->asked));
        ROW_STR(row->name, r.org_domain, str_of(row->org));
        ROW_STR(row->name, r.record_domain, str_of(row->record));
        ROW_STR(row->name, verdict(a, &r), str_of(row->want));
        ROW_STR(row->name, r.from_domain, str_of(row->from));
        /* D-40 */
        ROW_INT(row->name, zone->txt <= 8, true);
        ROW_INT(row->name, zone->open, 0);
        dns_free(&zone->dns);
        arena_free(a);
    }
}

/* The names before "||" are all that a verdict waits for when there is nothing to align; behind a fail the walk is finished, so
 * that its organizational domain can be told. */
static void a_verdict_waits_for_what_it_needs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct row *row = &rows[i];
        struct arena *a = arena_new();
        struct zone_dns *zone = zone_new(a, row->zone, ROWS(row->zone));
        struct author author = { .status = AUTHOR_ONE, .domain = str_of(row->from) };
        const char *bar = strstr(row->asked, " ||");
        struct str needed = str_of(row->asked);
        struct dmarc_result r;

        dmarc_eval(dmarc_start(a, &zone->dns, author.domain, clock_ms() + 60000), &author, NULL, NULL, 0, a, &r);
        if (bar != NULL && r.code == AUTH_FAIL)
            needed = str_printf(a, "%.*s%s", (int)(bar - row->asked), row->asked, bar + 3);
        else if (bar != NULL)
            needed = str_first(needed, (size_t)(bar - row->asked));
        ROW_STR(row->name, asked(a, r.walk, 0, zone->other > 0), needed);
        ROW_INT(row->name, zone->open, 0);
        dns_free(&zone->dns);
        arena_free(a);
    }
}

static void the_questions_of_a_walk_start_together(void **state)
{
    struct arena *a = arena_new();
    struct zone_dns *zone = zone_new(a, rows[20].zone, ROWS(rows[20].zone));
    struct dmarc *d = dmarc_start(a, &zone->dns, str_of(rows[20].from), clock_ms() + 60000);

    (void)state;
    assert_int_equal(zone->open, 8);
    dmarc_drop(d);
    assert_int_equal(zone->open, 0);
    dmarc_drop(NULL);
    dns_free(&zone->dns);
    arena_free(a);
}

/* D-46: a name that _dmarc. makes too long has no record; the walk goes on. */
static void a_name_too_long_to_ask_for_has_no_record(void **state)
{
    static const struct zone_line zone_lines[] = { { EX, "p=reject" } };
    struct arena *a = arena_new();
    struct zone_dns *zone = zone_new(a, zone_lines, ROWS(zone_lines));
    char label[64], name[260];
    struct dmarc_result r;

    (void)state;
    memset(label, 'x', 63);
    label[63] = '\0';
    sprintf(name, "%s.%s.%s.%.49s.example.com", label, label, label, label);
    assert_int_equal(strlen(name), 253);
    dmarc_discover(&zone->dns, str_of(name), clock_ms() + 60000, a, &r);
    assert_int_equal(r.code, AUTH_PASS);
    ROW_STR("record", r.record_domain, STR(EX));
    assert_int_equal(r.walk->n, 6);
    dns_free(&zone->dns);
    arena_free(a);
}

struct why {
    const char *name, *from;
    struct zone_line zone[3];
    size_t step;
    const char *step_why, *walk_why;
};

static const struct why whys[] = {
    { "psd=n",
      EX,
      { { EX, "p=none; psd=n" } },
      0,
      "a record with psd=n: an organizational domain, the walk ends",
      "its record says psd=n" },
    { "psd=y",
      GIANT,
      { { BANK, "p=none; psd=y" } },
      1,
      "a record with psd=y: a public suffix, the walk ends",
      "one label below the record with psd=y" },
    { "record", EX, { { EX, "p=none" } }, 0, "a DMARC record", "the shortest name with a record" },
    { "no name",
      EX,
      { { "other.example", "p=none" } },
      0,
      "no record: there is no such name",
      "no record was found: the name itself" },
    { "no text",
      EX,
      { { "x._dmarc.example.com", "@" } },
      0,
      "no record: the name has no text",
      "no record was found: the name itself" },
    { "other text",
      EX,
      { { EX, "=hello" } },
      0,
      "no record: the name has other text only",
      "no record was found: the name itself" },
    { "several",
      EX,
      { { EX, "p=none" }, { EX, "p=none" } },
      0,
      "several DMARC records: all are discarded",
      "no record was found: the name itself" },
    { "failure",
      EX,
      { { EX, "SERVFAIL" } },
      0,
      "the DNS did not answer: the walk cannot be completed",
      "not known: the DNS did not answer" },
};

static void each_step_says_what_it_means(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(whys); i++) {
        struct arena *a = arena_new();
        struct zone_dns *zone = zone_new(a, whys[i].zone, ROWS(whys[i].zone));
        struct dmarc_result r;

        dmarc_discover(&zone->dns, str_of(whys[i].from), clock_ms() + 60000, a, &r);
        ROW_STR(whys[i].name, str_of(r.walk->step[whys[i].step].why), str_of(whys[i].step_why));
        ROW_STR(whys[i].name, str_of(r.walk->why), str_of(whys[i].walk_why));
        dns_free(&zone->dns);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_worked_example_is_found),           cmocka_unit_test(a_verdict_waits_for_what_it_needs),
        cmocka_unit_test(the_questions_of_a_walk_start_together), cmocka_unit_test(a_name_too_long_to_ask_for_has_no_record),
        cmocka_unit_test(each_step_says_what_it_means),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
