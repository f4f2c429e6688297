#!/usr/bin/env python3
"""unbound_test.py [PART OF A NAME...]: the real daemon asks a real name server. --program FILE is the daemon to test."""
import json
import shutil
import sys
import time

from site_setup import PLAIN, SPOOF, STRANGER, Site, new_daemon, program_argument, resynchronise

from checks import Failed, case, run_cases, want_equal, want_match, want_none, want_words
from machine import clean_up_on_signals, scratch
from postfix import Postfix
from resolver import Resolver

SECONDARY = "127.0.0.97"
ZONE = {
    # more than fits into a UDP answer: asked again over TCP
    "big.example": {"TXT": ["v=spf1 " + " ".join(f"ip4:203.0.113.{i}" for i in range(90)) + " ip4:192.0.2.10 -all"]},
    "_dmarc.big.example": {"TXT": ["v=DMARC1; p=reject"]},
    "chain.example": {"TXT": ["v=spf1 include:big.example mx:mx.chain.example -all"]},
    "mx.chain.example": {"MX": [[10, "a.chain.example"], [20, "b.chain.example"]]},
    "a.chain.example": {"A": ["203.0.113.200"]},
    "b.chain.example": {"A": ["192.0.2.77"]},
    "ours.example": {"NS": ["ns1.ours.example.", "ns2.ours.example."]},
    "ns1.ours.example": {"A": [SECONDARY]},
    # whose record stands in the zone of another
    "hosted.example": {"NS": ["ns.hosted.example."]},
    "rsa._domainkey.hosted.example": {"CNAME": ["rsa._domainkey.ours.example."]},
    "ns2.ours.example": {"A": ["127.0.0.98"]},  # nobody is there
}


@case("unbound: signed and aligned passes")
def _(site):
    want_words("Authentication-Results", "spf=pass dkim=pass dmarc=pass", site.results(site.send(site.sign(PLAIN))))
    site.daemon.verdict()


@case("unbound: a spoof is refused")
def _(site):
    want_equal("code", 550, site.send(SPOOF, sender="x@elsewhere.example", client=STRANGER).code)
    site.daemon.verdict()


@case("unbound: a record that needs TCP, an include, an MX with addresses")
def _(site):
    message = PLAIN.replace(b"signed.example", b"big.example")
    want_words("Authentication-Results", "spf=pass dmarc=pass", site.results(site.send(message, sender="a@big.example")))
    result = site.results(site.send(site.sign(PLAIN), sender="a@chain.example", client=("192.0.2.77", "mail.chain.example")))
    want_words("Authentication-Results", "spf=pass", result)
    site.daemon.verdict()
    site.daemon.verdict()


@case("unbound: no answer is a temperror in good time, REFUSED at once; the mail passes")
def _(site):
    for domain, seconds in (("timeout.example", 30), ("refused.example", 5)):
        began = time.monotonic()
        message = PLAIN.replace(b"signed.example", domain.encode())
        result = site.results(site.send(message, sender=f"a@{domain}"))
        want_words("Authentication-Results", "spf=temperror dmarc=temperror", result)
        took = time.monotonic() - began
        if took > seconds:
            raise Failed(f"wanted at most {seconds} s for {domain} .. got {took:.1f} s")
        site.daemon.verdict()


@case("unbound: key check and key rotate ask the name server that is named")
def _(site):
    keys, server = site.daemon.dir / "keys", f"127.0.0.1:{site.resolver.port}"
    site.daemon.command("key", "new", "ours.example", "--dir", keys, "--selector", "rsa")
    out = site.daemon.command("key", "check", "--dir", keys, "--server", server, check=False)
    want_match("key check", f"rsa._domainkey.ours.example at {server}: the published key is another one; pending", out)
    shutil.copy(site.daemon.dir / "rsa.ours.example.pem", keys / "ours.example/rsa.pem")
    out = site.daemon.command("key", "check", "ours.example", "--dir", keys, "--server", server)
    want_match("key check", f"rsa._domainkey.ours.example at {server}: ok, 2048-bit RSA key; pending", out)
    began = int(time.time())
    for now, want in ((began, "old answers are forgotten"), (began + 3599, "old answers are forgotten"),
                      (began + 3600, "active; reload the daemon")):
        out = site.daemon.command("key", "rotate", "ours.example", "--dir", keys, "--server", server, "--now", now)
        want_match(f"key rotate at +{now - began} s", want, out)


@case("unbound: key check finds the name servers of a domain; one that lags behind is a fault, one that is silent is none")
def _(site):
    conf, server = site.daemon.conf, f"127.0.0.1:{site.resolver.port}"
    fresh = {k: v for k, v in site.daemon.zone.items() if "_domainkey" in k}
    for zone, results, fault in ((fresh, ["ok", "ok", "unknown"], False), ({}, ["ok", "missing", "unknown"], True)):
        with Resolver(scratch("secondary") / "unbound", zone, SECONDARY, 53):
            out = json.loads(site.daemon.command("key", "check", "ours.example", "-c", conf, "--json", check=False))
        want_equal("keys", ["rsa", "ed"], [k["selector"] for k in out["keys"]])
        for key in out["keys"]:
            names = [server, f"ns1.ours.example [{SECONDARY}]", "ns2.ours.example [127.0.0.98]"]
            want_equal("answers", dict(zip(names, results)), {a["server"]: a["result"] for a in key["answers"]})
            want_equal("good", not fault, key["good"])


@case("unbound: key check of a record that is an alias asks the name servers of the zone it is in")
def _(site):
    fresh = {k: v for k, v in site.daemon.zone.items() if k == "rsa._domainkey.ours.example"}
    for zone, result in ((fresh, "ok"), ({}, "missing")):  # what the resolver here says does not matter: it follows no alias
        with Resolver(scratch("secondary") / "unbound", zone, SECONDARY, 53):
            out = json.loads(site.daemon.command("key", "check", "--domain", "hosted.example", "--selector", "rsa", "--key",
                                                 site.daemon.dir / "rsa.ours.example.pem", "-c", site.daemon.conf, "--json",
                                                 check=False))
        answers = {a["server"]: a["result"] for a in out["keys"][0]["answers"] if a["authoritative"]}
        want_equal("answers", {f"ns1.ours.example [{SECONDARY}]": result, "ns2.ours.example [127.0.0.98]": "unknown"}, answers)


@case("unbound: the daemon ends with 0 and logged no mistake of its own")
def _(site):
    want_equal("exit status", 0, site.daemon.stop())
    want_none("log", r"Sanitizer|runtime error|out of order|BUG", site.daemon.log())


def main():
    clean_up_on_signals()
    where = scratch("unbound-test")
    daemon = new_daemon(where, program_argument(), ZONE)
    with Resolver(where / "unbound", daemon.zone) as resolver:
        daemon.dns_option = f'nameservers = {{"127.0.0.1:{resolver.port}"}}'
        with daemon, Postfix(where / "postfix", daemon.postfix_milter) as postfix:
            site = Site(daemon, postfix)
            site.resolver = resolver
            return run_cases(site, after_failure=lambda: resynchronise(daemon))


if __name__ == "__main__":
    sys.exit(main())
