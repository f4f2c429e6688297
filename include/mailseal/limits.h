/*
 * limits.h - every maximum mailseal has, by name.
 *
 * A limit that is hit is visible (a reason in a result, or a log line). It never leads to a "pass", never to silence, and never
 * to a permanent refusal that a passing fault caused.
 */
#ifndef MAILSEAL_LIMITS_H
#define MAILSEAL_LIMITS_H

/* The message as the mail server hands it over. */
#define LIMIT_MILTER_PACKET (1024 * 1024) /* bytes; Postfix sends fields of up to 102400 bytes, libmilter's default is 65535 */
#define LIMIT_HEADER_FIELDS 2000          /* fields kept; real mail stays below 300 */
#define LIMIT_HEADER_BYTES  (512 * 1024)  /* bytes of all fields */
#define LIMIT_HEADER_FIELD  (128 * 1024)  /* bytes of one field, above Postfix's header_size_limit of 102400 */
#define LIMIT_MACRO         255           /* bytes of a queue id or a service name looked at */
#define LIMIT_ADDRESS       1024          /* bytes of an envelope address or HELO argument looked at */
#define LIMIT_RCPT_DOMAINS  50            /* different domains of recipients that the policy is asked about */

/* RFC 5322 addresses. */
#define LIMIT_MAILBOXES     64   /* mailboxes of one From field */
#define LIMIT_COMMENT_DEPTH 32   /* nested comments */
#define LIMIT_QUOTED_STRING 1024 /* bytes of one quoted string */

/* Trace fields, RFC 5321 4.4. */
#define LIMIT_RECEIVED   4096 /* bytes of a Received field looked at; a longer one is not read */
#define LIMIT_RELAY_HOPS 16   /* Received fields looked at, from the top, for the client of a relay of ours */

/* Domain names, RFC 1035 2.3.4, and tag lists. */
#define LIMIT_DOMAIN  253 /* characters of a name without its final dot */
#define LIMIT_LABEL   63
#define LIMIT_TAGS    64          /* tags of one tag=value list */
#define LIMIT_TAGLIST (64 * 1024) /* bytes of one tag=value list */

/* DNS. */
#define LIMIT_DNS_TEXT           (64 * 1024) /* bytes of one answer */
#define LIMIT_DNS_RRS            512         /* records of one answer */
#define LIMIT_DNS_STRINGS        1024        /* character-strings of one TXT record */
#define LIMIT_DNS_CNAMES         8           /* steps of an alias chain */
#define LIMIT_DNS_IN_FLIGHT      256         /* questions on the wire at once; the rest wait their turn */
#define LIMIT_DNS_NAMESERVERS    8
#define LIMIT_DNS_QUERIES        80                       /* per message, of which ... */
#define LIMIT_DNS_SPF_QUERIES    36                       /* ... for SPF, both identities together, ... */
#define LIMIT_CLIENT_NAMES       4                        /* names of the client looked at, each with its addresses: ... */
#define LIMIT_DNS_CLIENT_QUERIES (1 + LIMIT_CLIENT_NAMES) /* ... and the rest for keys and the DMARC walks */
#define LIMIT_DNS_TRY_MS         1000                     /* the first try; each further try waits twice as long */
#define LIMIT_DNS_LOOKUP_MS      5000                     /* one lookup with all its tries */
#define LIMIT_DNS_MESSAGE_MS     20000                    /* all lookups of one message, RFC 7208 4.6.4 */
#define LIMIT_DNS_CACHE_BYTES    (64 * 1024 * 1024)
#define LIMIT_DNS_CACHE_COUNT    100000
#define LIMIT_DNS_TTL_MIN        5     /* seconds */
#define LIMIT_DNS_TTL_MAX        86400 /* seconds */
#define LIMIT_DNS_NEGATIVE       3600  /* seconds a "no such name" is kept at most */
#define LIMIT_DNS_FAILURE        5     /* seconds a failure is kept */

/* SPF, RFC 7208 4.6.4. */
#define LIMIT_SPF_TERMS        10   /* terms that ask the DNS, over the whole evaluation */
#define LIMIT_SPF_VOID         2    /* lookups without an answer */
#define LIMIT_SPF_MX           10   /* exchanges of one mx term */
#define LIMIT_SPF_PTR          10   /* names of one ptr term or %{p} */
#define LIMIT_SPF_RECORD       4096 /* bytes of a record */
#define LIMIT_SPF_RECORD_TERMS 512
#define LIMIT_SPF_EXPLANATION  400 /* bytes of an explanation after expansion, printable ASCII */

/* DKIM. */
#define LIMIT_DKIM_SIGNATURES 50   /* signature fields looked at; the rest are reported as not looked at */
#define LIMIT_DKIM_VERIFIED   8    /* signatures verified, those aligned with the author's domain first */
#define LIMIT_DKIM_KEYS       8    /* distinct key lookups */
#define LIMIT_DKIM_H          256  /* names in h= */
#define LIMIT_DKIM_P          4096 /* characters of p= */
#define LIMIT_DKIM_KEY_RRS    1    /* usable key records at one name, RFC 6376 3.6.2.2; more is a permerror */
#define LIMIT_BODY_HASHES     4    /* distinct (canonicalization, hash, length) */
#define LIMIT_RSA_BITS_MIN    1024 /* RFC 8301 3.2 */
#define LIMIT_RSA_BITS_MAX    8192
#define LIMIT_RSA_SIGN_BITS   2048        /* smallest key mailseal makes */
#define LIMIT_KEY_FILE        (64 * 1024) /* bytes of a private key file */
#define LIMIT_SIGN_KEYS       4           /* signatures put on one message */

/* DMARC, RFC 9989 4.10. */
#define LIMIT_DMARC_QUERIES 8  /* of one walk */
#define LIMIT_DMARC_WALKS   10 /* distinct start names per message */
#define LIMIT_DMARC_RECORD  (64 * 1024)

/* What we write. */
#define LIMIT_AUTHRES         8192 /* bytes of our Authentication-Results field */
#define LIMIT_AUTHRES_RESULTS 20
#define LIMIT_AUTHRES_VALUE   255
#define LIMIT_DKIM_FIELD      8192 /* bytes of a DKIM-Signature field of ours */
#define LIMIT_LABEL_FIELD     998  /* bytes of our X-Mailseal-Label field, whose name, rule and reason are bounded */
#define LIMIT_LOG_LINE        1024
#define LIMIT_REPLY           400 /* bytes of a reply text, printable ASCII */

/* The daemon. */
#define LIMIT_SESSIONS     1000 /* messages being worked on; above it new messages get a 451 */
#define LIMIT_THREAD_STACK (256 * 1024)
#define LIMIT_WORKERS      64  /* threads of the future pool */
#define LIMIT_IDLE_S       300 /* seconds between two packets of the mail server */
#define LIMIT_DRAIN_S      25  /* seconds a stopping daemon waits for messages in flight */

/* When the DNS does not answer. */
#define LIMIT_DEFERRALS       65536 /* pairs of client network and domain remembered, 2.5 MiB; beyond it the oldest goes */
#define LIMIT_DEFERRAL_ROUND  60    /* seconds within which several deferrals of a pair count as one */
#define LIMIT_DEFERRAL_QUIET  7200  /* seconds after which a pair with answers starts anew; longer than the pauses senders make */
#define LIMIT_DEFERRAL_FORGET 86400 /* seconds after which any pair does */
#define LIMIT_BRAKE_QUESTIONS 20    /* DNS questions in a minute, below which nothing can be said about the resolver */
#define LIMIT_BRAKE_MESSAGE   8     /* of one message, so that a single sender's broken zone does not look like our resolver */

/* The journal. */
#define LIMIT_JOURNAL_ENTRY   (256 * 1024)       /* bytes of one entry; a larger one is dropped */
#define LIMIT_JOURNAL_DNS     (32 * 1024)        /* bytes of DNS answers kept for one entry */
#define LIMIT_JOURNAL_QUEUE   8192               /* entries that wait for the writer; more are dropped */
#define LIMIT_JOURNAL_BYTES   (16 * 1024 * 1024) /* bytes of them */
#define LIMIT_JOURNAL_STOP_MS 5000               /* a stopping daemon waits so long for what is not yet written */

/* Files. */
#define LIMIT_CONFIG_FILE   (4 * 1024 * 1024)
#define LIMIT_SNAPSHOT_FILE (64 * 1024 * 1024)
#define LIMIT_POLICY_RULES  256
#define LIMIT_POLICY_WHEN   32
#define LIMIT_POLICY_FACTS  4096 /* bytes of all facts as text */

#endif
