/*
 * cmd_sign.c - `mailseal sign`: the message from stdin with a DKIM-Signature field on top.
 *
 * A message with LF line ends is hashed as it will be sent, with CRLF, and written with LF again.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "mailseal/arena.h"
#include "mailseal/clock.h"
#include "mailseal/domain.h"
#include "mailseal/limits.h"
#include "mailseal/cmd.h"

#include "cmd_key.h"

#define NAME "sign"

struct request {
    const char *domain, *selector, *key, *algorithm, *headers, *canon, *identity, *timestamp, *expires;
    bool length;
};

static void help(void)
{
    puts("usage: mailseal sign --domain D --selector S --key FILE [OPTION...] < MESSAGE\n"
         "\n"
         "Writes the message to stdout with a DKIM-Signature field on top.\n"
         "\n"
         "  --domain D         the signing domain, d=\n"
         "  --selector S       the selector, s=\n"
         "  --key FILE         private key: PEM, or a raw Ed25519 key in base64\n"
         "  --algorithm A      rsa-sha256 or ed25519-sha256; it must fit the key\n"
         "  --headers LIST     sign exactly these fields, as in h=: From:To:Subject\n"
         "  --canon H/B        simple or relaxed for header and body (default: relaxed/relaxed)\n"
         "  --identity I       the identity, i=\n"
         "  --timestamp T      t=, in seconds since 1970, or none (default: now)\n"
         "  --expires N        x=, N seconds after the timestamp\n"
         "  --length           add l= with the length of the body\n"
         "\n"
         "Exit code: 0 signed, 1 it could not be signed, 2 wrong usage.");
}

enum { OPT_TEXT = 256, OPT_LENGTH, OPT_HELP };

/* Those with a value come first, in the order of `texts` below. */
static const struct option options[] = {
    { "domain", required_argument, NULL, OPT_TEXT },   { "selector", required_argument, NULL, OPT_TEXT },
    { "key", required_argument, NULL, OPT_TEXT },      { "algorithm", required_argument, NULL, OPT_TEXT },
    { "headers", required_argument, NULL, OPT_TEXT },  { "canon", required_argument, NULL, OPT_TEXT },
    { "identity", required_argument, NULL, OPT_TEXT }, { "timestamp", required_argument, NULL, OPT_TEXT },
    { "expires", required_argument, NULL, OPT_TEXT },  { "length", no_argument, NULL, OPT_LENGTH },
    { "help", no_argument, NULL, OPT_HELP },           { NULL, 0, NULL, 0 },
};

/* -1: go on; else the exit code. */
static int parse_arguments(struct request *r, int argc, char **argv)
{
    const char **texts[] = { &r->domain, &r->selector, &r->key,       &r->algorithm, &r->headers,
                             &r->canon,  &r->identity, &r->timestamp, &r->expires };
    int opt, index = 0;
    opterr = 0;
    while ((opt = getopt_long(argc, argv, "", options, &index)) != -1) {
        if (opt == OPT_HELP) {
            help();
            return 0;
        }
        if (opt == OPT_LENGTH)
            r->length = true;
        else if (opt == OPT_TEXT)
            *texts[index] = optarg;
        else
            return cmd_usage_error(NAME, "option '%s' is unknown or lacks its value", argv[optind - 1]);
    }
    if (r->domain == NULL || r->selector == NULL || r->key == NULL)
        return cmd_usage_error(NAME, "--domain, --selector and --key are needed");
    if (optind != argc)
        return cmd_usage_error(NAME, "'%s' is no option; the message is read from stdin", argv[optind]);
    return -1;
}

/* -1: it fits. */
static int check_algorithm(const char *algorithm, const struct privkey *k)
{
    static const char *const of_type[] = { [KEY_RSA] = "rsa-sha256", [KEY_ED25519] = "ed25519-sha256" };
    const char *fits = of_type[privkey_type(k)];
    if (algorithm == NULL || strcmp(algorithm, fits) == 0)
        return -1;
    /* RFC 8301 3.1 */
    if (strcmp(algorithm, "rsa-sha1") == 0)
        return cmd_fail(NAME, "rsa-sha1 is not secure and must not be used (RFC 8301)");
    return cmd_fail(NAME, "algorithm '%s' does not fit the key, which is for %s", algorithm, fits);
}

static bool parse_canon(const char *text, struct dkim_sign_params *p)
{
    struct str header, body;
    if (text == NULL)
        text = "relaxed/relaxed";
    if (!str_cut(str_of(text), '/', &header, &body))
        body = STR("simple");
    int header_code = code_of(dkim_canon_names, header), body_code = code_of(dkim_canon_names, body);
    if (header_code < 0 || body_code < 0)
        return false;
    p->header_canon = (enum dkim_canon)header_code;
    p->body_canon = (enum dkim_canon)body_code;
    return true;
}

static bool parse_times(const struct request *r, struct dkim_sign_params *p)
{
    int64_t now = clock_wall();
    uint64_t n;
    p->timestamp = now;
    if (r->timestamp != NULL && strcmp(r->timestamp, "none") == 0) {
        p->timestamp = 0;
    } else if (r->timestamp != NULL) {
        if (!str_to_uint(str_of(r->timestamp), INT32_MAX * (uint64_t)100, &n) || n == 0)
            return false;
        now = p->timestamp = (int64_t)n;
    }
    if (r->expires == NULL)
        return true;
    if (!str_to_uint(str_of(r->expires), INT32_MAX * (uint64_t)100, &n) || n == 0)
        return false;
    p->expires = now + (int64_t)n;
    return true;
}

static void split_headers(struct arena *a, const char *list, struct dkim_sign_params *p)
{
    size_t room = 1;
    for (const char *c = list; *c != '\0'; c++)
        room += *c == ':';
    struct str *names = ARENA_ARRAY(a, struct str, room);
    struct str rest = str_of(list);
    for (bool more = true; more;) {
        more = str_cut(rest, ':', &names[p->n_fields], &rest);
        names[p->n_fields] = str_trim(names[p->n_fields]);
        p->n_fields++;
    }
    p->fields = names;
}

/* Writes what is CRLF in s as LF when the message came like that. */
static void put(struct str s, bool lf)
{
    struct str line, rest;
    for (; lf && str_cut(s, '\n', &line, &rest); s = rest) {
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        fwrite(line.p, 1, line.n, stdout);
        putchar('\n');
    }
    fwrite(s.p, 1, s.n, stdout);
}

/* The separator line of an mbox is no part of the message and stays on top. */
static size_t mbox_line(struct str message)
{
    const char *end = str_istarts(message, STR("From ")) ? memchr(message.p, '\n', message.n) : NULL;
    return end != NULL ? (size_t)(end + 1 - message.p) : 0;
}

static int write_signed(struct str message, struct str value, bool lf)
{
    size_t top = mbox_line(message);
    put(str_first(message, top), lf);
    put(STR("DKIM-Signature:"), lf);
    put(value, lf);
    put(STR("\r\n"), lf);
    put(str_skip(message, top), lf);
    return fflush(stdout) == 0 && ferror(stdout) == 0 ? 0 : cmd_fail(NAME, "cannot write to stdout");
}

static int sign_message(struct arena *a, const struct dkim_sign_params *p)
{
    struct str message, body, value;
    struct headers h;
    const char *reason;
    bool lf;
    if (!cmd_read_message(NAME, a, "-", &message, &lf))
        return 1;
    headers_init(&h, a);
    if (!headers_read(&h, message, &body))
        h.overflow = true;
    struct dkim_body *b = dkim_body_new(a);
    struct dkim_sign *s = dkim_sign_start(a, &h, b, p, &reason);
    if (s == NULL)
        return cmd_fail(NAME, "%s", reason);
    dkim_body_update(b, body.p, body.n);
    dkim_body_finish(b);
    if (!dkim_sign_finish(s, &value, &reason))
        return cmd_fail(NAME, "%s", reason);
    return write_signed(message, value, lf);
}

static int sign(const struct request *r, struct arena *a)
{
    struct dkim_sign_params p = { .identity = str_of(r->identity), .length = r->length };
    if (!domain_normalise(a, str_of(r->domain), &p.domain))
        return cmd_usage_error(NAME, "--domain '%s' is no domain name", r->domain);
    if (!domain_normalise(a, str_of(r->selector), &p.selector))
        return cmd_usage_error(NAME, "--selector '%s' is not valid", r->selector);
    if (!parse_canon(r->canon, &p))
        return cmd_usage_error(NAME, "--canon '%s' is not made of simple and relaxed", r->canon);
    if (!parse_times(r, &p))
        return cmd_usage_error(NAME, "--timestamp and --expires take a number of seconds");
    if (r->headers != NULL)
        split_headers(a, r->headers, &p);
    p.oversign = r->headers == NULL;
    struct privkey *k = cmd_read_key(NAME, a, r->key);
    if (k == NULL)
        return 1;
    p.key = k;
    int code = check_algorithm(r->algorithm, k);
    if (code < 0)
        code = sign_message(a, &p);
    privkey_free(k);
    return code;
}

int cmd_sign(int argc, char **argv)
{
    struct arena *a = arena_new();
    struct request r = { .domain = NULL };
    int code = parse_arguments(&r, argc, argv);
    if (code < 0)
        code = sign(&r, a);
    arena_free(a);
    return code;
}
