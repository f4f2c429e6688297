"""The daemon behind a private Postfix, and the ways to send through them; what the tests of this directory share."""
import contextlib
import json
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/lib"))

from checks import Failed, want_equal, want_match, want_none  # noqa: E402
from daemon import AUTHSERV_ID, Daemon  # noqa: E402
from machine import run  # noqa: E402
from message import values, without_envelope  # noqa: E402
from postfix import HOST, PASSWORD, USER  # noqa: E402
from smtp import Smtp  # noqa: E402

SIGNED = ("192.0.2.10", "mail.signed.example")
STRANGER = ("198.51.100.66", "pc66.elsewhere.example")
YOU = "you@ours.example"
PLAIN = b"""\
From: The News <news@signed.example>
To: you@ours.example
Subject: plain
Date: Mon, 02 Jun 2025 08:00:00 +0000
Message-ID: <plain@signed.example>

One line.
"""
SPOOF = PLAIN.replace(b"news@signed.example", b"service@bank.example")
OURS = PLAIN.replace(b"news@signed.example", USER.encode())


def without(name):
    return b"".join(line for line in OURS.splitlines(True) if not line.startswith(name + b":"))


# Messages of ours that a mail server completes or may rewrite, each by what is odd about it.
ODD_OURS = {
    "no Date": without(b"Date"),
    "no Message-ID": without(b"Message-ID"),
    "no Subject": without(b"Subject"),
    "name in a comment": OURS.replace(b"From: The News <alice@ours.example>", b"From: alice@ours.example (The News)"),
    "dot in an unquoted name": OURS.replace(b"From: The News", b"From: Dr. The News"),
    "white space before the name": OURS.replace(b"From: The News <", b'From:   "The News"<'),
    "tidy list": OURS.replace(b"To: you@ours.example", b"To: you@ours.example, bob@ours.example"),
    "8-bit text": OURS + "Gr\u00fc\u00dfe\n".encode(),
    "line of 3000 characters": OURS + b"x" * 3000 + b"\n",
}
UNTIDY_LISTS = {
    "To without spaces": OURS.replace(b"To: you@ours.example", b"To: you@ours.example,bob@ours.example ,  carl@ours.example"),
    "folded To": OURS.replace(b"To: you@ours.example", b"To: you@ours.example,\n  Dan <dan@ours.example>,eve@ours.example"),
    "Cc without spaces": OURS.replace(b"Subject", b"Cc: you@ours.example,bob@ours.example\nSubject"),
    "Reply-To without spaces": OURS.replace(b"Subject", b"Reply-To: a@ours.example,b@ours.example\nSubject"),
    "unqualified To": OURS.replace(b"To: you@ours.example", b"To: you"),
}
# What may break a signature of ours on the way, and what the daemon says of it.
FRAGILE = {
    "8-bit body": (OURS + "Gr\u00fc\u00dfe\n".encode(), "8-bit text in the body"),
    "8-bit header": (OURS.replace(b"Subject: plain", "Subject: pl\u00e4in".encode()), "8-bit text in the header"),
    "line of 1203 bytes": (OURS + b"x" * 1203 + b"\n", r"line of \d+ bytes in the body"),
}
UNQUALIFIED = OURS.replace(b"<alice@ours.example>", b"<alice>")


def new_daemon(directory, program, zone, options=""):
    """A daemon that signs for ours.example, and a key to sign for signed.example with; the zone is added to quickstart's."""
    daemon = Daemon(directory, program, json.loads((TOP / "contrib/quickstart.d/dns.json").read_text()) | zone, options)
    daemon.new_key("signed.example", "demo", "rsa2048")
    daemon.sign_with("ours.example", "rsa", "rsa2048")
    daemon.sign_with("ours.example", "ed", "ed25519")
    return daemon


def want_signed(daemon, path, sender=USER):
    """Both signatures of ours verify, for mailseal and for dkimpy."""
    want = [("ed25519-sha256", "pass"), ("rsa-sha256", "pass")]
    report = daemon.check(path, "192.0.2.50", HOST, sender)
    want_equal("signatures", want, sorted((r["algorithm"], r["result"]) for r in report["dkim"]))
    copy = daemon.dir / "copy.eml"
    copy.write_bytes(without_envelope(path))
    out = run("/usr/bin/python3", TOP / "tests/lib/dkimpy_verify.py", daemon.dns, copy)
    want_equal("what dkimpy says", ["ed25519-sha256 pass", "rsa-sha256 pass"], sorted(out.splitlines()))


def want_all_signed(site, messages):
    """Each is signed, and the signatures verify after delivery."""
    for name, message in messages.items():
        path = site.delivered(site.submit(message, sender=USER))
        try:
            want_signed(site.daemon, path)
        except Failed as e:
            raise Failed(f"{name}: {e}") from e
        want_match(f"{name}: verdict line", "signatures=2", site.daemon.verdict())


def want_held_or_said(site):
    """Each is signed; after delivery the signatures verify, or the log has said, not long ago, that they may not."""
    for name, (message, said) in FRAGILE.items():
        path = site.delivered(site.submit(message, sender=USER))
        want_match(f"{name}: verdict line", "signatures=2", site.daemon.verdict())
        try:
            want_signed(site.daemon, path)
        except Failed as e:
            if not re.search(said, site.daemon.log()):
                raise Failed(f"{name}: {e}") from e


class Site:
    """Daemon and mail server, and the ways to send through them."""

    def __init__(self, daemon, mta, login=(USER, PASSWORD), can_xclient=True):
        self.daemon = daemon
        self.mta = mta
        self.login = login
        self.can_xclient = can_xclient

    def connect(self, client=SIGNED):
        s = Smtp(self.mta.mx, helo=client[1])
        if self.can_xclient:
            s.xclient(client[0], client[1], client[1])
        return s

    def send(self, message, sender="news@signed.example", rcpts=YOU, client=SIGNED, options=""):
        with self.connect(client) as s:
            return s.send(sender, rcpts, message, options)

    def submit(self, message, sender=USER, rcpts="news@signed.example"):
        with Smtp(self.mta.submission) as s:
            want_equal("code of AUTH", 235, s.auth(*self.login).code)
            return s.send(sender, rcpts, message)

    def sign(self, message, *options):
        return self.daemon.sign(message, "signed.example", "demo", *options)

    def delivered(self, reply):
        if reply.code != 250:
            raise Failed(f"wanted the message accepted .. got {reply!r}")
        return self.mta.delivered(reply.queue_id)

    def results(self, reply):
        """The one Authentication-Results field of a delivered message."""
        found = values(self.delivered(reply), "Authentication-Results")
        want_equal("number of Authentication-Results", 1, len(found))
        return found[0]

    def held(self, reply):
        """The text of a message that was accepted and is on hold."""
        want_equal("code", 250, reply.code)
        text = self.mta.held(reply.queue_id)
        if text is None:
            raise Failed("wanted the message on hold .. got it not there")
        return text


@contextlib.contextmanager
def configured(daemon, options="", policy=None):
    """The daemon with these lines besides, and this file as its policy; as before at the end."""
    good = daemon.conf.read_text()
    conf = re.sub(r"(?m)^policy = .*", f'policy = "{policy}"', good) if policy else good
    try:
        daemon.conf.write_text(conf + options)
        want_none("log", "not reloaded", daemon.reload())
        yield
    finally:
        daemon.conf.write_text(good)
        daemon.reload()


FORGED = [b"Authentication-Results: mx.mailseal.example; dmarc=pass", b"AUTHENTICATION-RESULTS:MX.MAILSEAL.EXAMPLE; spf=pass",
          b"Authentication-Results:\n\tmx.mailseal.example;\n\tdkim=pass",
          b"Authentication-Results: (x) mx.mailseal.example 1; spf=pass",
          b'authentication-results: "mx.mailseal.example"; spf=pass', b"Authentication-Results: mx.mailseal.example",
          b"Authentication-results: (a (b) c)mx.mailseal.example(d); none"]
FOREIGN = [b"Authentication-Results: a.example; spf=pass", b"Authentication-Results: b.mx.mailseal.example; spf=pass",
           b"Authentication-Results: mx.mailseal.example.org; spf=pass"]


def want_forged_removed(site):
    """All results in our name are gone, in any number and place; those of others are all there, in order."""
    for forged, foreign in ((FORGED, FOREIGN), (FORGED * 3, FOREIGN), (FORGED, []), (FORGED[:1], FOREIGN)):
        mixed = [f for i in range(max(len(forged), len(foreign))) for f in (*forged[i:i + 1], *foreign[i:i + 1])]
        reply = site.send(b"\n".join(mixed) + b"\n" + site.sign(PLAIN))
        found = values(site.delivered(reply), "Authentication-Results")
        want_match("our result", rf"\A{AUTHSERV_ID}; .*dkim=pass", found[0])
        want_equal("the others", [f.split(b": ", 1)[1].decode() for f in foreign], found[1:])
        site.daemon.verdict()


def resynchronise(daemon):
    """After a failed check: its verdict lines are not the next check's, and the daemon runs."""
    if daemon.process.poll() is not None:
        print("    " + "\n    ".join(daemon.log().splitlines()[-15:]))
        daemon.start()
    daemon.seen = len(daemon.log())


def program_argument():
    """The value of --program, which it takes out of the arguments."""
    if "--program" not in sys.argv[:-1]:
        sys.exit(f"usage: {pathlib.Path(sys.argv[0]).name} --program FILE [PART OF A NAME...]")
    at = sys.argv.index("--program")
    program = sys.argv[at + 1]
    del sys.argv[at:at + 2]
    return program
