/*
 * listener.c - the socket the mail server connects to.
 *
 * libmilter makes it; here is what libmilter leaves out: it would take over the path of a running daemon, knows no owners, and has
 * no way to stop listening without cutting the messages in work.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "mailseal/arena.h"
#include "mailseal/str.h"

#include "filter_int.h"

static bool fail(struct arena *a, const char **error, const char *what, const char *path, const char *why)
{
    *error = str_cstr(a, str_printf(a, "%s '%s': %s", what, path, why));
    return false;
}

/* "unix:PATH", "local:PATH" or a bare path; NULL for the network. */
static const char *path_of(const char *spec)
{
    const char *colon = strchr(spec, ':');
    if (colon == NULL)
        return spec;
    size_t n = (size_t)(colon - spec);
    bool is_unix = n == 0 || (n == 4 && strncasecmp(spec, "unix", n) == 0) || (n == 5 && strncasecmp(spec, "local", n) == 0);
    return is_unix ? colon + 1 : NULL;
}

/* 0 when nobody answers at this socket any more, else why it must not be replaced. */
static int answer_of(const char *path)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    memcpy(sa.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        return errno;
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    int e = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 ? EADDRINUSE : errno;
    close(fd);
    return e == ECONNREFUSED || e == ENOENT ? 0 : e;
}

static bool parent_exists(const char *path, struct arena *a, const char **error)
{
    struct str dir, file;
    struct stat st;
    if (!str_rcut(str_of(path), '/', &dir, &file))
        return true;
    const char *name = dir.n > 0 ? str_cstr(a, dir) : "/";
    if (stat(name, &st) != 0)
        return fail(a, error, "directory of the socket", name, strerror(errno));
    return S_ISDIR(st.st_mode) || fail(a, error, "directory of the socket", name, "is not a directory");
}

/* X07: a socket of a dead daemon is replaced; everything else that has this name stays. */
static bool clear_path(const char *path, struct arena *a, const char **error)
{
    struct stat st;
    if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return fail(a, error, "socket", path, "name too long");
    if (!parent_exists(path, a, error))
        return false;
    if (lstat(path, &st) != 0)
        return errno == ENOENT || fail(a, error, "socket", path, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return fail(a, error, "socket", path, "exists and is not a socket");
    int e = answer_of(path);
    if (e == EADDRINUSE || e == EAGAIN)
        return fail(a, error, "socket", path, "another process listens there");
    if (e != 0)
        return fail(a, error, "socket", path, strerror(e));
    return unlink(path) == 0 || fail(a, error, "old socket", path, strerror(errno));
}

/* libmilter keeps the descriptor to itself: it is the first one from `first` on that listens. */
static int find_listening(int first)
{
    for (int fd = first; fd < first + LIMIT_LISTENER_FDS; fd++) {
        int listening = 0;
        socklen_t n = sizeof(listening);
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) == 0 && listening != 0)
            return fd;
    }
    return -1;
}

static int lowest_free_fd(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd;
}

static bool open_socket(struct listener *l, mode_t mode)
{
    int first = lowest_free_fd();
    mode_t before = umask(0777 & ~mode);
    bool ok = first >= 0 && smfi_setconn(l->spec) == MI_SUCCESS && smfi_opensocket(false) == MI_SUCCESS;
    umask(before);
    l->fd = ok ? find_listening(first) : -1;
    return l->fd >= 0;
}

/* A confined service may not even ask for what it has already. */
static bool set_owner(const char *path, uid_t uid, gid_t gid)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return false;
    bool right = (uid == (uid_t)-1 || uid == st.st_uid) && (gid == (gid_t)-1 || gid == st.st_gid);
    return right || lchown(path, uid, gid) == 0;
}

bool listener_open(struct listener *l, struct arena *a, const char *spec, mode_t mode, uid_t uid, gid_t gid, const char **error)
{
    *l = (struct listener){ .spec = arena_copy(a, spec, strlen(spec) + 1), .path = path_of(spec), .fd = -1 };
    if (l->path != NULL && !clear_path(l->path, a, error))
        return false;
    if (!open_socket(l, mode))
        return fail(a, error, "socket", spec, "cannot listen there (libmilter gave the reason to syslog)");
    bool owned = l->path == NULL || set_owner(l->path, uid, gid);
    return owned || fail(a, error, "owner of socket", l->path, strerror(errno));
}

/*
 * libmilter goes on polling its descriptor, so it gets one on which nothing ever happens: the reading end of a pipe whose writing
 * end stays open. The path goes first, as long as it is certainly ours. shutdown() ends the listening at once; without it the poll
 * under way would hold the old socket open for seconds, and connections made then would be lost.
 */
void listener_close(struct listener *l)
{
    int quiet[2], old = dup(l->fd);
    if (l->path != NULL)
        (void)unlink(l->path);
    if (old < 0 || pipe(quiet) != 0)
        return;
    (void)dup2(quiet[0], l->fd);
    (void)shutdown(old, SHUT_RDWR);
    close(old);
}
