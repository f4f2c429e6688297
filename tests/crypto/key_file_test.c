/* key_file_test.c - private keys from files: who may own, read and write them. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailseal/crypto.h"

#include "tests/crypto/test_keys.h"

static char directory[64];
static char path[128];

static void write_key(const char *text, size_t n, mode_t mode)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0 && write(fd, text, n) == (ssize_t)n && fchmod(fd, mode) == 0 && close(fd) == 0);
}

static int make_directory(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/mailseal-key-XXXXXX");
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/key.pem", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    unlink(path);
    rmdir(path);
    return rmdir(directory);
}

/* The reason, "good", or "good, but " with the warning. */
static struct str outcome(struct arena *a, const char *file, bool named)
{
    const char *reason = NULL, *warning = NULL;
    struct privkey *k = named ? privkey_read_named(a, file, &warning, &reason) : privkey_read(a, file, &reason);
    assert_true((k == NULL) == (reason != NULL));
    privkey_free(k);
    if (reason != NULL)
        return str_of(reason);
    return warning != NULL ? str_printf(a, "good, but %s", warning) : STR("good");
}

/* X01, DK-93 */
static void modes_are_held_to(void **state)
{
    (void)state;
    static const struct {
        mode_t file, directory;
        const char *want;
    } rows[] = {
        { 0600, 0700, "good" },
        { 0400, 0700, "good" },
        { 0640, 0700, "good" },
        { 0440, 0755, "good" },
        { 0644, 0700, "others have access to it (want mode 0600 or 0640)" },
        { 0604, 0700, "others have access to it (want mode 0600 or 0640)" },
        { 0602, 0700, "others have access to it (want mode 0600 or 0640)" },
        { 0660, 0700, "its group can write it (want mode 0600 or 0640)" },
        { 0600, 0777, "its directory, or one above it, can be written by group or others" },
        { 0600, 0770, "its directory, or one above it, can be written by group or others" },
        { 0600, 0702, "its directory, or one above it, can be written by group or others" },
        { 0600, 01777, "good" },
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new();
        const char *name = str_cstr(a, str_printf(a, "file %o, directory %o", rows[i].file, rows[i].directory));
        write_key(ed25519, sizeof(ed25519) - 1, rows[i].file);
        assert_return_code(chmod(directory, rows[i].directory), 0);
        ROW_STR(name, outcome(a, path, false), str_of(rows[i].want));
        arena_free(a);
    }
    assert_return_code(chmod(directory, 0700), 0);
}

static void a_file_named_by_a_user_is_only_warned_of(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    write_key(ed25519, sizeof(ed25519) - 1, 0644);
    ROW_STR("0644", outcome(a, path, true), STR("good, but others have access to it (want mode 0600 or 0640)"));
    write_key(ed25519, sizeof(ed25519) - 1, 0600);
    ROW_STR("0600", outcome(a, path, true), STR("good"));
    write_key("x", 1, 0600);
    ROW_STR("no key", outcome(a, path, true), STR("there is no private key in it"));
    arena_free(a);
}

/* Only root can give a file away. */
static void owners_are_held_to(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    if (geteuid() != 0)
        skip();
    write_key(ed25519, sizeof(ed25519) - 1, 0600);
    assert_return_code(chown(path, 12345, 0), 0);
    ROW_STR("file", outcome(a, path, false), STR("it belongs to another user"));
    assert_return_code(chown(path, 0, 0), 0);
    assert_return_code(chown(directory, 12345, 0), 0);
    ROW_STR("directory", outcome(a, path, false), STR("its directory, or one above it, belongs to another user"));
    assert_return_code(chown(directory, 0, 0), 0);
    ROW_STR("root", outcome(a, path, false), STR("good"));
    arena_free(a);
}

/* X02 */
static void a_link_is_not_followed(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    char target[128];
    snprintf(target, sizeof(target), "%s/real", directory);
    write_key(ed25519, sizeof(ed25519) - 1, 0600);
    assert_return_code(rename(path, target), 0);
    assert_return_code(symlink("real", path), 0);
    ROW_STR("link", outcome(a, path, false), STR("it is a symbolic link"));
    ROW_STR("its target", outcome(a, target, false), STR("good"));
    unlink(target);
    ROW_STR("dangling link", outcome(a, path, false), STR("it is a symbolic link"));
    arena_free(a);
}

/* X02: a way that somebody else can lead elsewhere. */
static void every_directory_on_the_way_is_looked_at(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *sub = str_cstr(a, str_printf(a, "%s/sub", directory)), *link = str_cstr(a, str_printf(a, "%s/link", directory));
    const char *below = str_cstr(a, str_printf(a, "%s/key.pem", sub)), *through = str_cstr(a, str_printf(a, "%s/key.pem", link));
    const struct str writable = STR("its directory, or one above it, can be written by group or others");
    write_key(ed25519, sizeof(ed25519) - 1, 0600);
    assert_true(mkdir(sub, 0700) == 0 && rename(path, below) == 0 && symlink("sub", link) == 0);
    ROW_STR("below", outcome(a, below, false), STR("good"));
    ROW_STR("through a link", outcome(a, through, false), STR("good"));
    ROW_STR("dots", outcome(a, str_cstr(a, str_printf(a, "%s/.//../sub/key.pem", sub)), false), STR("good"));
    assert_return_code(chmod(directory, 0777), 0);
    ROW_STR("above", outcome(a, below, false), writable);
    ROW_STR("above a link", outcome(a, through, false), writable);
    assert_return_code(chmod(directory, 0700), 0);
    assert_return_code(chmod(sub, 0777), 0);
    ROW_STR("into", outcome(a, through, false), writable);
    assert_return_code(chmod(sub, 0700), 0);
    if (geteuid() == 0) {
        assert_return_code(lchown(link, 12345, 0), 0);
        ROW_STR("a stranger's link", outcome(a, through, false), STR("a symbolic link on the way to it belongs to another user"));
    }
    assert_true(unlink(link) == 0 && symlink(sub, link) == 0);
    ROW_STR("absolute link", outcome(a, through, false), STR("good"));
    assert_true(unlink(link) == 0 && symlink("link", link) == 0);
    ROW_STR("endless", outcome(a, through, false), STR("cannot open its directory: Too many levels of symbolic links"));
    ROW_STR("a file", outcome(a, str_cstr(a, str_printf(a, "%s/x", below)), false),
            STR("cannot open its directory: Not a directory"));
    assert_true(unlink(link) == 0 && unlink(below) == 0 && rmdir(sub) == 0);
    arena_free(a);
}

/* X03 */
static void what_is_no_key_file_is_refused_without_a_hang(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    unlink(path);
    ROW_STR("absent", outcome(a, path, false), STR("cannot open it: No such file or directory"));
    ROW_STR("no directory", outcome(a, "/nonexistent/key.pem", false), STR("cannot open its directory: No such file or directory"));
    ROW_STR("no name", outcome(a, "/", false), STR("cannot open it: No such file or directory"));

    assert_return_code(mkfifo(path, 0600), 0);
    ROW_STR("FIFO", outcome(a, path, false), STR("it is not a regular file"));
    ROW_STR("FIFO, named", outcome(a, path, true), STR("it is not a regular file"));
    unlink(path);
    assert_return_code(mkdir(path, 0700), 0);
    ROW_STR("directory", outcome(a, path, false), STR("it is not a regular file"));
    rmdir(path);

    write_key("", 0, 0600);
    ROW_STR("empty", outcome(a, path, false), STR("it is empty"));
    assert_return_code(truncate(path, 1L << 30), 0);
    ROW_STR("1 GB", outcome(a, path, false), STR("it is too long"));
    write_key(rsa_pkcs8, sizeof(rsa_pkcs8) / 2, 0600);
    ROW_STR("truncated", outcome(a, path, false), STR("the key is damaged or of an unknown kind"));
    write_key(rsa_512, sizeof(rsa_512) - 1, 0600);
    ROW_STR("512 bits", outcome(a, path, false), STR("RSA key shorter than 1024 bits"));
    arena_free(a);
}

static void a_path_may_be_relative(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    write_key(ed25519, sizeof(ed25519) - 1, 0600);
    int here = open(".", O_RDONLY | O_DIRECTORY);
    assert_true(here >= 0 && chdir(directory) == 0);
    struct str in_directory = outcome(a, "key.pem", false), dotted = outcome(a, "./key.pem", false);
    assert_true(fchdir(here) == 0 && close(here) == 0);
    ROW_STR("name", in_directory, STR("good"));
    ROW_STR("with a dot", dotted, STR("good"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modes_are_held_to),
        cmocka_unit_test(a_file_named_by_a_user_is_only_warned_of),
        cmocka_unit_test(owners_are_held_to),
        cmocka_unit_test(a_link_is_not_followed),
        cmocka_unit_test(every_directory_on_the_way_is_looked_at),
        cmocka_unit_test(what_is_no_key_file_is_refused_without_a_hang),
        cmocka_unit_test(a_path_may_be_relative),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
