#!/usr/bin/env python3
"""postfix_test.py [PART OF A NAME...]: the real daemon behind a real Postfix. --program FILE is the daemon to test."""
import re
import signal
import sys
import threading

from site_setup import (FRAGILE, ODD_OURS, OURS, PLAIN, SPOOF, STRANGER, TOP, UNQUALIFIED, UNTIDY_LISTS, YOU, Site, new_daemon,
                        program_argument, resynchronise, want_all_signed, want_forged_removed, want_held_or_said, want_signed)

from checks import Failed, case, run_cases, want_equal, want_match, want_none, want_words
from daemon import AUTHSERV_ID
from machine import clean_up_on_signals, scratch, wait_for
from message import body, values, without_envelope
from postfix import HOST, USER, Postfix
from sink import Sink
from socketmap import Socketmap

ZONE = {
    "xn--grn-ioa.example": {"TXT": ["v=spf1 ip4:192.0.2.60 -all"]},
    "_dmarc.xn--grn-ioa.example": {"TXT": ["v=DMARC1; p=reject"]},
    "explains.example": {"TXT": ["v=spf1 -all exp=why.explains.example"]},
    "why.explains.example": {"TXT": ["%{i} is not ours, we are 100%% sure"]},
    "six.example": {"TXT": ["v=spf1 ip6:2001:db8::10 -all"]},
    "_dmarc.six.example": {"TXT": ["v=DMARC1; p=reject"]},
}

SINK = Sink()
EXTRA = f"""\
internal_mail_filter_classes = bounce
transport_maps = inline:{{{{nowhere.example=error:no_such_place}}, {{sevenbit.example=smtp:[127.0.0.1]:{SINK.port}}}}}
"""


# ---- the five messages ----
@case("postfix: signed and aligned is delivered as it was sent, results on top")
def _(site):
    message = site.sign(PLAIN)
    reply = site.send(message)
    result = site.results(reply)
    want_words("Authentication-Results", "spf=pass dkim=pass dmarc=pass header.from=signed.example", result)
    raw = without_envelope(site.delivered(reply))
    want_match("first field", rb"\AAuthentication-Results: ".decode(), raw.decode())
    if not raw.endswith(message.replace(b"\r\n", b"\n")):
        raise Failed(f"wanted the message unchanged below the new fields .. got {raw!r}")
    want_match("verdict line", f"{reply.queue_id}: from=signed.example .*dmarc=pass .*action=accept", site.daemon.verdict())


@case("postfix: spoof of p=reject is refused with 550 and not delivered")
def _(site):
    before = len(site.mta.new_mail())
    reply = site.send(SPOOF, sender="x@elsewhere.example", client=STRANGER)
    want_match("reply", r"\A550 5\.7\.\d+ .*bank\.example", reply)
    want_match("verdict line", r"from=bank.example .*dmarc=fail .*action=reject", site.daemon.verdict())
    want_equal("messages delivered", before, len(site.mta.new_mail()))


@case("postfix: spoof of p=quarantine is accepted and held")
def _(site):
    reply = site.send(PLAIN.replace(b"signed", b"shop"), sender="x@elsewhere.example", client=STRANGER)
    want_words("Authentication-Results", "dmarc=fail", values(site.held(reply).encode(), "Authentication-Results")[0])
    want_match("verdict line", "action=quarantine", site.daemon.verdict())


@case("postfix: forged results go, in any spelling; those of others stay in order")
def _(site):
    want_forged_removed(site)


@case("postfix: a user's message is signed with RSA and Ed25519, and not judged")
def _(site):
    path = site.delivered(site.submit(OURS))
    want_signed(site.daemon, path)
    want_match("verdict line", "signatures=2 action=accept", site.daemon.verdict())


# ---- odd sessions ----
@case("postfix: null sender")
def _(site):
    result = site.results(site.send(site.sign(PLAIN), sender=""))
    want_match("Authentication-Results", r"smtp\.helo=mail\.signed\.example", result)
    want_words("Authentication-Results", "dmarc=pass", result)
    site.daemon.verdict()


@case("postfix: two recipients, one verdict")
def _(site):
    before = set(site.mta.new_mail())
    reply = site.send(site.sign(PLAIN), rcpts=[YOU, "me@ours.example"])
    want_match("verdict line", "rcpts=2", site.daemon.verdict())
    wait_for("both copies", lambda: len(set(site.mta.new_mail()) - before) == 2)
    want_words("Authentication-Results", "dmarc=pass", site.results(reply))


@case("postfix: sendmail(1) is signed")
def _(site):
    path = site.mta.pickup(USER, "news@signed.example", OURS.decode())
    want_signed(site.daemon, path)
    want_match("verdict line", "signatures=2", site.daemon.verdict())


@case("postfix: an internal client without a login is signed")
def _(site):
    path = site.delivered(site.send(OURS, sender=USER, client=("127.0.0.1", "pc.ours.example")))
    want_signed(site.daemon, path)
    want_match("verdict line", 'client="internal.*signatures=2', site.daemon.verdict())


@case("postfix: what it completes and rewrites is signed as it is delivered")
def _(site):
    want_all_signed(site, ODD_OURS | UNTIDY_LISTS | {"unqualified From": UNQUALIFIED})
    want_held_or_said(site)
    want_none("log", "left-out|Sendmail", site.daemon.log())


@case("postfix: untidy lists are signed, it does not touch them")
def _(site):
    for name, message in UNTIDY_LISTS.items():
        path = site.delivered(site.submit(message))
        for value in values(path, "DKIM-Signature"):
            want_match(f"{name}: h=", "From:From:Reply-To:.*To:To:Cc", value.replace(" ", ""))
        site.daemon.verdict()


@case("postfix: what a 7-bit hop breaks was told to the log")
def _(site):
    mime = b"\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
    for name, (message, said) in FRAGILE.items():
        mark = f"X-Case: {name}".encode()
        site.submit(message.replace(b"Subject", mark + b"\nSubject").replace(b"\n\n", mime, 1), rcpts="you@sevenbit.example")
        want_match(f"{name}: verdict line", "signatures=2", site.daemon.verdict())
        copy = site.daemon.dir / "sevenbit.eml"
        copy.write_bytes(wait_for(name, lambda mark=mark: next((m for m in SINK.messages if mark in m), None), 20))
        results = {r["result"] for r in site.daemon.check(copy, "192.0.2.50", HOST, USER)["dkim"]}
        if "header" not in name:
            want_equal(f"{name}: results", {"fail"}, results)
        want_match(f"{name}: log", said, site.daemon.log())


@case("postfix: sendmail(1), nothing but a body and an unqualified From")
def _(site):
    path = site.mta.pickup("alice", "news@signed.example", "From: alice\n\nOne line.\n")
    want_signed(site.daemon, path, f"alice@{HOST}")
    want_match("verdict line", f"from={HOST} .*signatures=2", site.daemon.verdict())


@case("postfix: its own bounce is signed (internal_mail_filter_classes = bounce)")
def _(site):
    path = site.mta.pickup(USER, "someone@nowhere.example", OURS.decode())
    want_match("From", f"MAILER-DAEMON@{HOST}", values(path, "From")[0])
    want_signed(site.daemon, path, "<>")
    want_match("verdict line", "from=ours.example .*signatures=2", site.daemon.verdict())
    want_match("verdict line", f"from={HOST} .*signatures=2", site.daemon.verdict())


@case("postfix: SMTPUTF8, U-labels in MAIL FROM and From")
def _(site):
    sender, utf8 = "j\u00f6rg@gr\u00fcn.example", "SMTPUTF8 BODY=8BITMIME"
    message = PLAIN.replace(b"news@signed.example", sender.encode()).replace(b"plain", "\u2603".encode(), 1)
    reply = site.send(message, sender=sender, client=("192.0.2.60", "mail.grun.example"), options=utf8)
    result = site.results(reply)
    want_words("Authentication-Results", "spf=pass", result)
    want_words("Authentication-Results", "dmarc=pass", result)
    want_match("verdict line", "from=xn--grn-ioa.example", site.daemon.verdict())
    reply = site.send(message, sender="x@elsewhere.example", client=STRANGER, options=utf8)
    want_equal("code for a spoof of it", 550, reply.code)
    site.daemon.verdict()


@case("postfix: IPv6 client")
def _(site):
    reply = site.send(PLAIN.replace(b"signed", b"six"), sender="news@six.example", client=("2001:db8::10", "mail.six.example"))
    want_words("Authentication-Results", "spf=pass dmarc=pass", site.results(reply))
    site.daemon.verdict()


@case("postfix: STARTTLS and the second EHLO")
def _(site):
    with site.connect() as s:
        want_equal("code of STARTTLS", 220, s.starttls().code)
        reply = s.send("", YOU, site.sign(PLAIN))
    want_match("Authentication-Results", r"smtp\.helo=mail\.signed\.example", site.results(reply))
    site.daemon.verdict()


@case("postfix: RSET, EHLO and a new sender before the message")
def _(site):
    with site.connect() as s:
        s.cmd("MAIL FROM:<x@bank.example>")
        s.cmd("RCPT TO:<you@ours.example>")
        s.cmd("RSET")
        s.cmd("MAIL FROM:<x@shop.example>")
        s.ehlo()
        reply = s.send("news@signed.example", YOU, site.sign(PLAIN))
    want_match("Authentication-Results", r"smtp\.mailfrom=(news@)?signed\.example", site.results(reply))
    want_match("verdict line", "rcpts=1", site.daemon.verdict())


@case("postfix: several messages on one connection are judged apart")
def _(site):
    with site.connect() as s:
        first = s.send("news@signed.example", YOU, site.sign(PLAIN))
        second = s.send("x@signed.example", YOU, SPOOF)
        third = s.send("news@signed.example", YOU, PLAIN)
    want_words("first", "dkim=pass dmarc=pass", site.results(first))
    want_equal("second", 550, second.code)
    want_words("third", "spf=pass dkim=none dmarc=pass", site.results(third))
    for _ in range(3):
        site.daemon.verdict()


@case("postfix: a client that goes away in its message")
def _(site):
    for part in (b"", PLAIN[:60], PLAIN):
        with site.connect() as s:
            s.cmd("MAIL FROM:<news@signed.example>")
            s.cmd("RCPT TO:<you@ours.example>")
            s.cmd("DATA")
            s.raw(part.replace(b"\n", b"\r\n"))
    want_words("Authentication-Results", "dmarc=pass", site.results(site.send(site.sign(PLAIN))))
    site.daemon.verdict()


# ---- odd messages ----
@case("postfix: 8-bit body, dots, signed by both sides")
def _(site):
    text = "Gr\u00fc\u00dfe\n.\n..\n.a dot\n \ttrailing \t \n\n\n".encode() + bytes(range(0x80, 0x100)) + b"\n\n\n"
    reply = site.send(site.sign(PLAIN + text, "--canon", "simple/simple"), options="BODY=8BITMIME")
    want_words("Authentication-Results", "dkim=pass", site.results(reply))
    want_equal("body", b"One line.\n" + text, body(site.delivered(reply)))
    site.daemon.verdict()
    path = site.delivered(site.submit(OURS + text))
    want_signed(site.daemon, path)
    site.daemon.verdict()


@case("postfix: body of one megabyte")
def _(site):
    text = b"".join(b"%07d %s \r\n" % (i, b"x" * (i % 90)) for i in range(19000))
    for canon in ("relaxed/relaxed", "simple/simple"):
        want_words("Authentication-Results", "dkim=pass", site.results(site.send(site.sign(PLAIN + text, "--canon", canon))))
        site.daemon.verdict()
    want_signed(site.daemon, site.delivered(site.submit(OURS + text)))
    site.daemon.verdict()


@case("postfix: bare LF is a line end for both")
def _(site):
    wire = site.sign(PLAIN).replace(b"\r\n", b"\n")
    with site.connect() as s:
        s.cmd("MAIL FROM:<news@signed.example>")
        s.cmd("RCPT TO:<you@ours.example>")
        s.cmd("DATA")
        reply = s.raw_data(wire + b"\r\n" if not wire.endswith(b"\n") else wire[:-1] + b"\r\n")
    want_words("Authentication-Results", "dkim=pass", site.results(reply))
    site.daemon.verdict()


@case("postfix: message without a body")
def _(site):
    head = PLAIN.split(b"\n\n", 1)[0] + b"\n"
    for canon in ("relaxed/relaxed", "simple/simple"):
        signed = site.sign(head + b"\n", "--canon", canon)
        for message in (signed, signed.rstrip(b"\r\n") + b"\r\n"):
            want_words("Authentication-Results", "dkim=pass", site.results(site.send(message)))
            site.daemon.verdict()
    want_signed(site.daemon, site.delivered(site.submit(head.replace(b"news@signed.example", USER.encode()))))
    site.daemon.verdict()


@case("postfix: white space after the colon reaches a simple signature")
def _(site):
    odd = PLAIN.replace(b"Subject: plain", b"Subject:plain \t\n  \tfolded  ").replace(b"To: you", b"To:\t  you")
    odd = odd.replace(b"Message-ID: ", b"Message-ID:\n ")
    reply = site.send(site.sign(odd, "--canon", "simple/simple"))
    want_words("Authentication-Results", "dkim=pass", site.results(reply))
    site.daemon.verdict()


@case("postfix: a broken signature fails")
def _(site):
    reply = site.send(site.sign(PLAIN).replace(b"One line", b"Two line"), client=STRANGER)
    want_match("reply", r"\A550 5\.7\.26", reply)
    want_match("verdict line", "dkim=fail/signed.example", site.daemon.verdict())


@case("postfix: no single From is refused")
def _(site):
    two = b"From: a@bank.example\n" + PLAIN
    both = PLAIN.replace(b"From: The News <news@signed.example>", b"From: a@bank.example, news@signed.example")
    broken = PLAIN.replace(b"From: The News <news@signed.example>", b"From: <news@signed.example")
    for message in (two, both, broken):
        want_match("reply", r"\A550 5\.7\.1 ", site.send(message))
        want_match("verdict line", 'rule="from-not-single"', site.daemon.verdict())


# ---- the daemon's own life ----
@case("postfix: many at once")
def _(site):
    replies, message = [], site.sign(PLAIN)

    def client():
        for _ in range(5):
            replies.append(site.send(message))
    threads = [threading.Thread(target=client) for _ in range(10)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    want_equal("accepted", 50, sum(r.code == 250 for r in replies))
    for reply in replies:
        want_words("Authentication-Results", "dkim=pass dmarc=pass", site.results(reply))
        want_match("verdict line", "dmarc=pass", site.daemon.verdict())


@case("postfix: daemon killed: 451; started again: works")
def _(site):
    site.daemon.kill()
    want_equal("code while it is dead", 451, site.send(PLAIN).code)
    site.daemon.start()
    want_words("Authentication-Results", "dmarc=pass", site.results(site.send(site.sign(PLAIN))))
    site.daemon.verdict()


@case("postfix: SIGHUP with a broken file keeps the old one; with a good file takes it")
def _(site):
    good = site.daemon.conf.read_text()
    try:
        site.daemon.conf.write_text(good + "\nno-such-option = 1\n")
        want_match("log", "not reloaded", site.daemon.reload())
        want_match("Authentication-Results", rf"\A{AUTHSERV_ID};", site.results(site.send(site.sign(PLAIN))))
        site.daemon.verdict()
        site.daemon.conf.write_text(good.replace(f'"{AUTHSERV_ID}"', '"other.mailseal.example"'))
        want_none("log", "not reloaded", site.daemon.reload())
        want_match("Authentication-Results", r"\Aother\.mailseal\.example;", site.results(site.send(site.sign(PLAIN))))
        site.daemon.verdict()
    finally:
        site.daemon.conf.write_text(good)
        site.daemon.reload()


@case("postfix: the example rule of a profile refuses for SPF, and the domain's explanation stands in the reply")
def _(site):
    good = site.daemon.conf.read_text()
    profile = (TOP / "policies/standard.policy").read_text()
    rule = re.search(r'^# rule "spf-fail".*?^# }$', profile, re.M | re.S)[0]
    path = site.daemon.dir / "spf.policy"
    path.write_text(profile.replace(rule, re.sub("^# ", "", rule, flags=re.M)))
    path.chmod(0o644)
    try:
        site.daemon.conf.write_text(good.replace(f"{TOP}/policies/standard.policy", str(path)))
        want_none("log", "not reloaded", site.daemon.reload())
        reply = site.send(PLAIN.replace(b"signed", b"explains"), sender="news@explains.example", client=STRANGER)
        want_equal("reply", "550-5.7.23 SPF validation failed for explains.example\n"
                   "550-5.7.23 The domain explains.example explains:\n"
                   f"550 5.7.23 {STRANGER[0]} is not ours, we are 100% sure", reply)
        want_match("verdict line", 'action=reject rule="spf-fail"', site.daemon.verdict())
    finally:
        site.daemon.conf.write_text(good)
        site.daemon.reload()


@case("postfix: a socketmap server, as postmap asks it, says who may use an address")
def _(site):
    good = site.daemon.conf.read_text()
    tables = {"logins": {USER: f"{USER}, other", "@ours.example": "other"}, "strict": {".signed.example": "x"}}
    with Socketmap(site.daemon.dir / "socketmap", tables) as server:
        for table, key, want in (("logins", USER, f"{USER}, other"), ("strict", ".signed.example", "x"), ("strict", "no", "")):
            want_equal(f"postmap -q {key}", want, site.mta.command("postmap", "-q", key, server.spec(table), check=False).strip())
        server.asked.clear()
        try:
            site.daemon.conf.write_text(f'{good}\nsender-login-map = "{server.spec("logins")}"\n')
            want_none("log", "not reloaded", site.daemon.reload())
            for _ in range(2):
                want_equal("code", 250, site.submit(OURS, sender=USER).code)
                want_match("verdict line", "signatures=2", site.daemon.verdict())
            want_equal("questions", [("logins", USER)], server.asked)
            bob = OURS.replace(USER.encode(), b"bob@ours.example")
            want_equal("code for another's address", 250, site.submit(bob, sender=USER).code)
            want_match("verdict line", 'signatures=0 .*unsigned="the login may not use', site.daemon.verdict())
            tables["logins"]["temp@ours.example"] = None
            temp = OURS.replace(USER.encode(), b"temp@ours.example")
            want_equal("code while the server cannot tell", 451, site.submit(temp, sender=USER).code)
            want_match("verdict line", 'unsigned="sender-login-map does not answer', site.daemon.verdict())
        finally:
            site.daemon.conf.write_text(good)
            site.daemon.reload()


@case("postfix: a key that is not published signs, is told to the log and counted")
def _(site):
    path = site.delivered(site.submit(OURS.replace(USER.encode(), b"alice@unlisted.example")))
    want_equal("signatures", 1, len(values(path, "DKIM-Signature")))
    want_match("verdict line", "signatures=1 keys=unpublished ", site.daemon.verdict())
    want_match("log", "warning: key 'x._domainkey.unlisted.example' signs all the same: it is not published", site.daemon.log())
    want_equal("exit status", 0, site.daemon.stop())
    want_match("log", "signing, since the last such line: 0 failed, 1 with keys the DNS does not have so", site.daemon.log())
    site.daemon.start()


@case("postfix: SIGTERM lets a message in work finish, then ends with 0")
def _(site):
    with site.connect() as s:
        s.cmd("MAIL FROM:<news@signed.example>")
        s.cmd("RCPT TO:<you@ours.example>")
        s.cmd("DATA")
        site.daemon.signal(signal.SIGTERM)
        wait_for("'stopping' in the log", lambda: "stopping" in site.daemon.log()[site.daemon.seen:])
        reply = s.data(site.sign(PLAIN))
        want_words("Authentication-Results", "dmarc=pass", site.results(reply))
    want_equal("exit status", 0, site.daemon.stop())
    want_equal("code after the end", 451, site.send(PLAIN).code)
    site.daemon.start()
    want_words("Authentication-Results", "dmarc=pass", site.results(site.send(site.sign(PLAIN))))
    site.daemon.verdict()


@case("postfix: nothing the daemon logged is a sanitizer's report or a mistake of its own")
def _(site):
    want_none("log", r"Sanitizer|runtime error|out of order|BUG", site.daemon.log())
    want_none("Postfix's log", r"panic|fatal|warning: milter .*(unreasonable|unexpected|bad|malformed)", site.mta.log())


@case("postfix: the daemon ends with 0")
def _(site):
    want_equal("exit status", 0, site.daemon.stop())
    want_none("log", r"Sanitizer|runtime error", site.daemon.log())


def main():
    clean_up_on_signals()
    where = scratch("postfix-test")
    daemon = new_daemon(where, program_argument(), ZONE)
    daemon.sign_with(HOST, "rsa", "rsa2048")
    daemon.sign_with(HOST, "ed", "ed25519")
    daemon.sign_with("unlisted.example", "x", "ed25519")
    del daemon.zone["x._domainkey.unlisted.example"]
    with daemon, Postfix(where / "postfix", daemon.postfix_milter, tls=True, extra=EXTRA) as postfix:
        return run_cases(Site(daemon, postfix), after_failure=lambda: resynchronise(daemon))


if __name__ == "__main__":
    sys.exit(main())
