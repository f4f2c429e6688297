/*
 * mta.c - a mail server for tests: runs a script against the daemon and prints the transcript.
 *
 * usage: mta DIR SCRIPT. DIR holds the daemon's `sock`, `pid`, `log` and `mailseal.conf`. One command a line; it is printed, then
 * what the daemon answers, each line behind "< ". Text may have \n \r \t \s \0 \\ and \xHH. The table `commands` lists what there is.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"

#define SESSIONS 8
#define LINES    2000
#define CROWD    2000
#define WORDS    16
#define SLACK_KB 8192 /* memory may grow by this much and still be flat: stacks, arenas of the allocator, shadows of a sanitizer */

struct mta {
    const char *dir;
    char script_dir[512];
    struct wire session[SESSIONS];
    struct wire *w;
    FILE *out;
    size_t log_seen; /* bytes of the log that `log` has passed */
    long fds, memory;
    struct wire crowd[CROWD];
    size_t n_crowd;
    char *line[LINES];
    size_t n_lines;
};

static void die(const char *what, const char *subject)
{
    fprintf(stderr, "mta: %s: %s\n", what, subject);
    exit(2);
}

static int hex_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Resolves the escapes in place; the length, because there may be NULs. */
static size_t unescape(char *s)
{
    static const char names[] = "nrts0\\", values[] = "\n\r\t \0\\";
    char *to = s;
    for (const char *p = s; *p != '\0'; p++) {
        const char *name = p[0] == '\\' && p[1] != '\0' ? strchr(names, p[1]) : NULL;
        if (name != NULL) {
            *to++ = values[name - names];
            p++;
        } else if (p[0] == '\\' && p[1] == 'x' && hex_of(p[2]) >= 0 && hex_of(p[3]) >= 0) {
            *to++ = (char)(hex_of(p[2]) * 16 + hex_of(p[3]));
            p += 3;
        } else {
            *to++ = *p;
        }
    }
    *to = '\0';
    return (size_t)(to - s);
}

/* The words of the rest of a line, escapes resolved; cut in place. */
static size_t split(char *rest, char **word)
{
    size_t n = 0;
    for (char *p = strtok(rest, " "); p != NULL && n < WORDS; p = strtok(NULL, " ")) {
        unescape(p);
        word[n++] = p;
    }
    return n;
}

/* Words behind each other, each with its NUL. */
static size_t join(char *packet, size_t at, char **word, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(word[i]) + 1;
        memcpy(packet + at, word[i], len);
        at += len;
    }
    return at;
}

/* ---- the commands of a mail server ---- */

static void send_strings(struct mta *m, char command, char *rest)
{
    char packet[8192], *word[WORDS];
    size_t n = split(rest, word);
    wire_send(m->w, command, packet, join(packet, 0, word, n));
    wire_reply_to(m->w, command);
}

static void do_open(struct mta *m, char *rest)
{
    char path[600];
    (void)rest;
    snprintf(path, sizeof(path), "%s/sock", m->dir);
    if (!wire_open(m->w, path))
        fputs("< refused\n", m->out);
}

static void do_close(struct mta *m, char *rest)
{
    (void)rest;
    wire_close(m->w);
}

static void do_session(struct mta *m, char *rest)
{
    m->w = &m->session[strtoul(rest, NULL, 10) % SESSIONS];
}

static void do_negotiate(struct mta *m, char *rest)
{
    unsigned version = 0, actions = 0, steps = 0;
    sscanf(rest, "%u %x %x", &version, &actions, &steps);
    wire_negotiate(m->w, version, actions, steps);
}

static void do_macro(struct mta *m, char *rest)
{
    char packet[8192], *word[WORDS];
    size_t n = split(rest, word);
    if (n == 0)
        die("a stage is missing", "macro");
    packet[0] = word[0][0];
    wire_send(m->w, 'D', packet, join(packet, 1, word + 1, n - 1));
}

/* connect HOST FAMILY [PORT ADDRESS] */
static void do_connect(struct mta *m, char *rest)
{
    char packet[8192], *word[WORDS];
    size_t n = split(rest, word);
    if (n != 2 && n != 4)
        die("wanted: HOST FAMILY [PORT ADDRESS]", "connect");
    size_t at = join(packet, 0, word, 1);
    packet[at++] = word[1][0];
    if (n == 4) {
        uint16_t port = htons((uint16_t)strtoul(word[2], NULL, 10));
        memcpy(packet + at, &port, 2);
        at = join(packet, at + 2, word + 3, 1);
    }
    wire_send(m->w, 'C', packet, at);
    wire_reply_to(m->w, 'C');
}

static void do_helo(struct mta *m, char *rest)
{
    send_strings(m, 'H', rest);
}

static void do_mail(struct mta *m, char *rest)
{
    send_strings(m, 'M', rest);
}

static void do_rcpt(struct mta *m, char *rest)
{
    send_strings(m, 'R', rest);
}

static void do_data(struct mta *m, char *rest)
{
    if ((m->w->steps & STEP_NODATA) == 0)
        send_strings(m, 'T', rest);
}

static void do_unknown(struct mta *m, char *rest)
{
    if ((m->w->steps & STEP_NOUNKNOWN) == 0)
        send_strings(m, 'U', rest);
}

/* Without leave to keep it, the mail server eats one space behind the colon. */
static void send_field(struct mta *m, const char *name, size_t name_n, const char *value, size_t value_n)
{
    char *packet = malloc(name_n + value_n + 2);
    if (packet == NULL)
        abort();
    if ((m->w->steps & STEP_LEADSPC) == 0 && value_n > 0 && *value == ' ') {
        value++;
        value_n--;
    }
    memcpy(packet, name, name_n);
    packet[name_n] = '\0';
    memcpy(packet + name_n + 1, value, value_n);
    packet[name_n + 1 + value_n] = '\0';
    wire_send(m->w, 'L', packet, name_n + value_n + 2);
    wire_reply_to(m->w, 'L');
    free(packet);
}

static void do_header(struct mta *m, char *rest)
{
    size_t n = unescape(rest);
    char *colon = memchr(rest, ':', n);
    if (colon == NULL)
        die("no colon", rest);
    send_field(m, rest, (size_t)(colon - rest), colon + 1, n - (size_t)(colon + 1 - rest));
}

/* bigheader NAME N: a value of N bytes. */
static void do_bigheader(struct mta *m, char *rest)
{
    char *word[WORDS];
    if (split(rest, word) != 2)
        die("wanted: NAME N", "bigheader");
    size_t n = strtoul(word[1], NULL, 10);
    char *value = malloc(n + 1);
    if (value == NULL)
        abort();
    memset(value, 'x', n);
    value[0] = ' ';
    send_field(m, word[0], strlen(word[0]), value, n);
    free(value);
}

static void do_eoh(struct mta *m, char *rest)
{
    (void)rest;
    wire_send(m->w, 'N', NULL, 0);
    wire_reply_to(m->w, 'N');
}

static void do_body(struct mta *m, char *rest)
{
    size_t n = unescape(rest);
    wire_send(m->w, 'B', rest, n);
    wire_reply_to(m->w, 'B');
}

/* fill N: N full chunks of body, each with its reply. */
static void do_fill(struct mta *m, char *rest)
{
    static char chunk[WIRE_CHUNK];
    memset(chunk, 'x', sizeof(chunk));
    for (unsigned long n = strtoul(rest, NULL, 10); n > 0; n--) {
        wire_send(m->w, 'B', chunk, sizeof(chunk));
        wire_reply_to(m->w, 'B');
    }
}

/* eom [TEXT]: TEXT is the last of the body, in the same packet. */
static void do_eom(struct mta *m, char *rest)
{
    size_t n = unescape(rest);
    wire_send(m->w, 'E', rest, n);
    wire_reply(m->w);
}

static void do_abort(struct mta *m, char *rest)
{
    (void)rest;
    wire_send(m->w, 'A', NULL, 0);
}

static void do_quit(struct mta *m, char *rest)
{
    (void)rest;
    wire_send(m->w, 'Q', NULL, 0);
    wire_close(m->w);
}

/* ---- many mail servers ---- */

/* What one more connection is told, for the caller to free; with an address up to MAIL, with "-" nothing is asked. */
static char *join_crowd(struct mta *m, char *mail)
{
    struct wire *w = &m->crowd[m->n_crowd++], *before = m->w;
    char *text = NULL, host[] = "mail.example.test", family[] = "4", *hello[] = { host, family };
    size_t size;
    *w = (struct wire){ .fd = -1, .out = open_memstream(&text, &size) };
    m->w = w;
    FILE *out = m->out;
    m->out = w->out;
    do_open(m, NULL);
    if (w->fd >= 0 && (mail == NULL || *mail != '-')) {
        wire_negotiate(w, 0, 0, 0);
        if (mail != NULL) {
            char packet[1024], copy[512];
            size_t at = join(packet, 0, hello, 2) - 1; /* the family is no string */
            memcpy(packet + at,
                   "\x10\xe1"
                   "203.0.113.9",
                   14);
            wire_send(w, 'C', packet, at + 14);
            snprintf(copy, sizeof(copy), "%s", mail);
            do_mail(m, copy);
        }
    }
    fclose(w->out);
    m->out = out;
    m->w = before;
    return text;
}

/* crowd N [ADDRESS]: N connections, which stay; with an address each has a message under way, with "-" they do not even negotiate.
 * Equal answers are shown once, counted. crowd 0: all go. */
static void do_crowd(struct mta *m, char *rest)
{
    char *word[WORDS], *said = NULL;
    size_t words = split(rest, word), n = words > 0 ? strtoul(word[0], NULL, 10) : 0, same = 0;
    if (m->n_crowd + n > CROWD)
        die("too many", "crowd");
    for (size_t i = 0; i < n || said != NULL; i++) {
        char *text = i < n ? join_crowd(m, words > 1 ? word[1] : NULL) : NULL;
        if (said != NULL && (text == NULL || strcmp(text, said) != 0)) {
            fprintf(m->out, "%s< %zu times\n", said, same);
            same = 0;
        }
        free(said);
        said = text;
        same++;
    }
    for (; n == 0 && m->n_crowd > 0; m->n_crowd--)
        wire_close(&m->crowd[m->n_crowd - 1]);
}

/* ---- a message from a file, as a mail server hands it over ---- */

/* One field with its folds (LF, as mail servers have it); the start of the next one. */
static char *send_next_field(struct mta *m, char *p)
{
    char *colon = strchr(p, ':'), *end = p;
    do
        end += strcspn(end, "\n") + 1;
    while (*end == ' ' || *end == '\t');
    if (colon == NULL || colon > end)
        die("no colon", p);
    send_field(m, p, (size_t)(colon - p), colon + 1, (size_t)(end - 1 - (colon + 1)));
    return end;
}

/* The file has LF line ends, the body goes out with CRLF. */
static void send_body(struct mta *m, const char *p)
{
    char chunk[WIRE_CHUNK];
    size_t n = 0;
    for (; *p != '\0'; p++) {
        if (n + 2 > sizeof(chunk))
            die("message too long", p);
        if (*p == '\n')
            chunk[n++] = '\r';
        chunk[n++] = *p;
    }
    if (n == 0)
        return;
    wire_send(m->w, 'B', chunk, n);
    wire_reply_to(m->w, 'B');
}

static void do_message(struct mta *m, char *rest)
{
    static char text[60000];
    char path[1200];
    snprintf(path, sizeof(path), "%s/%s", m->script_dir, rest);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        die(strerror(errno), path);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    char *p = text;
    while (*p != '\0' && *p != '\n')
        p = send_next_field(m, p);
    do_eoh(m, p);
    send_body(m, *p == '\n' ? p + 1 : p);
}

/* ---- faults ---- */

/* packet C [TEXT]: any packet; its reply is not waited for. */
static void do_packet(struct mta *m, char *rest)
{
    size_t n = unescape(rest);
    wire_send(m->w, rest[0], n > 2 ? rest + 2 : NULL, n > 2 ? n - 2 : 0);
}

/* raw TEXT: bytes without a frame. */
static void do_raw(struct mta *m, char *rest)
{
    size_t n = unescape(rest);
    wire_raw(m->w, rest, n);
}

static void do_reply(struct mta *m, char *rest)
{
    (void)rest;
    wire_reply(m->w);
}

/* ---- the daemon from outside ---- */

static long pid_of(const struct mta *m)
{
    char path[600];
    long pid = 0;
    snprintf(path, sizeof(path), "%s/pid", m->dir);
    FILE *f = fopen(path, "r");
    if (f == NULL || fscanf(f, "%ld", &pid) != 1)
        die("no process id", path);
    fclose(f);
    return pid;
}

static void do_signal(struct mta *m, char *rest)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = { { "HUP", SIGHUP }, { "TERM", SIGTERM }, { "INT", SIGINT }, { "PIPE", SIGPIPE } };
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (strcmp(signals[i].name, rest) == 0) {
            kill((pid_t)pid_of(m), signals[i].number);
            return;
        }
    die("no such signal", rest);
}

/* config NAME: NAME.conf becomes the daemon's configuration. */
static void do_config(struct mta *m, char *rest)
{
    char from[600], to[600], text[4096];
    snprintf(from, sizeof(from), "%s/%s.conf", m->dir, rest);
    snprintf(to, sizeof(to), "%s/mailseal.conf", m->dir);
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    if (in == NULL || out == NULL)
        die("cannot copy", from);
    size_t n = fread(text, 1, sizeof(text), in);
    fwrite(text, 1, n, out);
    fclose(in);
    fclose(out);
}

static void pause_ms(long ms)
{
    const struct timespec t = { .tv_nsec = ms * 1000000 };
    nanosleep(&t, NULL);
}

/* The offset behind the text in the part of the log not seen yet, or 0. */
static size_t find_in_log(const struct mta *m, const char *text)
{
    static char log[1000000];
    char path[600];
    snprintf(path, sizeof(path), "%s/log", m->dir);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return 0;
    size_t n = fread(log, 1, sizeof(log) - 1, f);
    fclose(f);
    log[n] = '\0';
    const char *at = n > m->log_seen ? strstr(log + m->log_seen, text) : NULL;
    return at != NULL ? (size_t)(at - log) + strlen(text) : 0;
}

/* log TEXT: waits until the log has it, behind what `log` found before. */
static void do_log(struct mta *m, char *rest)
{
    for (int i = 0; i < WIRE_WAIT_S * 100; i++) {
        size_t at = find_in_log(m, rest);
        if (at > 0) {
            m->log_seen = at;
            return;
        }
        pause_ms(10);
    }
    fputs("< never logged\n", m->out);
}

/* nolog TEXT: the log has it nowhere behind what `log` found. */
static void do_nolog(struct mta *m, char *rest)
{
    if (find_in_log(m, rest) > 0)
        fputs("< it is in the log\n", m->out);
}

static long count_fds(const struct mta *m)
{
    char path[64];
    long n = 0;
    snprintf(path, sizeof(path), "/proc/%ld/fd", pid_of(m));
    DIR *d = opendir(path);
    if (d == NULL)
        return -1;
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

/* fds: notes how many descriptors the daemon has; again: they must have come back to that number. */
static void do_fds(struct mta *m, char *rest)
{
    long now = 0;
    (void)rest;
    if (m->fds == 0) {
        m->fds = count_fds(m);
        return;
    }
    for (int i = 0; i < 1500; i++) {
        now = count_fds(m);
        if (now <= m->fds)
            return;
        pause_ms(10);
    }
    fprintf(m->out, "< %ld descriptors too many\n", now - m->fds);
}

static long resident_kb(const struct mta *m)
{
    char path[64], line[256];
    long kb = 0;
    snprintf(path, sizeof(path), "/proc/%ld/status", pid_of(m));
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return 0;
    while (fgets(line, sizeof(line), f) != NULL)
        sscanf(line, "VmRSS: %ld", &kb);
    fclose(f);
    return kb;
}

/* memory: notes the daemon's resident memory; again: it must not have grown. */
static void do_memory(struct mta *m, char *rest)
{
    long now = resident_kb(m);
    (void)rest;
    if (m->memory == 0)
        m->memory = now;
    else if (now > m->memory + SLACK_KB)
        fprintf(m->out, "< grown by %ld KiB\n", now - m->memory);
}

/* ---- scripts ---- */

static const struct {
    const char *name;
    void (*run)(struct mta *m, char *rest);
} commands[] = {
    { "open", do_open },       { "close", do_close },
    { "session", do_session }, { "negotiate", do_negotiate },
    { "macro", do_macro },     { "connect", do_connect },
    { "helo", do_helo },       { "mail", do_mail },
    { "rcpt", do_rcpt },       { "data", do_data },
    { "unknown", do_unknown }, { "header", do_header },
    { "eoh", do_eoh },         { "bigheader", do_bigheader },
    { "body", do_body },       { "fill", do_fill },
    { "eom", do_eom },         { "abort", do_abort },
    { "quit", do_quit },       { "message", do_message },
    { "packet", do_packet },   { "raw", do_raw },
    { "reply", do_reply },     { "signal", do_signal },
    { "config", do_config },   { "log", do_log },
    { "nolog", do_nolog },     { "fds", do_fds },
    { "memory", do_memory },   { "crowd", do_crowd },
};

static void run_line(struct mta *m, const char *line)
{
    char copy[8192];
    snprintf(copy, sizeof(copy), "%s", line);
    size_t n = strcspn(copy, " ");
    char *rest = copy[n] == '\0' ? copy + n : copy + n + 1;
    copy[n] = '\0';
    fprintf(m->out, "%s\n", line);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, copy) == 0) {
            commands[i].run(m, rest);
            return;
        }
    die("no such command", copy);
}

/* The transcript of lines from..to, for the caller to free. */
static char *transcript(struct mta *m, size_t from, size_t to)
{
    char *text = NULL;
    size_t size;
    FILE *before = m->out;
    m->out = open_memstream(&text, &size);
    for (size_t i = 0; i < SESSIONS; i++)
        m->session[i].out = m->out;
    for (size_t i = from; i < to; i++)
        run_line(m, m->line[i]);
    fclose(m->out);
    m->out = before;
    for (size_t i = 0; i < SESSIONS; i++)
        m->session[i].out = before;
    return text;
}

/* repeat N .. end: all rounds must have the transcript of the first. */
static size_t run_repeat(struct mta *m, size_t at)
{
    unsigned long rounds = strtoul(m->line[at] + strlen("repeat "), NULL, 10);
    size_t end = at + 1;
    while (end < m->n_lines && strcmp(m->line[end], "end") != 0)
        end++;
    char *first = transcript(m, at + 1, end);
    fprintf(m->out, "%s\n%send\n", m->line[at], first);
    for (unsigned long i = 1; i < rounds; i++) {
        char *text = transcript(m, at + 1, end);
        bool same = strcmp(text, first) == 0;
        if (!same)
            fprintf(m->out, "< round %lu differs:\n%s", i + 1, text);
        free(text);
        if (!same)
            break;
    }
    free(first);
    return end;
}

/* Empty lines and comments are left out of the transcript. */
static void read_script(struct mta *m, const char *path)
{
    static char line[8192];
    FILE *f = fopen(path, "r");
    if (f == NULL)
        die(strerror(errno), path);
    while (fgets(line, sizeof(line), f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '\0' || line[0] == '#')
            continue;
        if (m->n_lines == LINES)
            die("too many lines", path);
        m->line[m->n_lines] = strdup(line);
        if (m->line[m->n_lines++] == NULL)
            abort();
    }
    fclose(f);
}

/* A name server that never answers: says its port and sits there until it is killed. */
static int be_silent(void)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t n = sizeof(sa);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, n) != 0 || getsockname(fd, (struct sockaddr *)&sa, &n) != 0)
        die(strerror(errno), "silent");
    printf("%u\n", ntohs(sa.sin_port));
    fclose(stdout);
    return pause();
}

static void allow_many_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

int main(int argc, char **argv)
{
    static struct mta m;
    allow_many_files();
    if (argc == 2 && strcmp(argv[1], "silent") == 0)
        return be_silent();
    if (argc != 3)
        die("wanted", "mta DIR SCRIPT");
    m.dir = argv[1];
    m.out = stdout;
    m.w = &m.session[0];
    for (size_t i = 0; i < SESSIONS; i++)
        m.session[i] = (struct wire){ .fd = -1, .out = stdout };
    const char *slash = strrchr(argv[2], '/');
    snprintf(m.script_dir, sizeof(m.script_dir), "%.*s", slash != NULL ? (int)(slash - argv[2]) : 1, slash != NULL ? argv[2] : ".");
    read_script(&m, argv[2]);
    for (size_t i = 0; i < m.n_lines; i++) {
        if (strncmp(m.line[i], "repeat ", 7) == 0)
            i = run_repeat(&m, i);
        else
            run_line(&m, m.line[i]);
    }
    for (size_t i = 0; i < m.n_lines; i++)
        free(m.line[i]);
    return 0;
}
