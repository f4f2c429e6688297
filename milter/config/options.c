/*
 * options.c - THE option table.
 *
 * One row for each option: name, type, default, field, limits, one sentence. The libconfuse table, the defaults, the checks,
 * `mailseal config show` and the manual are all derived from it (conf_parse.c, option_value.c, conf_show.c): a new option is a
 * row here and the field it fills. Below are only the checks that a range or a list of words cannot express.
 */
#include <limits.h>
#include <string.h>

#include "mailseal/domain.h"
#include "mailseal/limits.h"
#include "mailseal/log.h"

#include "config_int.h"

/* ---- checks of string values ---- */

static bool has_only(struct str s, const char *extra)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!char_is_alnum(s.p[i]) && (s.p[i] == '\0' || strchr(extra, s.p[i]) == NULL))
            return false;
    }
    return true;
}

/* The forms of smfi_setconn(3): {unix|local}:PATH, {inet|inet6}:PORT[@HOST]. */
static const char *check_socket(struct str value)
{
    static const char wanted[] = "is no socket (unix:/PATH, local:/PATH, inet:PORT@HOST or inet6:PORT@HOST)";
    struct str kind, rest, port, host;
    uint64_t number;
    bool named = str_cut(value, ':', &kind, &rest);
    if (!named)
        return wanted;
    if (str_eq(kind, STR("unix")) || str_eq(kind, STR("local")))
        return rest.n > 1 && rest.p[0] == '/' ? NULL : wanted;
    if (!str_eq(kind, STR("inet")) && !str_eq(kind, STR("inet6")))
        return wanted;
    bool with_host = str_cut(rest, '@', &port, &host);
    if (with_host && (host.n == 0 || !has_only(host, ".-_:[]")))
        return wanted;
    return str_to_uint(port, UINT16_MAX, &number) && number > 0 ? NULL : wanted;
}

/* RFC 8601 2.2: authserv-id is a `value` of RFC 2045 5.1. Only its token form is taken, which needs no quotes in any spelling. */
bool authserv_id_is_valid(struct str id)
{
    return id.n > 0 && id.n <= LIMIT_AUTHRES_VALUE && has_only(id, "!#$%&'*+-.^_`{|}~");
}

static const char *check_authserv_id(struct str value)
{
    return authserv_id_is_valid(value) ? NULL : "is no authserv-id (an RFC 2045 token: letters, digits, '.', '-' and the like)";
}

static const char *check_nameserver(struct str value)
{
    struct ip ip;
    if (ip_parse(value, &ip))
        return NULL;
    struct str host, port;
    uint64_t number;
    bool ok = str_rcut(value, ':', &host, &port) && str_to_uint(port, UINT16_MAX, &number) && number > 0;
    bool bracketed = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (ok && bracketed)
        ok = ip_parse(str_first(str_skip(host, 1), host.n - 2), &ip) && ip.family == 6;
    else
        ok = ok && ip_parse(host, &ip) && ip.family == 4;
    return ok ? NULL : "is no name server (ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT)";
}

/* A domain in A-labels, in any case. */
static const char *check_domain(struct str value)
{
    char lower[LIMIT_DOMAIN];
    for (size_t i = 0; i < value.n && i < sizeof(lower); i++)
        lower[i] = char_lower(value.p[i]);
    bool ok = value.n <= sizeof(lower) && domain_is_valid((struct str){ lower, value.n });
    return ok ? NULL : "is no domain name";
}

static const char *check_path(struct str value)
{
    return value.n < PATH_MAX ? NULL : "is too long for a path";
}

/* A word for policies/NAME.policy: no way out of that directory. A path is judged by who opens it. */
static const char *check_policy(struct str value)
{
    if (value.n > 0 && memchr(value.p, '/', value.n) != NULL)
        return check_path(value);
    return value.n > 0 && value.p[0] != '.' && has_only(value, "-_.") ? NULL : "is no policy (a name, or a path with a '/')";
}

static const char *check_account(struct str value)
{
    return has_only(value, "-_.") ? NULL : "is no account name";
}

/* A file of OpenDKIM's, or a server; its other kinds of tables are none. */
static const char *check_table(struct str value)
{
    static const char wanted[] = "is no table (file:PATH, refile:PATH, PATH or socketmap:...)";
    struct str kind, path;
    if (table_spec_is_server(value))
        return table_spec_fault(value);
    if (str_istarts(value, STR("/")) || !str_cut(value, ':', &kind, &path))
        path = value;
    else if (!str_eq(kind, STR("file")) && !str_eq(kind, STR("refile")))
        return wanted;
    return path.n > 0 || value.n == 0 ? check_path(path) : wanted;
}

/* A file or server of table.h. */
static const char *check_lookup(struct str value)
{
    return value.n > 0 ? table_spec_fault(value) : NULL;
}

/* Whether it lies within the domain is known when the section is complete. */
static const char *check_identity(struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] <= ' ' || value.p[i] > '~' || strchr(";=", value.p[i]) != NULL)
            return "is no identity (@DOMAIN or USER@DOMAIN)";
    }
    return value.n == 0 || memchr(value.p, '@', value.n) != NULL ? NULL : "is no identity (@DOMAIN or USER@DOMAIN)";
}

/* RFC 5322 2.2: printable ASCII without the colon. */
static const char *check_field_name(struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] <= ' ' || value.p[i] > '~' || value.p[i] == ':' || value.p[i] == ';')
            return "is no header field name";
    }
    return value.n > 0 ? NULL : "is no header field name";
}

/* OpenDKIM's SignHeaders: "*" for the usual names, "+NAME", "-NAME"; also several in one string, with commas between them. */
static const char *check_header_choice(struct str value)
{
    struct str word;
    for (bool more = true; more;) {
        more = str_cut(value, ',', &word, &value);
        word = str_trim(word);
        if (word.n > 1 && (word.p[0] == '+' || word.p[0] == '-'))
            word = str_skip(word, 1);
        if (check_field_name(word) != NULL)
            return check_field_name(word);
    }
    return NULL;
}

/* ALGORITHM, or DOMAIN=ALGORITHM. */
static const char *check_algorithm(struct str value)
{
    struct str domain, algorithm;
    if (!str_rcut(value, '=', &domain, &algorithm))
        algorithm = value;
    else if (check_domain(domain) != NULL)
        return "is no algorithm of a domain (DOMAIN=ALGORITHM)";
    return code_of(sign_algorithm_names, algorithm) >= 0 ? NULL : "is no algorithm (rsa-sha256 or ed25519-sha256)";
}

/* ---- words ---- */

static const struct name_code bool_words[] = { { "true", true }, { "false", false }, { "yes", true }, { "no", false },
                                               { "on", true },   { "off", false },   { NULL, 0 } };
static const struct name_code format_words[] = { { "text", false }, { "json", true }, { NULL, 0 } };
static const struct name_code log_words[] = { { "stderr", false }, { "syslog", true }, { NULL, 0 } };
static const struct name_code level_words[] = { { "error", LOG_LEVEL_ERROR },
                                                { "warning", LOG_LEVEL_WARNING },
                                                { "info", LOG_LEVEL_INFO },
                                                { "debug", LOG_LEVEL_DEBUG },
                                                { NULL, 0 } };
static const struct name_code quarantine_words[] = { { "hold", true }, { "label", false }, { NULL, 0 } };
static const struct name_code check_words[] = {
    { "always", SELF_CHECK_ALWAYS }, { "rsa", SELF_CHECK_RSA }, { "never", SELF_CHECK_NEVER }, { NULL, 0 }
};
static const struct name_code sign_for_words[] = {
    { "from", SIGN_FOR_FROM }, { "sender", SIGN_FOR_SENDER }, { "envelope", SIGN_FOR_ENVELOPE }, { NULL, 0 }
};
static const struct name_code redact_words[] = { { "none", false }, { "client", true }, { NULL, 0 } };
static const struct name_code temperror_words[] = { { "accept", false }, { "tempfail", true }, { NULL, 0 } };
static const struct name_code down_words[] = { { "release", false }, { "tempfail", true }, { NULL, 0 } };

/* ---- the tables ---- */

#define AT(field)      offsetof(struct conf, field)
#define SIGN_AT(field) offsetof(struct sign_key, field)
#define RANGE(low, top)                                                                                                            \
    {                                                                                                                              \
        .min = (low), .max = (top)                                                                                                 \
    }
#define UP_TO(n)                                                                                                                   \
    {                                                                                                                              \
        .max = (n)                                                                                                                 \
    }
#define WORDS(table)                                                                                                               \
    {                                                                                                                              \
        .words = (table)                                                                                                           \
    }
#define CHECK(function)                                                                                                            \
    {                                                                                                                              \
        .check = (function)                                                                                                        \
    }

const struct conf_option conf_options[] = {
    { "socket", OPTION_STRING, "unix:/run/mailseal/mailseal.sock", AT(socket), CHECK(check_socket),
      "Where the mail server finds the daemon: unix:/PATH, or inet:PORT@HOST." },
    { "socket-mode", OPTION_MODE, "0660", AT(socket_mode), RANGE(0, 0777),
      "Permissions of a unix socket; the mail server needs to read and write it." },
    { "user", OPTION_STRING, "", AT(user), CHECK(check_account),
      "The account the daemon changes to after it was started by root; empty: none." },
    { "group", OPTION_STRING, "", AT(group), CHECK(check_account),
      "The group the daemon changes to, which also owns a unix socket; empty: that of the account." },
    { "authserv-id", OPTION_STRING, "", AT(authserv_id), CHECK(check_authserv_id),
      "The name under which results are written to Authentication-Results; when it is not set, the host name." },
    { "trusted-authserv-ids",
      OPTION_STRINGS,
      "",
      AT(trusted_ids),
      { .max = 64, .check = check_authserv_id },
      "Further names of this site whose Authentication-Results are removed from incoming mail." },
    { "policy", OPTION_PROFILE, "standard", AT(policy_name), CHECK(check_policy),
      "What to do with a message: the name of an installed profile, or the path of your own." },
    { "quarantine", OPTION_BOOL, "hold", AT(quarantine_hold), WORDS(quarantine_words),
      "What quarantine means: hold the message in the mail server, or deliver it with an X-Mailseal-Label field." },
    { "dmarc-temperror", OPTION_BOOL, "accept", AT(temperror_tempfail), WORDS(temperror_words),
      "What to do when DMARC cannot be decided for now: accept the message, or ask the sender to try again." },
    { "defer-times", OPTION_INT, "12", AT(defer_times), RANGE(1, 1000),
      "How often mail from one network with one From domain is asked to try again because the DNS did not answer." },
    { "defer-minutes", OPTION_INT, "240", AT(defer_minutes), RANGE(1, 7200),
      "Minutes for which such mail is asked to try again, from the first time on." },
    { "resolver-down-share", OPTION_INT, "50", AT(resolver_down_share), RANGE(1, 100),
      "The resolver counts as down while more than this per cent of all DNS questions fail; 100: never." },
    { "resolver-down", OPTION_BOOL, "release", AT(resolver_down_tempfail), WORDS(down_words),
      "What to do while the resolver is down: release mail, labelled, or ask all senders to try again." },
    { "internal-networks", OPTION_NETWORKS, "127.0.0.0/8 ::1", AT(internal), UP_TO(CONF_LIST_MAX),
      "Clients whose mail is ours: it is signed and not judged, like that of authenticated users." },
    { "trusted-forwarders", OPTION_NETWORKS, "", AT(forwarders), UP_TO(CONF_LIST_MAX),
      "Clients known to pass on other people's mail, as a fact for the policy." },
    { "trusted-relays", OPTION_NETWORKS, "", AT(relays), UP_TO(CONF_LIST_MAX),
      "Hosts of ours that pass on mail from outside, such as a backup MX: judged, but SPF is not held against them." },
    { "relay-received", OPTION_BOOL, "true", AT(relay_received), WORDS(bool_words),
      "Evaluate SPF for the client that the Received fields of trusted relays name, instead of not at all." },
    { "exempt-clients", OPTION_LOOKUP, "", AT(specs.exempt_clients), CHECK(check_lookup),
      "A table of clients whose mail passes whatever the checks say: addresses, networks, names of hosts; empty: none." },
    { "exempt-dkim-domains", OPTION_LOOKUP, "", AT(specs.exempt_dkim_domains), CHECK(check_lookup),
      "A table of signers: mail with a valid DKIM signature of such a domain passes whatever else the checks say; empty: none." },
    { "treat-as-reject", OPTION_LOOKUP, "", AT(specs.treat_as_reject), CHECK(check_lookup),
      "A table of author domains to treat as if they asked with p=reject; empty: none." },
    { "never-reject", OPTION_LOOKUP, "", AT(specs.never_reject), CHECK(check_lookup),
      "A table of author domains whose mail is not rejected for failing; empty: none." },
    { "require-dkim", OPTION_LOOKUP, "", AT(specs.require_dkim), CHECK(check_lookup),
      "A table of author domains known to sign all their mail, from which none without a valid aligned signature is taken; empty: "
      "none." },
    { "seal-domain", OPTION_DOMAIN, "", AT(seal_domain), CHECK(NULL),
      "Seal (ARC) judged mail as this domain, on a host that passes it on to others; empty: do not seal." },
    { "seal-selector", OPTION_DOMAIN, "", AT(seal_selector), CHECK(NULL), "Selector of the ARC seals." },
    { "seal-key-file", OPTION_PATH, "", AT(seal_key_file), CHECK(check_path), "File with the private key of the ARC seals." },
    { "trusted-sealers",
      OPTION_STRINGS,
      "",
      AT(trusted_sealers),
      { .max = CONF_LIST_MAX, .check = check_domain },
      "Domains whose ARC seals are believed: lists and forwarders that tell the truth about the mail they pass on." },
    { "nameservers",
      OPTION_STRINGS,
      "",
      AT(nameservers),
      { .max = LIMIT_DNS_NAMESERVERS, .check = check_nameserver },
      "Name servers to ask, instead of those in /etc/resolv.conf." },
    { "trust-ad", OPTION_BOOL, "false", AT(trust_ad), WORDS(bool_words),
      "Believe a name server elsewhere than on this host when it says that an answer is authentic." },
    { "dns-snapshot", OPTION_PATH, "", AT(dns_snapshot), CHECK(check_path),
      "A file to answer all DNS questions from, for tests; empty: ask the network." },
    { "dkim-min-rsa-bits", OPTION_UINT, "1024", AT(dkim.min_rsa_bits), RANGE(LIMIT_RSA_BITS_MIN, LIMIT_RSA_BITS_MAX),
      "Signatures with smaller RSA keys do not count." },
    { "dkim-accept-unsigned-tail", OPTION_BOOL, "false", AT(dkim.accept_unsigned_tail), WORDS(bool_words),
      "Let a signature count although text was added behind the part of the body that it covers." },
    { "dkim-clock-slack", OPTION_INT, "300", AT(dkim.clock_slack), RANGE(0, 86400),
      "Seconds by which the clocks of signers may differ from ours." },
    { "log", OPTION_BOOL, "stderr", AT(log_syslog), WORDS(log_words), "Where log lines go." },
    { "log-format", OPTION_BOOL, "text", AT(log_json), WORDS(format_words),
      "The verdict line of each message: key=value words, or one JSON object." },
    { "log-level", OPTION_CHOICE, "info", AT(log_level), WORDS(level_words), "The least important lines that are logged." },
    { "max-messages", OPTION_INT, "1000", AT(max_messages), RANGE(1, LIMIT_SESSIONS),
      "Messages worked on at the same time; senders of further ones are asked to try again." },
    { "workers", OPTION_INT, "16", AT(workers), RANGE(0, LIMIT_WORKERS),
      "Threads that look up SPF records while messages arrive; with 0 it is done at the end of each message." },
    { "journal", OPTION_PATH, "", AT(journal), CHECK(check_path),
      "The file in which the daemon keeps what it decided about each message, for replay and explain --id; empty: none." },
    { "journal-max-size", OPTION_INT, "100", AT(journal_max_size), RANGE(8, 1000000),
      "Megabytes of the journal; beyond them the oldest entries go." },
    { "journal-max-age", OPTION_INT, "30", AT(journal_max_age), RANGE(1, 3650), "Days an entry of the journal is kept." },
    { "journal-redact", OPTION_BOOL, "none", AT(journal_redact), WORDS(redact_words),
      "What is kept out of the journal: none, or client: addresses of clients are cut to their network." },
    { "key-directory", OPTION_PATH, "", AT(key_directory), CHECK(check_path),
      "A directory of private keys, DOMAIN/SELECTOR.pem, that sign besides those of sections; empty: none." },
    { "key-table", OPTION_TABLE, "", AT(key_table), CHECK(check_table),
      "A KeyTable of OpenDKIM: file:PATH, refile:PATH or PATH, or a socketmap server; empty: none." },
    { "signing-table", OPTION_TABLE, "", AT(signing_table), CHECK(check_table),
      "A SigningTable of OpenDKIM: file:PATH or PATH for addresses and domains, refile:PATH for patterns, or a socketmap server; "
      "empty: none." },
    { "sign-all-matches", OPTION_BOOL, "false", AT(sign_all_matches), WORDS(bool_words),
      "Let every line of the signing table that matches sign, like MultipleSignatures of OpenDKIM, instead of the first." },
    { "sign-subdomains", OPTION_BOOL, "false", AT(sign_subdomains), WORDS(bool_words),
      "Let keys of the key directory sign for authors below their domain too." },
    { "sign-headers",
      OPTION_STRINGS,
      "",
      AT(sign.headers),
      { .max = LIMIT_DKIM_H, .check = check_header_choice },
      "What headers is in a section, for keys of the key directory and the key table." },
    { "sign-oversign-headers",
      OPTION_STRINGS,
      "",
      AT(sign.oversign_headers),
      { .max = LIMIT_DKIM_H, .check = check_field_name },
      "What oversign-headers is in a section, for keys of the key directory and the key table." },
    { "sign-canonicalization", OPTION_CANON, "relaxed/relaxed", AT(sign.header_canon), CHECK(NULL),
      "What canonicalization is in a section, for keys of the key directory and the key table." },
    { "sign-expire-after", OPTION_INT, "0", AT(sign.expire_after), RANGE(0, 315360000),
      "What expire-after is in a section, for keys of the key directory and the key table." },
    { "sender-login-map", OPTION_LOOKUP, "", AT(sender_login_map), CHECK(check_lookup),
      "Which login may use which From address, a table like smtpd_sender_login_maps of Postfix; empty: each any." },
    { "sign-for", OPTION_CHOICE, "from", AT(sign_for), WORDS(sign_for_words),
      "Whose keys sign: those for the address in From, in Sender if there is one, or of the envelope sender." },
    { "sign-algorithms",
      OPTION_STRINGS,
      "",
      AT(sign_algorithms),
      { .max = CONF_LIST_MAX, .check = check_algorithm },
      "Algorithms whose keys sign, and DOMAIN=ALGORITHM for domains with a choice of their own; empty: all." },
    { "sign-self-check", OPTION_CHOICE, "rsa", AT(sign_self_check), WORDS(check_words),
      "Verify signatures with the public half of their key before the message leaves: all, those with RSA, or none." },
    { "sign-self-check-every", OPTION_INT, "1", AT(sign_self_check_every), RANGE(1, 1000000),
      "Check the signatures of one message in so many." },
    { "require-published-key", OPTION_BOOL, "false", AT(require_published_key), WORDS(bool_words),
      "Do not sign with a key that the DNS does not have, or has otherwise." },
    { NULL, OPTION_STRING, NULL, 0, CHECK(NULL), NULL },
};

const struct conf_option sign_options[] = {
    { "selector", OPTION_DOMAIN, "", SIGN_AT(selector), CHECK(NULL),
      "The selector: the public key is published at SELECTOR._domainkey.DOMAIN." },
    { "key-file", OPTION_PATH, "", SIGN_AT(key_file), CHECK(check_path),
      "The private key, in a file that others can neither read nor write." },
    { "headers",
      OPTION_STRINGS,
      "",
      SIGN_AT(headers),
      { .max = LIMIT_DKIM_H, .check = check_header_choice },
      "Names of the header fields to sign, From among them, instead of the usual ones, or *, +NAME and -NAME to change these." },
    { "oversign-headers",
      OPTION_STRINGS,
      "",
      SIGN_AT(oversign_headers),
      { .max = LIMIT_DKIM_H, .check = check_field_name },
      "Names of exactly the fields to sign once more than they occur; empty: the usual ones." },
    { "identity", OPTION_STRING, "", SIGN_AT(identity), CHECK(check_identity),
      "The identity that the signature speaks for, within the domain; empty: none is written." },
    { "subdomains", OPTION_BOOL, "false", SIGN_AT(subdomains), WORDS(bool_words),
      "Sign for authors below the domain too, unless a nearer domain has keys." },
    { "canonicalization", OPTION_CANON, "relaxed/relaxed", SIGN_AT(header_canon), CHECK(NULL),
      "Which changes on the way the signature survives: simple or relaxed for the header, a slash, and the same for the body." },
    { "oversign", OPTION_BOOL, "true", SIGN_AT(oversign), WORDS(bool_words),
      "Sign fields once more than they occur, so that none can be added." },
    { "expire-after", OPTION_INT, "0", SIGN_AT(expire_after), RANGE(0, 315360000),
      "Seconds after which the signature is no longer valid; 0: it stays valid." },
    { NULL, OPTION_STRING, NULL, 0, CHECK(NULL), NULL },
};
