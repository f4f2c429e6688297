#!/usr/bin/env python3
"""sendmail_test.py [PART OF A NAME...]: the real daemon behind a real sendmail. --program FILE is the daemon to test.

Debian's sendmail has no XCLIENT: every client is 127.0.0.1, so no network is internal here and SPF records name that address.
"""
import sys

from site_setup import (ODD_OURS, OURS, PLAIN, SPOOF, UNQUALIFIED, UNTIDY_LISTS, Site, new_daemon, program_argument, resynchronise,
                        want_all_signed, want_forged_removed, want_held_or_said, want_signed)

from checks import case, run_cases, want_equal, want_match, want_none, want_words
from daemon import AUTHSERV_ID
from machine import clean_up_on_signals, scratch
from message import body, values, without_envelope
from sendmail import HOST, PASSWORD, USER, Sendmail

ZONE = {
    "local.example": {"TXT": ["v=spf1 ip4:127.0.0.1 -all"]},
    "_dmarc.local.example": {"TXT": ["v=DMARC1; p=reject"]},
}
# sendmail puts this name into quotes after the filter, and no signature goes without From.
DOTTED = "dot in an unquoted name"
LOCAL = PLAIN.replace(b"signed.example", b"local.example")


@case("sendmail: signed and aligned is delivered, results on top")
def _(site):
    reply = site.send(site.sign(PLAIN))
    result = site.results(reply)
    want_words("Authentication-Results", "spf=fail dkim=pass dmarc=pass", result)
    # above sendmail's own Received, which no signature covers
    want_match("first field", r"\AAuthentication-Results: ", without_envelope(site.delivered(reply)).decode())
    want_match("verdict line", f"{reply.queue_id}: from=signed.example .*dmarc=pass .*action=accept", site.daemon.verdict())


@case("sendmail: SPF and the null sender")
def _(site):
    want_words("Authentication-Results", "spf=pass dmarc=pass", site.results(site.send(LOCAL, sender="a@local.example")))
    want_match("Authentication-Results", r"smtp\.helo=local\.example",
               site.results(site.send(LOCAL, sender="", client=("127.0.0.1", "local.example"))))
    site.daemon.verdict()
    site.daemon.verdict()


@case("sendmail: spoof of p=reject is refused with 550")
def _(site):
    before = len(site.mta.new_mail())
    want_match("reply", r"\A550 5\.7\.\d+ .*bank\.example", site.send(SPOOF, sender="x@elsewhere.example"))
    want_match("verdict line", "action=reject", site.daemon.verdict())
    want_equal("messages delivered", before, len(site.mta.new_mail()))


@case("sendmail: spoof of p=quarantine is accepted and held")
def _(site):
    text = site.held(site.send(PLAIN.replace(b"signed", b"shop"), sender="x@elsewhere.example"))
    want_match("queue file", rf"{AUTHSERV_ID};.*dmarc=fail", text)
    want_match("verdict line", "action=quarantine", site.daemon.verdict())


@case("sendmail: forged results go, in any spelling; those of others stay in order")
def _(site):
    want_forged_removed(site)


@case("sendmail: a user's message is signed with RSA and Ed25519, and not judged")
def _(site):
    path = site.delivered(site.submit(OURS, sender="alice@ours.example"))
    want_equal("Authentication-Results", [], values(path, "Authentication-Results"))
    want_signed(site.daemon, path)
    want_match("verdict line", "signatures=2 action=accept", site.daemon.verdict())


@case("sendmail: what it completes and rewrites after the filter leaves a signature whole")
def _(site):
    want_all_signed(site, {name: m for name, m in ODD_OURS.items() if name != DOTTED})
    want_held_or_said(site)


@case("sendmail: a From that it rewrites is told to the log")
def _(site):
    path = site.delivered(site.submit(ODD_OURS[DOTTED], sender="alice@ours.example"))
    want_match("From", r'\A"Dr\. The News"', values(path, "From")[0])
    want_match("verdict line", "signatures=2", site.daemon.verdict())
    want_match("log", "signed, but this may break on the way: .*in a form that Sendmail may rewrite", site.daemon.log())


@case("sendmail: a From it would complete only after the filter is not signed")
def _(site):
    path = site.delivered(site.submit(UNQUALIFIED, sender="alice@ours.example"))
    want_match("From", "<alice@", values(path, "From")[0])
    want_equal("DKIM-Signature", [], values(path, "DKIM-Signature"))
    want_match("verdict line", "signatures=0 unsigned=", site.daemon.verdict())


@case("sendmail: lists of addresses that it rewrites are left out, and the signatures verify")
def _(site):
    for name, message in UNTIDY_LISTS.items():
        field = name.split()[-1] if name.split()[-1] in ("To", "Cc") else name.split()[0]
        path = site.delivered(site.submit(message, sender="alice@ours.example"))
        want_signed(site.daemon, path)
        want_match(f"{name}: verdict line", f"signatures=2 left-out={field} ", site.daemon.verdict())
        for value in values(path, "DKIM-Signature"):
            want_none(f"{name}: h=", rf"[=: ]{field}[:;]", value.split(" h=")[1].split(";")[0] + ";")


@case("sendmail: tidy lists are signed")
def _(site):
    cc = b'Cc: "Dr. Dan" <dan@ours.example>,\n\tEve Two <eve@ours.example>\n'
    tidy = OURS.replace(b"Subject", cc + b"Reply-To: a@ours.example\nSubject")
    path = site.delivered(site.submit(tidy, sender="alice@ours.example"))
    want_signed(site.daemon, path)
    want_none("verdict line", "left-out", site.daemon.verdict())
    for value in values(path, "DKIM-Signature"):
        want_match("h=", "Reply-To:Reply-To:.*To:To:Cc:Cc", value.replace(" ", ""))


@case("sendmail: a seal holds, although it rewrites lists of addresses")
def _(site):
    good = site.daemon.conf.read_text()
    key = site.daemon.dir / "demo.signed.example.pem"
    site.daemon.conf.write_text(good + f'seal-domain = "signed.example"\nseal-selector = demo\nseal-key-file = "{key}"\n')
    site.daemon.reload()
    for name, message in UNTIDY_LISTS.items():
        message = message.replace(b"alice@ours", b"a@local")
        path = site.delivered(site.send(message, sender="a@local.example"))
        site.daemon.verdict()
        want_equal(f"{name}: fields", 1, len(values(path, "ARC-Seal")))
        report = site.daemon.check(path, "192.0.2.50", HOST, "a@local.example")
        want_equal(f"{name}: arc", "pass", report["arc"]["result"])
    site.daemon.conf.write_text(good)
    site.daemon.reload()


@case("sendmail: odd white space and 8-bit text reach a simple signature")
def _(site):
    odd = PLAIN.replace(b"Subject: plain", b"Subject:plain \t\n  \tfolded").replace(b"Message-ID: ", b"Message-ID:\n ")
    text = "Gr\u00fc\u00dfe\n.\n..\n \ttrailing \t \n\n\n".encode()
    reply = site.send(site.sign(odd + text, "--canon", "simple/simple"), options="BODY=8BITMIME")
    want_words("Authentication-Results", "dkim=pass", site.results(reply))
    want_equal("body", b"One line.\n" + text, body(site.delivered(reply)))
    site.daemon.verdict()


@case("sendmail: several messages on one connection, RSET between")
def _(site):
    with site.connect() as s:
        first = s.send("a@signed.example", "you@ours.example", site.sign(PLAIN))
        s.cmd("MAIL FROM:<x@bank.example>")
        s.cmd("RSET")
        second = s.send("a@signed.example", "you@ours.example", SPOOF)
        third = s.send("a@local.example", "you@ours.example", LOCAL)
    want_words("first", "dkim=pass", site.results(first))
    want_equal("second", 550, second.code)
    want_words("third", "spf=pass", site.results(third))
    for _ in range(3):
        site.daemon.verdict()


@case("sendmail: daemon killed: 451; started again: works")
def _(site):
    site.daemon.kill()
    want_equal("code while it is dead", 451, site.send(PLAIN).code)
    site.daemon.start()
    want_words("Authentication-Results", "dkim=pass", site.results(site.send(site.sign(PLAIN))))
    site.daemon.verdict()


@case("sendmail: the daemon ends with 0 and logged no mistake of its own")
def _(site):
    want_equal("exit status", 0, site.daemon.stop())
    want_none("log", r"Sanitizer|runtime error|out of order|BUG", site.daemon.log())


def main():
    clean_up_on_signals()
    where = scratch("sendmail-test")
    daemon = new_daemon(where, program_argument(), ZONE, "internal-networks = {}\n")
    with daemon, Sendmail(where / "sendmail", daemon.sendmail_milter) as sendmail:
        site = Site(daemon, sendmail, login=(USER, PASSWORD), can_xclient=False)
        return run_cases(site, after_failure=lambda: resynchronise(daemon))


if __name__ == "__main__":
    sys.exit(main())
