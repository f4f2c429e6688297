"""A profile that a site wrote: its labels, discards, conflicts, rules for mail that goes out and rules that end, and how it is
reloaded; and mail that comes through a relay of the site."""
from site_setup import OURS, PLAIN, SIGNED, SPOOF, YOU, configured

from checks import case, want_equal, want_match, want_none, want_words
from message import values, without_envelope
from postfix import USER

ATTACKER = ("198.51.100.66", "mail.attacker.example")
RELAY = ("192.0.2.25", "backup.ours.example")

PROFILE = """\
rule "foreign-author" {
    when   = {"direction=outbound", "daemon=originating", "from-domain!=ours.example|.ours.example"}
    action = reject
    reply  = "550 5.7.1 Write from an address of ours.example, not %{from-domain}"
}
rule "let-in" {
    when    = {"from-domain=bank.example"}
    action  = accept
    reason  = "until the bank has moved"
    owner   = "postmaster"
    expires = "2020-01-31"
}
rule "robots" {
    when   = {"recipient-domain=robots.example", "aligned=no"}
    action = reject
    reply  = "550 5.7.26 Not authenticated: %{why}, id %{queue-id}"
}
rule "trash" {
    when   = {"from-domain=shop.example", "aligned=no"}
    action = discard
}
rule "doubtful" {
    when   = {"dmarc=fail"}
    action = label
    reason = "nothing \\"speaks\\" for it"
}
rule "default" {
    action = accept
}
"""
OPTIONS = """\
trusted-relays = {"192.0.2.25", "192.0.2.26"}
"""


def own_profile(site):
    """The daemon with the profile above."""
    path = site.daemon.dir / "site.policy"
    path.write_text(PROFILE)
    return configured(site.daemon, policy=path)


def labels(message):
    return values(message, "X-Mailseal-Label")


@case("profile: a label is delivered, and those from outside are gone")
def _(site):
    with own_profile(site):
        forged = b'X-Mailseal-Label: label; dmarc=pass\nx-mailseal-label:\n quarantine\n'
        reply = site.send(forged + SPOOF + b"X-Mailseal-Label: text\n", sender="x@attacker.example", client=ATTACKER)
        path = site.delivered(reply)
        want_equal("labels", [r'label; dmarc=fail; rule="doubtful"; reason="nothing \"speaks\" for it"'], labels(path))
        want_words("Authentication-Results", "dmarc=fail dis=label", values(path, "Authentication-Results")[0])
        want_words("verdict line", 'dmarc=fail action=label rule="doubtful"', site.daemon.verdict())
        path = site.delivered(site.send(forged + site.sign(PLAIN)))
        want_equal("labels of mail in order", [], labels(path))
        want_match("verdict line", 'action=accept rule="default"', site.daemon.verdict())


@case("profile: discard says 250 and delivers nothing")
def _(site):
    with own_profile(site):
        before = len(site.mta.new_mail())
        spoof = SPOOF.replace(b"bank.example", b"shop.example")
        reply = site.send(spoof, sender="x@attacker.example", client=ATTACKER)
        want_equal("code", 250, reply.code)
        want_words("verdict line", 'action=discard rule="trash"', site.daemon.verdict())
        site.delivered(site.send(site.sign(PLAIN)))  # what came later is there, so the other never will be
        site.daemon.verdict()
        want_equal("messages delivered", before + 1, len(site.mta.new_mail()))
        want_equal("on hold", None, site.mta.held(reply.queue_id))


@case("profile: recipients for whom it decides differently get the mildest, and the log says so")
def _(site):
    with own_profile(site):
        reply = site.send(SPOOF, sender="x@attacker.example", client=ATTACKER, rcpts=["r2@robots.example", "me@robots.example"])
        why = "spf=pass dkim=none aligned=no dmarc=fail policy=reject"
        want_match("reply", rf"\A550 5\.7\.26 Not authenticated: {why}, id \w+\Z", reply)
        line = site.daemon.verdict()
        want_match("verdict line", rf"\b{reply.rsplit(' ', 1)[-1]}: ", line)
        want_words("verdict line", 'action=reject rule="robots" rcpts=2', line)
        want_none("verdict line", "conflict=", line)
        reply = site.send(SPOOF, sender="x@attacker.example", client=ATTACKER, rcpts=["r2@robots.example", YOU])
        want_equal("labels", 1, len(labels(site.delivered(reply))))
        line = site.daemon.verdict()
        want_match("verdict line", 'action=label rule="doubtful" .*conflict="[^"]*robots.example[^"]*"', line)
        want_match("log", rf"{reply.queue_id}: recipients differ, label is done: ", site.daemon.log())


@case("profile: a user's message is refused by a rule about mail that goes out, by the listener's name")
def _(site):
    with own_profile(site):
        reply = site.submit(PLAIN, sender=USER)
        want_equal("reply", "550 5.7.1 Write from an address of ours.example, not signed.example", reply)
        want_words("verdict line", 'client="authenticated action=reject rule="foreign-author" daemon=ORIGINATING',
                   site.daemon.verdict())
        path = site.delivered(site.submit(OURS))
        want_equal("signatures", 2, len(values(path, "DKIM-Signature")))
        want_words("verdict line", 'signatures=2 action=accept rule="exempt" daemon=ORIGINATING', site.daemon.verdict())
        path = site.mta.pickup(USER, YOU, PLAIN.decode())  # sendmail(1) does not come by that listener
        want_equal("results", [], values(path, "Authentication-Results"))
        want_match("verdict line", 'action=accept rule="exempt"', site.daemon.verdict())


@case("profile: a rule that has expired does not match, and was named when the file was read")
def _(site):
    before = len(site.daemon.log())
    with own_profile(site):
        want_match("log", r"warning: rule 'let-in' of policy '.*' has expired", site.daemon.log()[before:])
        site.delivered(site.send(SPOOF, sender="x@attacker.example", client=ATTACKER))
        want_match("verdict line", 'rule="doubtful"', site.daemon.verdict())
        policy = site.daemon.dir / "site.policy"
        policy.write_text(PROFILE.replace("2020-01-31", "2999-01-31"))
        want_none("log", "not reloaded", site.daemon.reload())
        site.delivered(site.send(SPOOF, sender="x@attacker.example", client=ATTACKER))
        want_match("verdict line", 'action=accept rule="let-in"', site.daemon.verdict())


# What is wrong: (what the file becomes, what is said of it).
FAULTY = {
    "the end is missing": (lambda p: p[:p.index('rule "doubtful"')], r"site\.policy:\d+: the last rule must match everything"),
    "a fact that is none": (lambda p: p.replace('"dmarc=fail"', '"dmrac=fail"'), r"site\.policy:23: there is no fact 'dmrac'"),
    "half a rule": (lambda p: p[:p.index('action = discard')], r"site\.policy:\d+: "),
    "a rule that can never match": (lambda p: p.replace('rule "default"', 'rule "late" {\n    when = {"dmarc=fail", "spf=fail"}\n'
                                                        '    action = accept\n}\nrule "default"'),
                                    r"site\.policy:27: rule 'late' can never match: rule 'doubtful' before it takes"),
    "conditions that exclude each other": (lambda p: p.replace('"dmarc=fail"', '"dmarc=fail", "dmarc=pass"'),
                                           r"site\.policy:22: rule 'doubtful' can never match"),
}


@case("profile: a faulty file is reported with its line, and never half taken")
def _(site):
    policy = site.daemon.dir / "site.policy"
    with own_profile(site):
        for name, (spoil, said) in FAULTY.items():
            # Everything above the fault would let the spoof pass.
            policy.write_text(spoil(PROFILE.replace("2020-01-31", "2999-01-31")))
            before = len(site.daemon.log())
            want_match(f"{name}: log", "not reloaded", site.daemon.reload())
            want_match(f"{name}: log", f"error: .*{said}", site.daemon.log()[before:])
            out = site.daemon.command("config", "check", "-c", site.daemon.conf, check=False)
            want_match(f"{name}: config check", said, out)
            site.delivered(site.send(SPOOF, sender="x@attacker.example", client=ATTACKER))
            want_match(f"{name}: verdict line", 'action=label rule="doubtful"', site.daemon.verdict())
        policy.write_text(PROFILE)


# ---- mail through a relay ----
def relayed(site, message, sender, client):
    """The message as a relay that is another Postfix passes it on: taken from that client, with a Received field on top."""
    all_pass = site.daemon.dir / "all-pass.policy"
    all_pass.write_text('rule "default" {\n    action = accept\n}\n')
    with configured(site.daemon, policy=all_pass):
        path = site.delivered(site.send(message, sender=sender, client=client))
        site.daemon.verdict()
    return without_envelope(path)


# Name: (message of the site, MAIL FROM, the host outside, what is done, words of the verdict line).
RELAYED = {
    "signed by SPF alone": (lambda s: PLAIN, "news@signed.example", SIGNED, "accept",
                            "spf=pass/signed.example dmarc=pass action=accept ip=192.0.2.10 class=relayed"),
    "signed": (lambda s: s.sign(PLAIN), "news@signed.example", SIGNED, "accept",
               "spf=pass/signed.example dkim=pass/signed.example action=accept ip=192.0.2.10 class=relayed"),
    "a spoof": (lambda s: SPOOF, "x@attacker.example", ATTACKER, 550,
                "dmarc=fail action=reject ip=198.51.100.66 class=relayed"),
    "a spoof in the envelope too": (lambda s: SPOOF, "service@bank.example", ATTACKER, 550,
                                    "spf=fail/bank.example dmarc=fail action=reject ip=198.51.100.66 class=relayed"),
}


@case("relay: SPF is about the host outside that the relay's Received names, and so is the verdict")
def _(site):
    for name, (make, sender, client, want, words) in RELAYED.items():
        message = relayed(site, make(site), sender, client)
        for again in (b"", b"Received: from backup.ours.example (backup.ours.example [192.0.2.26])\n by x.ours.example; "
                      b"Mon, 02 Jun 2025 08:00:00 +0000\n"):
            reply = site.send(again + message, sender=sender, client=RELAY)
            if want == "accept":
                found = values(site.delivered(reply), "Authentication-Results")
                want_equal(f"{name}: number of results", 1, len(found))
                want_words(f"{name}: Authentication-Results", "spf=pass (client 192.0.2.10 of our relay) dmarc=pass",
                           found[0].replace(";", ""))
            else:
                want_equal(f"{name}: code", want, reply.code)
            want_words(f"{name}: verdict line", words, site.daemon.verdict())


@case("relay: one that does not say where mail came from: SPF is none, DKIM counts, and nothing is refused for SPF")
def _(site):
    hidden = b"Received: from somewhere by backup.ours.example; Mon, 02 Jun 2025 08:00:00 +0000\n"
    for hop in (b"", hidden):
        path = site.delivered(site.send(hop + site.sign(PLAIN), client=RELAY))
        want_words("Authentication-Results", "spf=none dkim=pass dmarc=pass", values(path, "Authentication-Results")[0])
        want_words("verdict line", "spf=none dmarc=pass action=accept class=relay", site.daemon.verdict())
        for message, sender in ((PLAIN, "news@signed.example"), (SPOOF, "service@bank.example")):
            reply = site.send(hop + message, sender=sender, client=RELAY)
            found = values(site.held(reply).encode(), "Authentication-Results")
            want_words("Authentication-Results", "spf=none dkim=none dmarc=fail", found[0])
            want_words("verdict line", 'spf=none dmarc=fail action=quarantine rule="dmarc-fail-reject-forwarder"',
                       site.daemon.verdict())
    with configured(site.daemon, "relay-received = no\n"):
        named = b"Received: from mail.attacker.example (mail.attacker.example [198.51.100.66])\n by backup.ours.example; x\n"
        site.delivered(site.send(named + site.sign(PLAIN), client=RELAY))
        want_words("verdict line", "spf=none dmarc=pass action=accept class=relay", site.daemon.verdict())
