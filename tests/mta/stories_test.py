#!/usr/bin/env python3
"""stories_test.py [PART OF A NAME...]: list mail, forwarded mail, sealed mail and spoofs through a real Postfix, under each shipped
profile. --program FILE is the daemon to test."""
import subprocess
import sys

from site_setup import PLAIN, SIGNED, SPOOF, Site, new_daemon, program_argument, resynchronise

from checks import case, run_cases, want_equal, want_match, want_none, want_words
from machine import TOP, clean_up_on_signals, scratch
from message import values
from postfix import Postfix

PROFILES = ("monitor", "cautious", "standard", "strict")

# The hosts of the stories.
LIST = ("192.0.2.70", "lists.example")
FORWARDER = ("192.0.2.80", "mx.forwarder.example")
ALUMNI = ("192.0.2.90", "mx.alumni.example")
ATTACKER = ("198.51.100.66", "mail.attacker.example")
ZONE = {
    "lists.example": {"TXT": ["v=spf1 ip4:192.0.2.70 -all"]},
    "forwarder.example": {"TXT": ["v=spf1 ip4:192.0.2.80 -all"]},
    "alumni.example": {"TXT": ["v=spf1 ip4:192.0.2.90 -all"]},
    "attacker.example": {"TXT": ["v=spf1 ip4:198.51.100.66 -all"]},
    "slow.example": "TIMEOUT",
    "_dmarc.slow.example": "TIMEOUT",
}
OPTIONS = """\
trusted-sealers = {"lists.example"}
trusted-forwarders = {"192.0.2.90"}
"""
FOUND = b"Authentication-Results: %s; spf=pass smtp.mailfrom=news@signed.example; dkim=pass header.d=signed.example;\r\n" \
        b" dmarc=pass header.from=signed.example\r\n"

SHOP = PLAIN.replace(b"news@signed.example", b"shop@shop.example")
FRIEND = PLAIN.replace(b"news@signed.example", b"ann@friend.example")


def through_list(message, name=b"news.lists.example"):
    """What a mailing list makes of a message: a List-Id, a tag in Subject, a footer."""
    tagged = message.replace(b"\r\n", b"\n").replace(b"Subject: ", b"Subject: [news] ", 1)
    whole = b"List-Id: The list <" + name + b">\n" + tagged + b"--\nTo leave the list, write to it.\n"
    return whole.replace(b"\n", b"\r\n")


def sealed(site, domain, message):
    """Sealed by another implementation as this domain, which had found the message in order."""
    key = site.daemon.dir / f"demo.{domain}.pem"
    p = subprocess.run(["/usr/bin/python3", TOP / "tests/lib/dkimpy_seal.py", key, domain, "demo"], capture_output=True,
                       input=FOUND % domain.encode() + message, check=True, timeout=60)
    return p.stdout


# Name: (message of the site, MAIL FROM, client, words of the result field, what monitor, cautious, standard and strict do).
# "accept" is delivered, "hold" is in Postfix's hold queue; a number is the code of the reply.
STORIES = {
    "signed, straight from its author's host":
        (lambda s: s.sign(PLAIN), "news@signed.example", SIGNED, "spf=pass dkim=pass dmarc=pass", ("accept",) * 4),
    "a list that changed the message, in its own name":
        (lambda s: through_list(s.sign(PLAIN)), "bounce@lists.example", LIST, "spf=pass dkim=fail dmarc=fail",
         ("accept", "hold", "hold", 550)),
    "a list that left the message as it was":
        (lambda s: s.sign(PLAIN), "bounce@lists.example", LIST, "spf=pass dkim=pass dmarc=pass", ("accept",) * 4),
    "a List-Id that nobody stands behind":
        (lambda s: through_list(SPOOF), "x@attacker.example", ATTACKER, "spf=pass dkim=none dmarc=fail",
         ("accept", "hold", 550, 550)),
    "a list whose seal is trusted, in a name that says nothing":
        (lambda s: sealed(s, "lists.example", through_list(s.sign(PLAIN), b"news.elsewhere.example")), "bounce@lists.example", LIST,
         "arc=pass dkim=fail dmarc=fail", ("accept", "hold", "hold", 550)),
    "a seal of somebody unknown":
        (lambda s: sealed(s, "attacker.example", through_list(SPOOF)), "x@attacker.example", ATTACKER, "arc=pass dmarc=fail",
         ("accept", "hold", 550, 550)),
    "forwarded without SRS, signed":
        (lambda s: s.sign(PLAIN), "news@signed.example", FORWARDER, "spf=fail dkim=pass dmarc=pass", ("accept",) * 4),
    "forwarded without SRS, not signed":
        (lambda s: PLAIN, "news@signed.example", FORWARDER, "spf=fail dkim=none dmarc=fail", ("accept", "hold", 550, 550)),
    "forwarded with SRS, signed":
        (lambda s: s.sign(PLAIN), "SRS0=x=tt=signed.example=news@forwarder.example", FORWARDER, "spf=pass dkim=pass dmarc=pass",
         ("accept",) * 4),
    "forwarded with SRS, not signed":
        (lambda s: PLAIN, "SRS0=x=tt=signed.example=news@forwarder.example", FORWARDER, "spf=pass dkim=none dmarc=fail",
         ("accept", "hold", 550, 550)),
    "forwarded with SRS by a forwarder that is known, not signed":
        (lambda s: PLAIN, "SRS0=x=tt=signed.example=news@alumni.example", ALUMNI, "spf=pass dkim=none dmarc=fail",
         ("accept", "hold", "hold", 550)),
    "forwarded without SRS by a forwarder that is known, not signed":
        (lambda s: PLAIN, "news@signed.example", ALUMNI, "spf=fail dkim=none dmarc=fail", ("accept", "hold", "hold", 550)),
    "spoof from a domain that passes":
        (lambda s: s.daemon.sign(SPOOF, "attacker.example", "demo"), "x@attacker.example", ATTACKER,
         "spf=pass dkim=pass dmarc=fail", ("accept", "hold", 550, 550)),
    "spoof from a domain without anything":
        (lambda s: SPOOF, "x@elsewhere.example", ATTACKER, "spf=none dkim=none dmarc=fail", ("accept", "hold", 550, 550)),
    "spoof in the envelope too":
        (lambda s: SPOOF, "service@bank.example", ATTACKER, "spf=fail dkim=none dmarc=fail", ("accept", "hold", 550, 550)),
    "spoof of a domain that asks for quarantine":
        (lambda s: SHOP, "x@attacker.example", ATTACKER, "spf=pass dmarc=fail", ("accept", "hold", "hold", "hold")),
    "spoof of a domain that asks for nothing":
        (lambda s: FRIEND, "x@attacker.example", ATTACKER, "spf=pass dmarc=fail", ("accept",) * 4),
    "two authors":
        (lambda s: PLAIN.replace(b"From: ", b"From: x@bank.example, "), "x@attacker.example", ATTACKER, "dmarc=permerror",
         ("accept", "hold", 550, 550)),
    "a domain whose name servers are silent":
        (lambda s: PLAIN.replace(b"news@signed.example", b"news@slow.example"), "x@attacker.example", ATTACKER, "dmarc=temperror",
         ("accept",) * 4),
}


def want_outcome(site, reply, want, words):
    """What was done, and that the field of the delivered or held message says why; the verdict line says both."""
    line = site.daemon.verdict()
    if isinstance(want, int):
        want_equal("code", want, reply.code)
        want_words("verdict line", f"{words} action=reject", line)
        return
    if want == "hold":
        found = values(site.held(reply).encode(), "Authentication-Results")
        want_match("verdict line", "action=quarantine", line)
    else:
        found = values(site.delivered(reply), "Authentication-Results")
        want_match("verdict line", "action=accept", line)
    want_words("Authentication-Results", words, found[0])


def use_profile(site, profile):
    conf = site.daemon.conf.read_text()
    if f"/{profile}.policy" in conf:
        return
    for other in PROFILES:
        conf = conf.replace(f"/{other}.policy", f"/{profile}.policy")
    site.daemon.conf.write_text(conf)
    want_none("log", "not reloaded", site.daemon.reload())


def story(profile, name):
    make, sender, client, words, wants = STORIES[name]

    @case(f"stories: {profile}: {name}")
    def _(site):
        use_profile(site, profile)
        reply = site.send(make(site), sender=sender, client=client)
        want_outcome(site, reply, wants[PROFILES.index(profile)], words)


for p in PROFILES:
    for n in STORIES:
        story(p, n)


@case("stories: nothing the daemon logged is a sanitizer's report or a mistake of its own")
def _(site):
    want_none("log", r"Sanitizer|runtime error|out of order|BUG", site.daemon.log())


def main():
    clean_up_on_signals()
    where = scratch("stories-test")
    daemon = new_daemon(where, program_argument(), ZONE, OPTIONS)
    for domain in ("lists.example", "attacker.example"):
        daemon.new_key(domain, "demo", "rsa2048")
    with daemon, Postfix(where / "postfix", daemon.postfix_milter) as postfix:
        return run_cases(Site(daemon, postfix), after_failure=lambda: resynchronise(daemon))


if __name__ == "__main__":
    sys.exit(main())
