/* dns_int.h - what the files of the room share: answers as blocks, packets, and the network thread's work on one question. */
#ifndef MAILSEAL_DNS_INT_H
#define MAILSEAL_DNS_INT_H

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include "mailseal/dns.h"
#include "mailseal/limits.h"

#define DNS_UDP_SIZE    1232  /* bytes of a UDP reply we ask for: it passes every path in one piece */
#define DNS_MESSAGE_MAX 65535 /* bytes of any DNS message */
#define DNS_QUERY_MAX   300   /* bytes of a query of ours: header 12, question 255 + 4, OPT 11 */
#define DNS_WIRE_NAME   255   /* bytes of a name in a packet */

/* dns.c: memory that is not an arena's (zeroed, cannot fail, given to free()), answers, waiting. */
void *dns_alloc(size_t n);
/* A query that is answered already; reason is a literal. */
struct dns_query *dns_fixed(enum dns_status status, const char *reason);
void dns_fail(struct dns_answer *out, const char *reason);
/* An answer with all its bytes in one block: the bytes it takes, and putting it there. */
size_t dns_answer_bytes(const struct dns_answer *in);
void dns_answer_pack(void *block, const struct dns_answer *in, struct dns_answer *out);
void dns_answer_copy(struct arena *a, const struct dns_answer *in, struct dns_answer *out);
/* Lower case, without the final dot, in room; false for a name that cannot exist. */
bool dns_name_normal(struct str name, char room[LIMIT_DOMAIN], struct str *out);
void dns_cond_init(pthread_cond_t *c);
/* Waits for a signal; false when the deadline (clock_ms()) has passed. */
bool dns_cond_wait(pthread_cond_t *c, pthread_mutex_t *lock, int64_t deadline);

/* dns_notes.c; name is as dns_name_normal() leaves it. */
void dns_notes_keep(struct dns_notes *k, struct str name, enum dns_type type, const struct dns_answer *answer);

/* dns_packet.c */
struct dns_record {
    unsigned preference; /* of an MX */
    struct str data;
};
/* Stable, the lowest preference first. */
void dns_records_sort(struct dns_record *v, size_t n);

struct dns_question {
    struct str name; /* as dns_name_normal() leaves it */
    enum dns_type type;
    uint16_t id;
    bool edns;
};
/* The bytes written. */
size_t dns_packet_query(const struct dns_question *q, uint8_t out[DNS_QUERY_MAX]);

enum dns_reply {
    DNS_REPLY_FOREIGN,   /* does not belong to this question: go on waiting */
    DNS_REPLY_TRUNCATED, /* ask over TCP */
    DNS_REPLY_NO_EDNS,   /* FORMERR to a query with EDNS: ask once more without */
    DNS_REPLY_NEXT,      /* this server cannot help; out->reason says why */
    DNS_REPLY_TAKEN      /* out is the answer, perhaps a failure that no other server would mend */
};
/* Reads the n bytes at p. out->authentic is the AD bit, whoever set it. */
enum dns_reply dns_packet_read(struct arena *a, const struct dns_question *q, const uint8_t *p, size_t n, struct dns_answer *out);

/* dns_servers.c: whom to ask. Belongs to the network thread. */
struct dns_server {
    struct sockaddr_storage addr;
    socklen_t len;
    bool loopback;
    int64_t down_until; /* asked last until then; 0 for a server that answers */
    int64_t replied;    /* when it last did */
};
struct dns_servers {
    struct dns_server v[LIMIT_DNS_NAMESERVERS];
    size_t n;
    unsigned generation; /* counts the changes of v */
    const char *path;    /* the file that names them, or NULL */
    uint16_t port;       /* of servers named without one */
    int64_t checked;     /* when path was last looked at */
    struct stamp {
        struct timespec changed;
        ino_t inode;
        off_t size;
    } stamp;
};
/* Whom one lookup has asked, as bits, and whom it asks now, as an index: servers of one generation. */
struct dns_asked {
    unsigned generation, asked, failed, now;
};
/* False when a text is no address, or there are too many. */
bool dns_servers_set(struct dns_servers *s, const struct str *text, size_t n) __attribute__((warn_unused_result));
/* Reads path again when it has changed and `every` ms have passed since the last look. */
void dns_servers_follow(struct dns_servers *s, int64_t now, int64_t every);
/* Each as "addr:port" or "[addr]:port"; how many. */
size_t dns_servers_text(struct dns_servers *s, struct arena *a, struct str *out);
/* The server to ask next; false when all have failed. One that is down comes last; when its time is over one lookup tries it. */
bool dns_servers_next(struct dns_servers *s, struct dns_asked *asked, int64_t now, int64_t down_ms, struct dns_server *out);
/* What became of it: it replied; its reply was no help, for this lookup; it has said nothing since `began`. */
void dns_servers_replied(struct dns_servers *s, const struct dns_asked *asked, int64_t now);
void dns_servers_failed(struct dns_servers *s, struct dns_asked *asked);
void dns_servers_silent(struct dns_servers *s, const struct dns_asked *asked, int64_t began, int64_t until);

/* dns_try.c: one question on the wire. Belongs to the network thread, but for what the stub's lock guards. */
struct dns_stub_params {
    int64_t try_ms;          /* the first try */
    int64_t down_ms;         /* how long a server that timed out is asked last */
    int64_t follow_ms;       /* between two looks at the file */
    const char *resolv_conf; /* read when no servers are given; must outlive the stub */
    uint16_t port;           /* of servers named without one */
};
struct dns_net {
    struct dns_servers servers;
    struct dns_stub_params params;
    bool trust_ad;
    uint8_t packet[DNS_MESSAGE_MAX];
};
enum dns_phase { DNS_PHASE_UDP, DNS_PHASE_TCP_SEND, DNS_PHASE_TCP_HEAD, DNS_PHASE_TCP_BODY, DNS_PHASE_DONE };
struct dns_lookup {
    struct dns_query query;
    struct dns_stub *stub;
    struct dns_lookup *next;
    struct arena *arena; /* of the answer and what leads to it; NULL while it is queued */
    struct dns_answer answer;
    char name[LIMIT_DOMAIN];
    struct dns_question question;
    int64_t deadline;

    /* Under the stub's lock. */
    unsigned refs;
    bool done;
    pthread_cond_t changed;
    void (*fn)(void *ctx);
    void *ctx;

    /* The try under way. */
    enum dns_phase phase;
    int fd;
    struct dns_asked asked;
    struct dns_server server;
    int64_t try_ms, began, until;
    const char *reason; /* of the last failure */
    uint8_t out[2 + DNS_QUERY_MAX], head[2], *in;
    size_t out_n, in_n, moved; /* bytes to write, to read, and what of either is done */
};
/* Puts the question on the wire, or ends it when nobody is left to ask. */
void dns_try_next(struct dns_net *net, struct dns_lookup *l, int64_t now);
/* The events to poll l->fd for. */
short dns_try_events(const struct dns_lookup *l);
/* Something happened on l->fd; time has passed l->until. */
void dns_try_ready(struct dns_net *net, struct dns_lookup *l, int64_t now);
void dns_try_late(struct dns_net *net, struct dns_lookup *l, int64_t now);
/* Ends it with a failure. */
void dns_try_fail(struct dns_lookup *l, const char *reason);

/* Makers with what is fixed in the door, for tests. */
struct dns *dns_stub_new_with(const struct str *servers, size_t n, bool trust_ad, const struct dns_stub_params *params,
                              const char **error);
struct dns_cache_params {
    size_t bytes, count;
    int64_t (*now)(void); /* milliseconds, for what expires */
};
struct dns *dns_cache_new_with(struct dns *inner, const struct dns_cache_params *params);
size_t dns_cache_bytes(struct dns *d);
size_t dns_cache_count(struct dns *d);

#endif
