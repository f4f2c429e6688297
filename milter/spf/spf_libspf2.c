/*
 * spf_libspf2.c - the second opinion: libspf2's view of one sender, as a small program of its own (landlord of libspf2).
 *
 * mailseal-spf-libspf2 CLIENT-IP HELO MAIL-FROM RECEIVER SNAPSHOT prints {"result": .., "explanation": ..}. An empty MAIL-FROM is
 * postmaster at the HELO name, an empty SNAPSHOT means the network. libspf2 gets its answers through our DNS room, with all its
 * checks; but it aborts the process on some records, never ends on others, and its copy in Debian 12 can be made to overrun its
 * stack (CVE-2023-42118): so it runs here and nowhere else, with limits on time, memory and questions. Nothing here corrects what
 * it says.
 */
#include <arpa/nameser.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <spf2/spf.h>

#include "mailseal/arena.h"
#include "mailseal/authres.h"
#include "mailseal/clock.h"
#include "mailseal/dns.h"
#include "mailseal/ip.h"
#include "mailseal/json.h"
#include "mailseal/limits.h"

#define ENGINE_SECONDS 25                  /* wall clock; the DNS stops answering before */
#define ENGINE_CPU     10                  /* seconds */
#define ENGINE_MEMORY  (256 * 1024 * 1024) /* bytes beyond those mapped at the start */
#define ENGINE_QUERIES 1000                /* no honest record needs more; its bombs ask a million */

/* What the layer's hook points to. */
struct layer {
    struct dns *dns;
    int64_t deadline;
};

static void discard(const char *file, int line, const char *text)
{
    (void)file;
    (void)line;
    (void)text;
}

/* A limit that cannot be set is not set: the wall clock remains. */
static void set_limits(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    struct rlimit cpu = { ENGINE_CPU, ENGINE_CPU }, core = { 0, 0 };
    (void)alarm(ENGINE_SECONDS);
    (void)setrlimit(RLIMIT_CPU, &cpu);
    (void)setrlimit(RLIMIT_CORE, &core);
    if (f == NULL)
        return;
    /* Relative to what is mapped, because a sanitizer maps terabytes. */
    if (fscanf(f, "%lu", &pages) == 1) {
        rlim_t bytes = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + ENGINE_MEMORY;
        struct rlimit memory = { bytes, bytes };
        (void)setrlimit(RLIMIT_AS, &memory);
    }
    fclose(f);
}

static SPF_dns_stat_t stat_of(enum dns_status status)
{
    switch (status) {
    case DNS_OK:
        return NETDB_SUCCESS;
    case DNS_NODATA:
        return NO_DATA;
    case DNS_NXDOMAIN:
        return HOST_NOT_FOUND;
    default:
        return TRY_AGAIN;
    }
}

/* Names and texts are C strings there; addresses are bytes. */
static bool copy_records(SPF_dns_rr_t *rr, const struct dns_answer *answer)
{
    for (size_t i = 0; i < answer->n; i++) {
        struct str s = answer->rr[i];
        if (SPF_dns_rr_buf_realloc(rr, (int)i, s.n + 1) != SPF_E_SUCCESS)
            return false;
        char *to = (char *)rr->rr[i];
        memcpy(to, s.p, s.n);
        to[s.n] = '\0';
        rr->num_rr = (int)i + 1;
    }
    return true;
}

static SPF_dns_rr_t *lookup(SPF_dns_server_t *server, const char *domain, ns_type type, int should_cache)
{
    const struct layer *layer = server->hook;
    struct dns_answer answer = { .status = DNS_NODATA };
    struct arena *a = arena_new();
    (void)should_cache;
    /* Other types, the former SPF type among them, have no data. */
    if (type == ns_t_a || type == ns_t_aaaa || type == ns_t_mx || type == ns_t_ptr || type == ns_t_txt)
        dns_ask(layer->dns, str_of(domain), (enum dns_type)type, layer->deadline, a, &answer);
    SPF_dns_rr_t *rr = SPF_dns_rr_new_init(server, domain, type, (int)answer.ttl, stat_of(answer.status));
    if (rr != NULL && !copy_records(rr, &answer)) {
        SPF_dns_rr_free(rr);
        rr = NULL;
    }
    arena_free(a);
    return rr;
}

/* A record that does not compile leaves no result behind, only an error code. */
static enum auth_code code_of_response(SPF_response_t *response, SPF_errcode_t error)
{
    switch (response != NULL ? SPF_response_result(response) : SPF_RESULT_INVALID) {
    case SPF_RESULT_NEUTRAL:
        return AUTH_NEUTRAL;
    case SPF_RESULT_PASS:
        return AUTH_PASS;
    case SPF_RESULT_FAIL:
        return AUTH_FAIL;
    case SPF_RESULT_SOFTFAIL:
        return AUTH_SOFTFAIL;
    case SPF_RESULT_NONE:
        return AUTH_NONE;
    case SPF_RESULT_TEMPERROR:
        return AUTH_TEMPERROR;
    case SPF_RESULT_PERMERROR:
        return AUTH_PERMERROR;
    default:
        return error == SPF_E_DNS_ERROR ? AUTH_TEMPERROR : AUTH_PERMERROR;
    }
}

static bool print_response(struct arena *a, enum auth_code code, SPF_response_t *response)
{
    struct json *root = js_object(a);
    js_add_text(root, "result", str_of(auth_code_name(code)));
    const char *text = response != NULL && code == AUTH_FAIL ? SPF_response_get_explanation(response) : NULL;
    js_add_text(root, "explanation", str_of(text));
    return js_write(stdout, root);
}

static SPF_request_t *new_request(SPF_server_t *server, struct arena *a, char **argv)
{
    struct ip ip;
    SPF_request_t *request = SPF_request_new(server);
    if (request == NULL || !ip_parse(str_of(argv[1]), &ip))
        return request;
    struct str from = argv[3][0] != '\0' ? str_of(argv[3]) : str_printf(a, "postmaster@%s", argv[2]);
    const char *text = str_cstr(a, ip_text(a, ip));
    (void)(ip.family == 4 ? SPF_request_set_ipv4_str(request, text) : SPF_request_set_ipv6_str(request, text));
    (void)SPF_request_set_helo_dom(request, argv[2]);
    (void)SPF_request_set_env_from(request, str_cstr(a, from));
    return request;
}

static int ask(struct layer *layer, struct arena *a, char **argv)
{
    SPF_dns_server_t dns = { .lookup = lookup, .name = "mailseal", .hook = layer };
    SPF_server_t *server = SPF_server_new_dns(&dns, 0);
    SPF_response_t *response = NULL;
    (void)SPF_server_set_rec_dom(server, argv[4][0] != '\0' ? argv[4] : "unknown");
    SPF_request_t *request = new_request(server, a, argv);
    SPF_errcode_t error = request != NULL ? SPF_request_query_mailfrom(request, &response) : SPF_E_NO_MEMORY;
    bool printed = print_response(a, code_of_response(response, error), response);
    SPF_response_free(response);
    SPF_request_free(request);
    SPF_server_free(server);
    return printed ? 0 : 1;
}

int main(int argc, char **argv)
{
    const char *error = NULL;
    if (argc != 6) {
        fputs("usage: mailseal-spf-libspf2 CLIENT-IP HELO MAIL-FROM RECEIVER SNAPSHOT (run by mailseal spf)\n", stderr);
        return 2;
    }
    SPF_warning_handler = SPF_info_handler = SPF_debug_handler = discard;
    struct dns *inner = argv[5][0] != '\0' ? dns_snapshot_new(argv[5], &error) : dns_stub_new(NULL, 0, false, &error);
    if (inner == NULL) {
        fprintf(stderr, "mailseal-spf-libspf2: %s\n", error);
        return 1;
    }
    set_limits();
    struct arena *a = arena_new();
    struct layer layer = { .deadline = clock_ms() + LIMIT_DNS_MESSAGE_MS };
    layer.dns = dns_meter_new(inner, ENGINE_QUERIES, layer.deadline);
    int code = ask(&layer, a, argv);
    dns_free(layer.dns);
    dns_free(inner);
    arena_free(a);
    return code;
}
