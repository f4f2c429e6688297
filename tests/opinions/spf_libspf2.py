"""What explains where libspf2 differs (1.2.10, as Debian has it).

Most rules rewrite the scenario so that it means the same and keeps clear of one fault of libspf2, and put it to libspf2 again: then
libspf2 must say what mailseal said at first. For the other faults there is no way round; there the rule sees in the scenario
what is known to lead libspf2 astray, and takes only the answer it is known to give then.
"""
import ipaddress
import itertools
import re

import spf_pyspf

# RFC 7208 7.1, 12, without case
EXPAND = r"%\{[slodipvh](?:0*[1-9][0-9]*)?r?[.\-+,/_=]*\}"
STRING = rf"(?:{EXPAND}|%[%_-]|[\x21-\x24\x26-\x7e])*"
TOP = r"(?:[a-z0-9]*[a-z][a-z0-9]*|[a-z0-9]+-[a-z0-9-]*[a-z0-9])"
SPEC = rf"{STRING}(?:\.{TOP}\.?|{EXPAND})"
CIDR4, CIDR6 = r"(?:/(?:[12]?[0-9]|3[0-2]))?", r"(?:[1-9]?[0-9]|1[01][0-9]|12[0-8])"
OCTET = r"(?:[1-9]?[0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
TERM = re.compile(rf"[-+~?]?(?:all|(?:include|exists):{SPEC}|(?:a|mx)(?::{SPEC})?{CIDR4}(?://{CIDR6})?|ptr(?::{SPEC})?"
                  rf"|ip4:{OCTET}(?:\.{OCTET}){{3}}{CIDR4}|ip6:(?P<ip6>[0-9a-f:.]+)(?:/{CIDR6})?)"
                  rf"|(?:redirect|exp)={SPEC}|(?!(?:redirect|exp)=)[a-z][a-z0-9_.-]*={STRING}", re.I)
NETWORK = re.compile(r"([-+~?]?)(ip[46]):(.*)", re.I)
MODIFIER = re.compile(r"(?!(?:redirect|exp)=)[a-z][a-z0-9_.-]*=", re.I)
WITH_SPEC = re.compile(r"([-+~?]?(?:include|exists|a|mx|ptr):|redirect=|exp=)(.*?)((?:/\d+)?(?://\d+)?)", re.I)
NO_NAME = "l" * 64 + ".invalid"  # stands for nothing: no term can match it


def is_term(text):
    m = TERM.fullmatch(text)
    try:
        return bool(m) and (m.group("ip6") is None or bool(ipaddress.IPv6Address(m.group("ip6"))))
    except ValueError:
        return False


def is_valid(terms):
    twice = any(sum(t.lower().startswith(m) for t in terms) > 1 for m in ("exp=", "redirect="))
    return not twice and all(is_term(t) for t in terms)


def terms_of(text):
    """The terms of an SPF record, or None."""
    return [t for t in text.split(" ")[1:] if t] if re.match("v=spf1(?: |$)", text, re.I) else None


def records(scenario):
    """(name, list of TXT records as text)."""
    for name, node in scenario["dns"].items():
        if isinstance(node, dict) and isinstance(node.get("TXT"), list):
            yield name, [r if isinstance(r, str) else "".join(r) for r in node["TXT"]]


# ---- scenarios that mean the same ----
def rewrite(scenario, change):
    """change(terms, name) gives the new terms of each record that was valid at first."""
    dns = dict(scenario["dns"])
    for name, texts in records(scenario):
        new = []
        for text in texts:
            valid = name in scenario["valid"] and terms_of(text) is not None
            new.append(" ".join(["v=spf1"] + change(terms_of(text), name)) if valid else text)
        if new != texts:
            dns[name] = {**dns[name], "TXT": new}
    return {**scenario, "dns": dns}


def redirect_last(terms, _):
    redirect = [t for t in terms if t.lower().startswith("redirect=")]
    others = [t for t in terms if t not in redirect]
    return others + ([] if any(re.fullmatch("[-+~?]?all", t, re.I) for t in others) else redirect)


def without_modifiers(terms, _):
    return [t for t in terms if not MODIFIER.match(t)]


def without_other_networks(scenario):
    """Networks the client is not in may as well not be there."""
    client = ipaddress.ip_address(scenario["ip"])
    client = getattr(client, "ipv4_mapped", None) or client

    def holds(term):
        m = NETWORK.fullmatch(term)
        return not m or client in ipaddress.ip_network(m.group(3), strict=False)
    return rewrite(scenario, lambda terms, _: [t for t in terms if holds(t)])


def halves(terms, _):
    """A network of length 0 is its two halves."""
    out = []
    for t in terms:
        m = NETWORK.fullmatch(t)
        if m and m.group(3).endswith("/0"):
            out += [f"{m.group(1)}{m.group(2)}:{half}" for half in
                    (("0.0.0.0/1", "128.0.0.0/1") if m.group(2) in ("ip4", "IP4") else ("::/1", "8000::/1"))]
        else:
            out.append(t)
    return out


def expand_some(scenario, wanted):
    """Domain-specs for which wanted(spec, expanded) holds are replaced by what they stand for."""
    q = spf_pyspf.Mended(scenario, spf_pyspf.RULES)
    q.lookups = q.void_lookups = -1000000

    def expanded(term, name):
        m = WITH_SPEC.fullmatch(term)
        if not m or not re.search("%[{_-]", m.group(2)):
            return term
        q.d, q.p = name, None
        try:
            text = str(q.expand(m.group(2))) or NO_NAME
        except spf_pyspf.spf.PermError:
            return term
        if not wanted(m.group(2), text):
            return term
        return m.group(1) + text.replace("%", "%%").replace(" ", "%_") + m.group(3)
    return rewrite(scenario, lambda terms, name: [expanded(t, name) for t in terms])


def names_of_client(scenario, change):
    """change(PTR records, or a failure) gives the new ones."""
    dns = dict(scenario["dns"])
    for name, node in dns.items():
        if name.endswith(".arpa") and isinstance(node, dict):
            dns[name] = {**node, "PTR": change(node.get("PTR", []))}
    return {**scenario, "dns": dns}


def ten_names(scenario):
    return names_of_client(scenario, lambda ptr: ptr[:10] if isinstance(ptr, list) else ptr)


def without_failing_names(scenario):
    """Names that cannot be looked up are none of the client's; libspf2 counts no void lookups."""
    q = spf_pyspf.Mended(scenario)
    dns = {n: {} if n.endswith(".arpa") and fails(q, n, "PTR") else v for n, v in scenario["dns"].items()}
    return names_of_client({**scenario, "dns": dns}, lambda ptr: [h for h in ptr if not fails(q, h, q.A)])


def fails(q, name, qtype):
    try:
        q.zone.lookup(name, qtype)
        return False
    except spf_pyspf.spf.TempError:
        return True


def without_aliases(scenario):
    """An alias of a name that is there owns what that name owns: so that each record has one domain."""
    dns = dict(scenario["dns"])
    for name, node in scenario["dns"].items():
        for _ in range(8):
            if isinstance(node, dict) and "CNAME" in node:
                node = scenario["dns"].get(node["CNAME"][0])
        if node is not None and not (isinstance(node, dict) and "CNAME" in node):
            dns[name] = node
    return {**scenario, "dns": dns}


def without_final_dots(scenario):
    if scenario["helo"].endswith(".") or scenario["mail_from"].endswith("."):
        scenario = expand_some(scenario, lambda *_: True)
        scenario = {**scenario, "helo": scenario["helo"].removesuffix("."), "mail_from": scenario["mail_from"].removesuffix(".")}

    def change(terms, _):
        matches = [(t, WITH_SPEC.fullmatch(t)) for t in terms]
        return [m.group(1) + m.group(2).removesuffix(".") + m.group(3) if m else t for t, m in matches]
    return rewrite(scenario, change)


def unmapped(scenario):
    return {**scenario, "ip": scenario["ip"].replace("::ffff:", "")}


# name: (what libspf2 does and what decides who is right, the scenario that keeps clear of it)
REPAIRS = {
    "redirect-in-place": ("libspf2 follows redirect where it stands; RFC 7208 6.1: when no mechanism matches, wherever it stands",
                          lambda s: rewrite(s, redirect_last)),
    "modifier-name": ("libspf2 refuses a modifier with '.', '-' or '_' in its name, and takes some for its own; RFC 7208 6, 12: "
                      "unknown modifiers are ignored", lambda s: rewrite(s, without_modifiers)),
    "mapped": ("libspf2 takes an IPv4-mapped client for an IPv6 one; RFC 7208 5: it is an IPv4 client", unmapped),
    "zero-prefix": ("libspf2 refuses a prefix length of 0; RFC 7208 5.6, 12 allow it", lambda s: rewrite(s, halves)),
    "cut-record": ("libspf2 cuts a record of more than 511 bytes in its own form without a word; RFC 7208 3.4 knows no such limit",
                   without_other_networks),
    "kept-parts": ("libspf2 drops the first letter of a value that has fewer parts than its macro keeps; RFC 7208 7.3: all are "
                   "kept",
                   lambda s: expand_some(s, lambda spec, _: re.search(r"%\{.[0-9]", spec))),
    "refused-macro": ("libspf2 refuses the delimiters ',' and '/' and the transformer R; RFC 7208 7.1 allows them",
                      lambda s: expand_some(s, lambda spec, _: re.search(r"%\{.[^}]*[,/R]", spec))),
    "253-octets": ("libspf2 asks for names over 253 octets; RFC 7208 7.3: labels are dropped from the left",
                   lambda s: expand_some(s, lambda _, name: len(name) > 200)),
    "url-escape": ("libspf2 leaves some characters as they are that capital macro letters escape; RFC 7208 7.3: all but the "
                   "unreserved ones",
                   lambda s: expand_some(s, lambda spec, _: re.search(r"%\{[A-Z]", spec))),
    "p-name": ("libspf2 takes any of the client's names for %{p}; RFC 7208 7.3: the current domain is preferred, then one below it",
               lambda s: expand_some(s, lambda spec, _: re.search(r"%\{p", spec, re.I))),
    "final-dot": ("libspf2 takes the final dot of a domain-spec, a sender or a HELO name for a part of the name; RFC 7208 4.3, 7.1 "
                  "allow it",
                  without_final_dots),
    "many-names": ("libspf2 makes more than 10 PTR names a permerror; RFC 7208 4.6.4: those behind the tenth are ignored",
                   ten_names),
    "ptr-error": ("libspf2 makes a DNS error in ptr or %{p} a temperror; RFC 7208 5.5: no match", without_failing_names),
}


# ---- what has no way round ----
def any_terms(scenario, pattern):
    return any(re.match(pattern, t, re.I) for _, texts in records(scenario) for text in texts for t in terms_of(text) or ())


def long_text(scenario):
    return any(len(text) > 500 for _, texts in records(scenario) for text in texts)


def one_label(scenario):
    """An include or redirect leads to a name of one label."""
    found = []
    expand_some(scenario, lambda _, name: found.append(name))
    return any("." not in name for name in found)


def many_exchanges(scenario):
    return any(isinstance(node, dict) and len(node.get("MX", ())) > 10 for node in scenario["dns"].values())


# name: (the same, does it hold for scenario, our answer, theirs?)
SIGHTS = {
    "crash": ("libspf2 ends the process on more than 507 bytes of macros, CVE-2023-42118; no RFC asks for that",
              lambda s, ours, theirs: theirs is None and long_text(s)),
    "loopback": ("libspf2 lets 127.0.0.1 and ::1 pass; RFC 7208 4 exempts no address",
                 lambda s, ours, theirs: s["ip"] in ("127.0.0.1", "::1") and theirs == "pass"),
    "no-name": ("libspf2 asks for domains of one label and for what is no name; RFC 7208 4.3: none",
                lambda s, ours, theirs: ours["result"] == "none" and not spf_pyspf.DOMAIN.fullmatch(
                    (s["mail_from"] or s["helo"]).rpartition("@")[2])),
    "no-target": ("libspf2 asks for targets of include and redirect of one label; RFC 7208 5.2, 6.1, 4.3: none, so permerror",
                  lambda s, ours, theirs: ours["result"] == "permerror" and one_label(s)),
    "syntax": ("libspf2 does not check domain-specs, prefix lengths, percent signs, modifiers that stand twice; RFC 7208 4.6, 12: "
               "permerror",
               lambda s, ours, theirs: ours["result"] == "permerror" and any(
                   not is_valid(terms_of(t) or ()) for _, texts in records(s) for t in texts)),
    "limits": ("libspf2 counts terms anew in each include, and no void lookups; RFC 7208 4.6.4: over the whole evaluation",
               lambda s, ours, theirs: ours["result"] == "permerror" and (ours["terms"] >= 10 or ours["voids"] > 2)),
    "many-exchanges": ("libspf2 tries the first 10 of more exchanges; RFC 7208 4.6.4: permerror",
                       lambda s, ours, theirs: ours["result"] == "permerror" and many_exchanges(s)),
    "zero-prefix of a or mx": ("as zero-prefix",
                               lambda s, ours, theirs: theirs == "permerror" and any_terms(s, r"[-+~?]?(a|mx).*/0(?!\d)")),
    "eai-local": ("libspf2 expands %{l} and %{s} of a local part that is not ASCII; RFC 8616 4: the term does not match",
                  lambda s, ours, theirs: not s["mail_from"].isascii() and any_terms(s, r".*%\{[ls]")),
}
FIRST = ("crash", "syntax", "limits", "no-name")  # named even where keeping clear of something else helps by chance
RULES = {name: why for name, (why, _) in {**REPAIRS, **SIGHTS}.items()}
RULES["several"] = "three or more of those above; with all of them mended libspf2 says what mailseal says"


def prepared(scenario):
    scenario = without_aliases(scenario)
    valid = {name for name, texts in records(scenario) if all(is_valid(terms_of(t)) for t in texts if terms_of(t) is not None)}
    return {**scenario, "valid": valid}


def repaired(scenario, names):
    for name in names:
        scenario = REPAIRS[name][1](scenario)
    return scenario


def explain_all(differences, ask):
    """differences: (scenario, our answer, theirs); ask: libspf2. The name of a rule, or None, for each."""
    out = [None] * len(differences)
    differences = [(prepared(s), ours, theirs) for s, ours, theirs in differences]
    last = [theirs for _, _, theirs in differences]  # libspf2's answer when all that can be kept clear of is
    touched = [[n for n, (_, repair) in REPAIRS.items() if repair(s) != s] for s, _, _ in differences]
    for size in (1, 2, len(REPAIRS)):
        tries = [(i, names) for i, (s, _, _) in enumerate(differences) if out[i] is None and touched[i]
                 for names in (itertools.combinations(touched[i], size) if size < len(REPAIRS) else [touched[i]])]
        answers = ask([{**repaired(differences[i][0], names), "valid": None} for i, names in tries])
        for (i, names), answer in zip(tries, answers):
            last[i] = (answer or {}).get("result")
            if out[i] is None and last[i] == differences[i][1]["result"]:
                out[i] = " + ".join(names) if len(names) < 3 else "several"
    for i, (scenario, ours, theirs) in enumerate(differences):
        sights = [n for n, (_, holds) in SIGHTS.items() if holds(scenario, ours, theirs) or holds(scenario, ours, last[i])]
        if sights and (out[i] is None or sights[0] in FIRST):
            out[i] = sights[0]
    return out
