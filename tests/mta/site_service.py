"""What keeps a site running: answers that do not come, the journal of what was decided, hostile messages, OpenDKIM's tables."""
import json
import re
import sqlite3
import time

from site_setup import OURS, PLAIN, SIGNED, SPOOF, configured

from checks import case, want_equal, want_match, want_words
from machine import TOP, free_ports, run, wait_for
from message import values, without_envelope
from postfix import USER

ATTACKER = ("198.51.100.66", "mail.attacker.example")
SILENT = ("203.0.113.99", "mail.silent.example")
ZONE = {
    "silent.example": "TIMEOUT",
    "_dmarc.silent.example": "TIMEOUT",
}
SILENT_MAIL = PLAIN.replace(b"news@signed.example", b"news@silent.example")
DEFER = "dmarc-temperror = tempfail\ndefer-times = 1\n"


# ---- answers that do not come ----
# First, since the next round begins a minute later.
@case("outage: mail of a domain whose name servers are silent is deferred, all of one round, and other mail is not", first=True)
def _(site):
    site.deferred_at = time.monotonic()
    with configured(site.daemon, DEFER):
        for _ in range(2):
            reply = site.send(SILENT_MAIL, sender="news@silent.example", client=SILENT)
            want_match("reply", r"\A451 4\.4\.3 DMARC evaluation for silent\.example temporarily failed", reply)
            want_words("verdict line", 'dmarc=temperror action=tempfail rule="dmarc-temperror-defer" deferral="deferred 1 of 1"',
                       site.daemon.verdict())
        site.delivered(site.send(site.sign(PLAIN)))
        want_words("verdict line", "dmarc=pass action=accept", site.daemon.verdict())


# ---- the journal ----
def tell(site, *args):
    return site.daemon.command("explain", "-c", site.daemon.conf, *args)


def entry_of(site, queue_id):
    """The explanation of a message in the journal, which comes a second later than the reply."""
    def found():
        out = site.daemon.command("explain", "-c", site.daemon.conf, "--id", queue_id, "--json", check=False)
        return json.loads(out) if out.startswith("{") else None
    return wait_for(f"entry of {queue_id}", found, 10)


def queue_id_of(line):
    return re.search(r"(\w+): from=", line).group(1)


def rule_of(line):
    return re.search(r' rule="([^"]*)"', line).group(1)


@case("journal: after a dozen messages it tells of a refused and a delivered one, with the DNS answers of the time")
def _(site):
    for _ in range(5):
        site.send(site.sign(PLAIN))
        site.daemon.verdict()
        site.send(SPOOF, sender="x@attacker.example", client=ATTACKER)
        site.daemon.verdict()
    site.send(SPOOF, sender="service@bank.example", client=ATTACKER)
    refused = queue_id_of(site.daemon.verdict())
    delivered = site.send(site.sign(PLAIN)).queue_id
    site.daemon.verdict()
    entry_of(site, delivered)
    want_match("refused", "refused.*198.51.100.66.*bank.example.*dmarc-fail-reject", tell(site, "--id", refused))
    want_match("delivered", "accepted.*192.0.2.10.*signed.example", tell(site, "--id", delivered))
    entry = entry_of(site, refused)
    want_equal("queue id", refused, entry["queue_id"])
    want_equal("all answers kept", True, entry["dns_whole"])
    for name, record in (("bank.example", "v=spf1 ip4:192.0.2.20 -all"), ("_dmarc.bank.example", "v=DMARC1; p=reject")):
        want_equal(f"answer for {name}", [record], entry["dns"][name]["TXT"])
    want_equal("key of the delivered", True, "demo._domainkey.signed.example" in entry_of(site, delivered)["dns"])
    want_match("nobody", "no message", site.daemon.command("explain", "-c", site.daemon.conf, "--id", "NOSUCHID", check=False))


@case("journal: replay says what another policy would do otherwise")
def _(site):
    held = site.send(b"List-Id: <news.attacker.example>\n" + SPOOF, sender="x@attacker.example", client=ATTACKER).queue_id
    want_match("verdict line", 'action=quarantine rule="dmarc-fail-reject-list"', site.daemon.verdict())
    entry_of(site, held)
    for policy, want in (("standard", []), ("strict", [("quarantine", "reject", "bank.example", 1)])):
        told = json.loads(site.daemon.command("replay", "-c", site.daemon.conf, "--policy", policy, "--json"))
        groups = [g for g in told["groups"] if held in [e["queue_id"] for e in g["examples"]]]
        want_equal(f"{policy}: groups with the message", want,
                   [(g["from"], g["to"], g["domain"], g["messages"]) for g in groups])
        want_equal(f"{policy}: messages of all groups", told["different"], sum(g["messages"] for g in told["groups"]))
        want_equal(f"{policy}: unreadable", 0, told["unreadable"])
    text = site.daemon.command("replay", "-c", site.daemon.conf, "--policy", "strict")
    want_match("text", "quarantine.*reject.*bank.example", text)


@case("explain: a delivered message tells who brought it, and gets the same verdict as then")
def _(site):
    stories = ((site.sign(PLAIN), "news@signed.example", SIGNED), (PLAIN, "news@signed.example", SIGNED),
               (site.sign(PLAIN).replace(b"One line", b"A line"), "x@attacker.example", ATTACKER), (SPOOF, "", ATTACKER))
    for message, sender, client in stories:
        with configured(site.daemon, policy=TOP / "policies/monitor.policy"):
            path = site.delivered(site.send(message, sender=sender, client=client))
            line = site.daemon.verdict()
            told = json.loads(tell(site, "--dns", site.daemon.dns, "--json", path))
        want_equal("taken", [("client address", client[0]), ("HELO name", client[1]), ("envelope sender", f"<{sender}>")],
                   [(t["what"], t["value"]) for t in told["taken"]])
        want_words("verdict line", f"dmarc={told['dmarc']['result']} spf={told['spf']['result']} action={told['action']}", line)
        want_equal("rule", rule_of(line), told["rule"])


@case("journal: locked, garbage or gone: mail goes on, and so does the journal afterwards")
def _(site):
    path = site.daemon.dir / "journal"

    def goes_on(what):
        began = time.monotonic()
        reply = site.send(site.sign(PLAIN))
        site.delivered(reply)
        want_equal(f"{what}: no wait", True, time.monotonic() - began < 2)
        site.daemon.verdict()
        return reply.queue_id
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    ids = [goes_on("locked") for _ in range(3)]
    wait_for("a word about it", lambda: "cannot be written" in site.daemon.log(), 10)
    ids.append(goes_on("locked, and known to be"))
    lock.execute("ROLLBACK")
    lock.close()
    for queue_id in ids:
        entry_of(site, queue_id)
    want_match("log", "journal '.*' can be written again", site.daemon.log())
    garbage = b"This is no database. " * 5000
    other = path.with_name("other")
    other.write_bytes(garbage)
    other.chmod(0o600)
    other.rename(path)
    for queue_id in [goes_on("garbage") for _ in range(3)]:
        entry_of(site, queue_id)
    want_match("log", "error: journal '.*' is corrupt .* set aside as '.*journal.corrupt-[0-9]+' and begun anew", site.daemon.log())
    path.write_bytes(garbage)
    for queue_id in [goes_on("garbage written into it") for _ in range(3)]:
        entry_of(site, queue_id)
    path.unlink()
    entry_of(site, goes_on("gone"))


# ---- hostile messages ----
BH, B = "A" * 43 + "=", "A" * 342 + "=="  # of the lengths that SHA-256 and the key of attacker.example make


def arc_set(i):
    return (f"ARC-Seal: i={i}; a=rsa-sha256; t=1; cv={'none' if i == 1 else 'pass'}; d=attacker.example; s=demo; b={B}\n"
            f"ARC-Message-Signature: i={i}; a=rsa-sha256; d=attacker.example; s=demo; h=from:subject; bh={BH}; b={B}\n"
            f"ARC-Authentication-Results: i={i}; mx.attacker.example; dmarc=pass header.from=bank.example\n").encode()


def received(i):
    """As a relay of ours writes it about another one."""
    return f"Received: from h{i} (h{i} [192.0.2.26])\n by h{i + 1}; Mon, 02 Jun 2025 08:00:00 +0000\n".encode()


JUNK = (b"ARC-Seal: i=0; cv=pass\nARC-Seal: i=1; i=1\nARC-Seal:\nARC-Seal: \xff\xfe;;;==\nARC-Message-Signature: i=99999999999999\n"
        b"ARC-Authentication-Results: i=-1; \x01\nARC-Authentication-Results: i=1;" + b" (" * 400 + b"\n" +
        b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=x; s=y; b=" + b"A" * 60000 + b"\n")
SIGNATURE = f"DKIM-Signature: v=1; a=rsa-sha256; d=attacker.example; s=demo; h=from; bh={BH}; b={B}\n".encode()
HOSTILE = {
    "200 ARC sets": (b"".join(arc_set(i) for i in range(200, 0, -1)), r"arc=fail \([^)]+\)"),
    "50 ARC sets of one signer": (b"".join(arc_set(i) for i in range(50, 0, -1)), r"arc=fail \([^)]+\)"),
    "200 ARC sets of one number": (arc_set(1) * 200, r"arc=fail \([^)]+\)"),
    "junk in ARC fields": (JUNK, r"arc=fail \([^)]+\)"),
    "300 Received fields": (b"".join(received(i) for i in range(300)), "arc=none"),
    "900 DKIM signatures": (SIGNATURE * 900, "dkim=fail"),
}


def send_hostile(site, name, message, client):
    """The reply, which came soon, and the verdict line."""
    began = time.monotonic()
    reply = site.send(message, client=client)
    took = time.monotonic() - began
    want_equal(f"{name}: time, which was {took:.1f} s", True, took < 5)
    return reply, site.daemon.verdict()


@case("hostile: fields without end get a verdict with a reason, soon")
def _(site):
    for name, (junk, words) in HOSTILE.items():
        for client, code in ((SIGNED, 250), (ATTACKER, 550), (("192.0.2.25", "backup.ours.example"), 250)):
            reply, line = send_hostile(site, name, junk + (SPOOF if code == 550 else PLAIN), client)
            want_equal(f"{name}: code", code, reply.code)
            want_match(f"{name}: verdict line", "dmarc=.* action=.* rule=", line)
            if client == SIGNED:
                found = values(site.delivered(reply), "Authentication-Results")[0]
                want_match(f"{name}: Authentication-Results", words, found)
                want_words(f"{name}: Authentication-Results", "spf=pass dmarc=pass", found)


@case("hostile: a From behind more header than is kept is none that can be read")
def _(site):
    for client in (SIGNED, ATTACKER):
        reply, line = send_hostile(site, "header", SIGNATURE * 1500 + PLAIN, client)
        want_match("reply", r"\A550 5\.7\.1 Message has no single valid From header field .*from=malformed", reply)
        want_words("verdict line", 'dmarc=permerror action=reject rule="from-not-single"', line)


# ---- tables of OpenDKIM ----
OPENDKIM_CONF = """\
Syslog          yes
Mode            sv
KeyTable        {key_table}
SigningTable    {signing_table}
"""
KEY_TABLE = """\
# name                     domain:selector:path
s1._domainkey.first.example first.example:s1:{dir}/s1.first.example.pem
second                      second.example:s2:{dir}/s2.second.example.pem
any                         %:any:{dir}/any.%.pem
"""
# Each form, and who signs for the author: domain and selector.
SIGNING_TABLES = {
    "file": ("alice@second.example second\nfirst.example s1._domainkey.first.example\n.third.example second\nthird.example any\n", {
        "bob@first.example": ("first.example", "s1"), "alice@second.example": ("second.example", "s2"), "bob@second.example": None,
        "eve@a.third.example": ("second.example", "s2"), "eve@third.example": ("third.example", "any")}),
    "refile": ("# patterns\n*@first.example s1._domainkey.first.example\nal*@second.example second\n*@*third.example any\n", {
        "bob@first.example": ("first.example", "s1"), "alice@second.example": ("second.example", "s2"), "bob@second.example": None,
        "eve@third.example": ("third.example", "any"), "bob@first.example.org": None}),
}


def option_of(conf, name):
    """The value of an option of opendkim.conf."""
    return re.search(rf"(?m)^{name}\s+(\S+)", conf).group(1)


def want_signed_by(site, author, want):
    path = site.delivered(site.submit(OURS.replace(USER.encode(), author.encode()), sender=author))
    site.daemon.verdict()
    signatures = values(path, "DKIM-Signature")
    found = [(re.search(r"\bd=([^;\s]+)", s).group(1), re.search(r"\bs=([^;\s]+)", s).group(1)) for s in signatures]
    want_equal(f"who signed for {author}", [want] if want else [], found)
    copy = site.daemon.dir / "copy.eml"
    copy.write_bytes(without_envelope(path))
    out = run("/usr/bin/python3", TOP / "tests/lib/dkimpy_verify.py", site.daemon.dns, copy)
    want_equal(f"what dkimpy says of {author}", ["rsa-sha256 pass"] if want else [], out.splitlines())


@case("opendkim: its tables sign as they are, for file: and refile:")
def _(site):
    where = site.daemon.dir
    (where / "KeyTable").write_text(KEY_TABLE.format(dir=where))
    for kind, (text, authors) in SIGNING_TABLES.items():
        table = where / f"SigningTable.{kind}"
        table.write_text(text)
        conf = OPENDKIM_CONF.format(key_table=f"file:{where}/KeyTable", signing_table=f"{kind}:{table}")
        with configured(site.daemon, f'key-table = "{option_of(conf, "KeyTable")}"\n'
                                     f'signing-table = "{option_of(conf, "SigningTable")}"\n'):
            for author, want in authors.items():
                want_signed_by(site, author, want)


# ---- the ends of outages, last: the brake looks at a minute, and wants a daemon that is new ----
@case("outage: a minute later the budget is used up, and the mail passes")
def _(site):
    with configured(site.daemon, DEFER):
        time.sleep(max(0, site.deferred_at + 62 - time.monotonic()))
        reply = site.send(SILENT_MAIL, sender="news@silent.example", client=SILENT)
        want_words("Authentication-Results", "dmarc=temperror", values(site.delivered(reply), "Authentication-Results")[0])
        want_words("verdict line", 'dmarc=temperror action=accept deferral="deferral used up after 1 times in 1 minutes"',
                   site.daemon.verdict())
        want_match("log", "mail of 'silent.example' from '203.0.113.99/24' is no longer deferred until answers come",
                   site.daemon.log())


@case("outage: a dead resolver: one error, and mail is released with a label, or all deferred where the site wants that")
def _(site):
    daemon = site.daemon
    daemon.stop()
    good = daemon.dns_option, daemon.options
    before = len(daemon.log())
    daemon.dns_option = f'nameservers = {{"127.0.0.1:{free_ports(1)[0]}"}}'
    daemon.options += "dmarc-temperror = tempfail\n"
    daemon.start()
    try:
        replies = []
        for i in range(12):
            message = PLAIN.replace(b"signed.example", b"d%d.example" % i)
            replies.append(site.send(message, sender=f"news@d{i}.example", client=(f"203.0.113.{i}", f"d{i}.example")))
        want_equal("the first", 451, replies[0].code)
        want_equal("the last", 250, replies[-1].code)
        want_words("label", "label; dmarc=temperror", "".join(values(site.delivered(replies[-1]), "X-Mailseal-Label")))
        lines = [daemon.verdict() for _ in replies]
        want_words("verdict line", 'dmarc=temperror action=label deferral="resolver down, released"', lines[-1])
        reply = site.send(b"From: x@bank.example\n" + PLAIN, client=ATTACKER)
        want_match("reply to what no answer could help", r"\A550 5\.7\.1 .*from=repeated", reply)
        daemon.verdict()
        with configured(daemon, "resolver-down = tempfail\n"):
            reply = site.send(site.sign(PLAIN))
            want_match("reply", r"\A451 4\.4\.3 The DNS does not answer us", reply)
            want_words("verdict line", 'action=tempfail deferral="resolver down, deferred"', daemon.verdict())
            site.delivered(site.submit(OURS))
            want_match("verdict line", "signatures=2 .*action=accept", daemon.verdict())
        said = re.findall(r"error: the resolver is down: [^\n]*", daemon.log()[before:])
        want_equal(f"errors about it {said}", 1, len(said))
    finally:
        daemon.stop()
        daemon.dns_option, daemon.options = good
        daemon.start()
