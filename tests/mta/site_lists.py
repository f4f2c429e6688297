"""The lists of a site, in files and from a server: what they do to mail, and what happens when they change, break or fall
silent."""
import threading
import time

from site_setup import PLAIN, SPOOF, configured

from checks import Failed, case, want_equal, want_match, want_none, want_words
from message import values
from socketmap import Socketmap

PARTNER = ("203.0.113.30", "host.partner.example")
PRETENDER = ("203.0.113.31", "host.partner.example")
ATTACKER = ("198.51.100.66", "mail.attacker.example")
FRIEND = ("192.0.2.40", "mx.friend.example")
# Two addresses say that they are host.partner.example, which says that it is one of them.
ZONE = {
    "partner.example": {"TXT": ["v=spf1 ip4:203.0.113.0/24 -all"]},
    "30.113.0.203.in-addr.arpa": {"PTR": ["host.partner.example"]},
    "31.113.0.203.in-addr.arpa": {"PTR": ["host.partner.example"]},
    "host.partner.example": {"A": ["203.0.113.30"]},
    "attacker.example": {"TXT": ["v=spf1 ip4:198.51.100.66 -all"]},
    "kept.example": {"TXT": ["v=spf1 ip4:198.51.100.66 -all"]},
}
LISTS = ("exempt-clients", "exempt-dkim-domains", "treat-as-reject", "never-reject", "require-dkim")
RECORDLESS = PLAIN.replace(b"news@signed.example", b"info@recordless.example")
KEPT = PLAIN.replace(b"news@signed.example", b"info@kept.example")
UNSIGNED = PLAIN.replace(b"news@signed.example", b"ann@friend.example")


def spoof(_site):
    return SPOOF


def signed_by(domain, message):
    return lambda site: site.daemon.sign(message, domain, "demo")


# Name: (list, its entries, message, MAIL FROM, client, what is done, words of the verdict line). What is done is "accept",
# "label", or the beginning of the reply.
ROWS = {
    "an address": ("exempt-clients", "198.51.100.66 # a comment", spoof, "x@attacker.example", ATTACKER, "accept",
                   'dmarc=fail action=accept rule="exempt-listed"'),
    "another address": ("exempt-clients", "198.51.100.67", spoof, "x@attacker.example", ATTACKER, "550 5.7.1", "action=reject"),
    "a network": ("exempt-clients", "2001:db8::/32\n198.51.100.0/24", spoof, "x@attacker.example", ATTACKER, "accept",
                  'rule="exempt-listed"'),
    "a host": ("exempt-clients", "host.partner.example", spoof, "x@partner.example", PARTNER, "accept", 'rule="exempt-listed"'),
    "hosts below a domain": ("exempt-clients", ".partner.example", spoof, "x@partner.example", PARTNER, "accept",
                             'rule="exempt-listed"'),
    "a host whose name does not lead back": ("exempt-clients", ".partner.example", spoof, "x@partner.example", PRETENDER,
                                             "550 5.7.1", "action=reject"),
    "a signer": ("exempt-dkim-domains", "partner.example", signed_by("partner.example", SPOOF), "x@partner.example", PARTNER,
                 "accept", 'dkim=pass/partner.example dmarc=fail rule="exempt-listed"'),
    "a signer who did not sign": ("exempt-dkim-domains", "partner.example", spoof, "x@partner.example", PARTNER, "550 5.7.1",
                                  "dkim=none"),
    "a domain without a record": ("treat-as-reject", "recordless.example", lambda _: RECORDLESS, "x@attacker.example", ATTACKER,
                                  "550 5.7.1 Email in the name of recordless.example must be authenticated",
                                  'dmarc=none action=reject rule="treat-as-reject"'),
    "a domain without a record, aligned": ("treat-as-reject", "kept.example", lambda _: KEPT, "info@kept.example", ATTACKER,
                                           "accept", 'spf=pass/kept.example dmarc=none action=accept rule="default"'),
    "a domain that must not be rejected": ("never-reject", "bank.example", spoof, "x@attacker.example", ATTACKER, "label",
                                           'dmarc=fail policy=reject action=label rule="never-reject"'),
    "a domain that signs all, and did not": ("require-dkim", "friend.example", lambda _: UNSIGNED, "ann@friend.example", FRIEND,
                                             "550 5.7.22 No valid DKIM signature of the author's domain friend.example",
                                             'spf=pass/friend.example dmarc=pass action=reject rule="require-dkim"'),
    "a domain that signs all, and did": ("require-dkim", "friend.example", signed_by("friend.example", UNSIGNED),
                                         "ann@friend.example", FRIEND, "accept", 'dkim=pass/friend.example action=accept'),
}


def want_done(site, reply, done, words):
    """The message is where it belongs, and the verdict line has these words."""
    if done in ("accept", "label"):
        found = values(site.delivered(reply), "X-Mailseal-Label")
        want_equal("labels", 'label; dmarc=fail; rule="never-reject"' if done == "label" else "", "".join(found))
    elif not reply.startswith(done):
        raise Failed(f"wanted a reply {done!r} .. got {reply!r}")
    want_words("verdict line", words, site.daemon.verdict())


def write_lists(daemon, texts):
    """A file for each list, empty where there is no text, and the options that name them."""
    for name in LISTS:
        (daemon.dir / name).write_text(texts.get(name, "") + "\n")
    return "".join(f'{name} = "{daemon.dir}/{name}"\n' for name in LISTS)


def row(name):
    option, entries, make, sender, client, done, words = ROWS[name]

    @case(f"lists: {option}: {name}")
    def _(site):
        with configured(site.daemon, write_lists(site.daemon, {option: entries})):
            want_done(site, site.send(make(site), sender=sender, client=client), done, words)


for n in ROWS:
    row(n)


def send_spoof(site):
    return site.send(SPOOF, sender="x@attacker.example", client=ATTACKER)


@case("lists: a changed file counts after SIGHUP, a broken one leaves all as it was")
def _(site):
    clients = site.daemon.dir / "exempt-clients"
    with configured(site.daemon, write_lists(site.daemon, {})):
        want_done(site, send_spoof(site), "550", "action=reject")
        clients.write_text("198.51.100.66\n")
        want_done(site, send_spoof(site), "550", "action=reject")
        want_none("log", "not reloaded", site.daemon.reload())
        want_done(site, send_spoof(site), "accept", 'rule="exempt-listed"')
        for broken in ("# no longer\n198.51.100.66 OK\n", "\n198.51.100.666\n"):
            clients.write_text(broken)
            before = len(site.daemon.log())
            want_match("log", "not reloaded", site.daemon.reload())
            want_match("log", "error: .*exempt-clients:2: ", site.daemon.log()[before:])
            want_done(site, send_spoof(site), "accept", 'rule="exempt-listed"')
        clients.unlink()
        want_match("log", "not reloaded", site.daemon.reload())
        want_done(site, send_spoof(site), "accept", 'rule="exempt-listed"')
        clients.write_text("")
        want_none("log", "not reloaded", site.daemon.reload())
        want_done(site, send_spoof(site), "550", "action=reject")


# ---- the same from a server ----
SERVED = {
    "exempt-clients": {"198.51.100.66": "x", ".partner.example": "x"},
    "exempt-dkim-domains": {"partner.example": "x"},
    "treat-as-reject": {"recordless.example": "x", "kept.example": "x"},
    "never-reject": {"bank.example": "x"},
    "require-dkim": {"friend.example": "x"},
}
NOT_SERVED = ("another address", "a network")


def options_of(server, *names):
    return "".join(f'{name} = "{server.spec(name)}"\n' for name in names)


@case("lists: a server's do the same")
def _(site):
    with Socketmap(site.daemon.dir / "lists", SERVED) as server:
        for option in LISTS:
            with configured(site.daemon, options_of(server, option)):
                for name, (of, _entries, make, sender, client, done, words) in ROWS.items():
                    if of == option and name not in NOT_SERVED:
                        want_done(site, site.send(make(site), sender=sender, client=client), done, words)
        for question in (("exempt-clients", "198.51.100.66"), ("exempt-clients", ".partner.example"),
                         ("treat-as-reject", "recordless.example")):
            want_equal(f"question {question}", True, question in server.asked)


@case("lists: a dead server refuses nobody for good, and spares nobody when it is back")
def _(site):
    path = site.daemon.dir / "lists"
    server = Socketmap(path, {"exempt-clients": {}})
    with configured(site.daemon, options_of(server, "exempt-clients")):
        with server:
            want_done(site, send_spoof(site), "550", "action=reject")
        other = ("198.51.100.67", "mail.attacker.example")  # the answer about the first is kept
        reply = site.send(SPOOF, sender="x@elsewhere.example", client=other)
        want_done(site, reply, "451 4.3.0", "action=tempfail")
        want_match("log", "warning: table 'socketmap:unix:.*:exempt-clients' does not answer", site.daemon.log())
        want_match("log", r"warning: \w+: no answer from .*, so rule 'dmarc-fail-reject' does not reject", site.daemon.log())
        want_done(site, site.send(site.sign(PLAIN)), "accept", "dmarc=pass action=accept")
        with Socketmap(path, {"exempt-clients": {}}):
            time.sleep(5.1)  # it is left alone for so long
            want_done(site, site.send(SPOOF, sender="x@elsewhere.example", client=other), "550", "action=reject")
            want_done(site, site.send(site.sign(PLAIN)), "accept", "dmarc=pass action=accept")


class Slow(Socketmap):
    """Takes every question and answers too late."""

    def answer(self, name, key):
        time.sleep(30)
        return super().answer(name, key)


def timed(function, *args):
    began = time.monotonic()
    return function(*args), time.monotonic() - began


@case("lists: a slow server costs one wait, not one for each message")
def _(site):
    with Slow(site.daemon.dir / "lists", {"exempt-clients": {}}) as server:
        with configured(site.daemon, options_of(server, "exempt-clients")):
            reply, first = timed(send_spoof, site)
            want_done(site, reply, "451 4.3.0", "action=tempfail")
            want_equal(f"one wait of two seconds, which was {first:.1f} s", True, 1.9 < first < 4)
            replies, rest = timed(lambda: [send_spoof(site) for _ in range(5)])
            want_equal("codes", [451] * 5, [r.code for r in replies])
            want_equal(f"no further wait, in {rest:.1f} s", True, rest < 2)
        with configured(site.daemon, options_of(server, "exempt-clients")):
            replies = []
            crowd = [threading.Thread(target=lambda: replies.append(send_spoof(site))) for _ in range(8)]
            _, all_of_them = timed(lambda: [t.start() for t in crowd] and [t.join() for t in crowd])
            want_equal("codes", [451] * 8, [r.code for r in replies])
            want_equal(f"one wait for all at once, in {all_of_them:.1f} s", True, all_of_them < 5)
        for _ in range(13):
            site.daemon.verdict()


@case("lists: a slow server that has every list costs one wait, and mail that is in order passes")
def _(site):
    with Slow(site.daemon.dir / "lists", {}) as server:
        with configured(site.daemon, options_of(server, *LISTS)):
            reply, first = timed(site.send, site.sign(PLAIN))
            want_done(site, reply, "accept", "dmarc=pass action=accept")
            want_equal(f"a bounded wait, which was {first:.1f} s", True, first < 4)
            reply, second = timed(site.send, site.sign(PLAIN))
            want_done(site, reply, "accept", "dmarc=pass action=accept")
            want_equal(f"no further wait, in {second:.1f} s", True, second < 1.5)
