/* keydir_test.c - states as text; keys and states in a directory; what a crash or a stranger leaves there. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailseal/keydir.h"

#include "tests/support/support.h"

static const struct {
    const char *text, *want; /* what is written for it, or the reason */
} states[] = {
    { "active\n", "active\n" },
    { "active", "active\n" },
    { "pending since=5 negttl=60 seen=7\n", "pending since=5 seen=7 negttl=60\n" },
    { "retired since=5 retire-after=600\n", "retired since=5 retire-after=600\n" },
    { "active since=5 switching=1\n", "active since=5 switching=1\n" },
    { "active someday=maybe since=5\n", "active since=5\n" },
    { "", "the first word is not pending, active or retired" },
    { "\n", "the first word is not pending, active or retired" },
    { "ready\n", "the first word is not pending, active or retired" },
    { " active\n", "the first word is not pending, active or retired" },
    { "active since=-1\n", "the value of a fact is not a number" },
    { "active since=\n", "the value of a fact is not a number" },
    { "active since=99999999999999999999\n", "the value of a fact is not a number" },
    { "active switching=2\n", "the value of a fact is not a number" },
    { "active since\n", "a fact is not key=value" },
    { "active =5\n", "a fact is not key=value" },
    { "active  since=5\n", "a fact is not key=value" },
    { "active \n", "a fact is not key=value" },
    { "active\nretired\n", "more than one line" },
};

static void a_state_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (size_t i = 0; i < ROWS(states); i++) {
        struct keydir_state s;
        const char *reason;
        bool ok = keydir_state_parse(str_of(states[i].text), &s, &reason);
        ROW_STR(states[i].text, ok ? keydir_state_write(a, &s) : str_of(reason), str_of(states[i].want));
    }
    arena_free(a);
}

/* A directory of its own for a test, and what is needed in it. */
struct place {
    struct arena *a;
    const char *dir;
    struct keydir *k;
};

static const char *below(const struct place *p, const char *name)
{
    return str_cstr(p->a, str_printf(p->a, "%s/%s", p->dir, name));
}

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    char path[] = "/tmp/keydir-test-XXXXXX";
    const char *reason;
    p->a = arena_new();
    assert_non_null(mkdtemp(path));
    p->dir = str_cstr(p->a, str_printf(p->a, "%s", path));
    p->k = keydir_open(p->a, p->dir, STR("example.org"), true, &reason);
    assert_non_null(p->k);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    const char *command = str_cstr(p->a, str_printf(p->a, "rm -rf '%s'", p->dir));
    int code = system(command);
    arena_free(p->a);
    free(p);
    return code;
}

static void put(const struct place *p, const char *name, const char *text)
{
    const char *path = below(p, name), *reason;
    unlink(path);
    assert_true(keydir_write_new(p->a, path, str_of(text), &reason));
}

/* "selector:word" of every key, "selector:" and the reason where the state cannot be read. */
static struct str listed(const struct place *p)
{
    struct keydir_key *keys;
    size_t n;
    const char *reason;
    struct str out = STR_NONE;
    assert_true(keydir_list(p->k, p->a, &keys, &n, &reason));
    for (size_t i = 0; i < n; i++)
        out = str_printf(p->a, "%.*s%s%.*s:%s%s", STR_FMT(out), i > 0 ? " " : "", STR_FMT(keys[i].selector),
                         keys[i].reason != NULL ? "!" : "",
                         keys[i].reason != NULL ? keys[i].reason : name_of(keydir_words, (int)keys[i].state.word));
    return out;
}

static const struct keydir_state pending = { .word = KEYDIR_PENDING, .since = 5 };
static const struct keydir_state active = { .word = KEYDIR_ACTIVE, .since = 6 };

static void a_key_goes_through_its_states(void **state)
{
    struct place *p = *state;
    const char *reason;
    struct stat st;
    assert_true(keydir_add(p->k, p->a, STR("a"), STR("key a"), &pending, &reason));
    put(p, "example.org/byhand.pem", "key");
    ROW_STR("made", listed(p), STR("a:pending byhand:active"));
    assert_int_equal(stat(below(p, "example.org/a.pem"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(stat(below(p, "example.org"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_true(keydir_set(p->k, p->a, STR("a"), &active, &reason));
    ROW_STR("switched", listed(p), STR("a:active byhand:active"));
    assert_true(keydir_put_away(p->k, p->a, STR("a"), &reason));
    ROW_STR("put away", listed(p), STR("byhand:active"));
    assert_true(keydir_has(p->k, STR("a")));
    assert_false(keydir_has(p->k, STR("b")));
}

static void nothing_is_overwritten(void **state)
{
    struct place *p = *state;
    const char *reason = NULL;
    assert_true(keydir_add(p->k, p->a, STR("a"), STR("key a"), &active, &reason));
    assert_false(keydir_add(p->k, p->a, STR("a"), STR("other"), &pending, &reason));
    assert_non_null(strstr(reason, "example.org/a.pem': File exists"));
    assert_false(keydir_write_new(p->a, below(p, "example.org/a.pem"), STR("other"), &reason));
    ROW_STR("as it was", listed(p), STR("a:active"));
    /* a link in the place of a new file is not followed */
    assert_int_equal(symlink(below(p, "elsewhere"), below(p, "example.org/l.pem")), 0);
    assert_false(keydir_add(p->k, p->a, STR("l"), STR("key l"), &pending, &reason));
    assert_int_equal(access(below(p, "elsewhere"), F_OK), -1);
}

/* What a crash leaves: the next change goes over it, and a key is never without its state. */
static void a_crash_leaves_the_old_or_the_new(void **state)
{
    struct place *p = *state;
    const char *reason;
    put(p, "example.org/half.state", "pending since=5\n");
    put(p, "example.org/half.pem.new", "-----BEGIN");
    ROW_STR("new key, not whole", listed(p), STR(""));
    assert_true(keydir_has(p->k, STR("half")));
    assert_true(keydir_add(p->k, p->a, STR("a"), STR("key a"), &pending, &reason));
    put(p, "example.org/a.state.new", "act");
    ROW_STR("new state, not whole", listed(p), STR("a:pending"));
    assert_true(keydir_set(p->k, p->a, STR("a"), &active, &reason));
    ROW_STR("changed again", listed(p), STR("a:active"));
    assert_int_equal(access(below(p, "example.org/a.state.new"), F_OK), -1);
}

static void a_state_nobody_can_read_is_no_state(void **state)
{
    struct place *p = *state;
    static char longer[KEYDIR_STATE_MAX + 2];
    memset(longer, 'x', sizeof(longer) - 1);
    put(p, "example.org/a.pem", "key");
    put(p, "example.org/a.state", "activ");
    put(p, "example.org/b.pem", "key");
    put(p, "example.org/b.state", longer);
    put(p, "example.org/c.pem", "key");
    assert_int_equal(symlink("a.state", below(p, "example.org/c.state")), 0);
    put(p, "example.org/d.pem", "key");
    assert_int_equal(mkfifo(below(p, "example.org/d.state"), 0600), 0);
    ROW_STR("states", listed(p),
            STR("a:!its state is not valid: the first word is not pending, active or retired b:!its state is too long "
                "c:!its state is a symbolic link d:!its state cannot be read"));
}

static void unsafe_directories_are_refused(void **state)
{
    struct place *p = *state;
    const char *reason = "";
    assert_int_equal(symlink("example.org", below(p, "link.example")), 0);
    assert_null(keydir_open(p->a, p->dir, STR("link.example"), true, &reason));
    assert_non_null(strstr(reason, "link.example': it is a symbolic link"));
    assert_int_equal(chmod(below(p, "example.org"), 0770), 0);
    assert_null(keydir_open(p->a, p->dir, STR("example.org"), true, &reason));
    assert_non_null(strstr(reason, "can be written by group or others"));
    assert_int_equal(chmod(below(p, "example.org"), 0750), 0);
    assert_non_null(keydir_open(p->a, p->dir, STR("example.org"), false, &reason));
    assert_int_equal(chmod(p->dir, 01777), 0);
    assert_null(keydir_open(p->a, p->dir, STR("example.org"), true, &reason));
    assert_int_equal(chmod(p->dir, 0700), 0);
    assert_null(keydir_open(p->a, p->dir, STR("none.example"), false, &reason));
    assert_non_null(strstr(reason, "none.example': No such file"));
}

static void domains_are_the_directories(void **state)
{
    struct place *p = *state;
    const char *reason;
    struct str *domains;
    size_t n;
    assert_non_null(keydir_open(p->a, p->dir, STR("b.example"), true, &reason));
    put(p, "a-file", "x");
    assert_int_equal(mkdir(below(p, "No Domain"), 0700), 0);
    assert_true(keydir_domains(p->a, p->dir, &domains, &n, &reason));
    assert_int_equal(n, 2);
    ROW_STR("first", domains[0], STR("b.example"));
    ROW_STR("second", domains[1], STR("example.org"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_is_read_as_it_was_written),
        cmocka_unit_test_setup_teardown(a_key_goes_through_its_states, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_overwritten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_crash_leaves_the_old_or_the_new, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_state_nobody_can_read_is_no_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unsafe_directories_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(domains_are_the_directories, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
