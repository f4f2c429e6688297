"""pyspf's opinion, and what explains where it differs: each rule mends one fault of pyspf, and the case is put to it again.

A difference is explained only when pyspf, mended, says what mailseal says; so a rule can hide nothing else.
"""
import itertools
import re

import spf

import spf_zones

NO_TEXT = "SPF fail - not authorized"  # pyspf's own words, when the domain's owner has none

# rule: what pyspf does, and what decides who is right
RULES = {
    "own-include": "pyspf: an include of the domain itself is a permerror before anything is evaluated; RFC 7208 5.2 and 4.6.4 "
                   "know no such error, the limit on terms ends it",
    "ptr-error": "pyspf: a DNS error in ptr or %{p} is a temperror; RFC 7208 5.5: no match, that name is skipped",
    "host-voids": "pyspf: every exchange and every PTR name without an address is a void lookup of its own; RFC 7208 4.6.4, 11.1 "
                  "count terms; mailseal counts one for an mx with an exchange that does not exist (a reading)",
    "order": "pyspf: while it still parses it expands names, looks up %{p} and counts redirect; RFC 7208 4.6, 4.6.2, 4.6.4: syntax "
             "first, then one term after the other, and none behind the first match",
    "p-macro": "pyspf: %{p} is free, and found once for all domains; RFC 7208 4.6.4: it counts as a term; 7.3: the current domain "
               "is preferred",
    "all-exchanges": "pyspf: a failed lookup of one exchange is a temperror even when one before it matches; RFC 7208 5.4: the "
                     "first match decides",
    "253-octets": "pyspf: of a name over 253 octets, and of an explanation, one label is dropped and no more; RFC 7208 7.3: as "
                  "many as it takes, and of names only",
    "macro-syntax": "pyspf: a macro that is not closed, keeps 0 parts, or has what is no transformer is taken, a text that ends in "
                    "%% is not; RFC 7208 7.1",
    "capital-r": "pyspf: R does not reverse; RFC 7208 7.1: literals of the grammar have no case (RFC 5234 2.3)",
    "joiner": "pyspf: parts split at another delimiter are joined with it again, but for %{l} and %{s}; RFC 7208 7.3: with dots",
    "term-syntax": "pyspf: text behind all or ptr, or a modifier's name in upper case, is taken for nothing; RFC 7208 12",
    "toplabel": "mailseal: a domain-spec that ends in %%, %_ or %- is a permerror, which can make no name (RFC 7208 4.8); the "
                "grammar of 7.1 allows it, so pyspf may take it",
    "no-name": "pyspf: a domain of one label, or that ends in a number, or with characters of no domain name is asked for; "
               "RFC 7208 4.3: none",
    "empty-name": "pyspf: a domain-spec that expands to nothing is a permerror, and of one that ends in two dots both go; RFC 7208 "
                  "4.3, 4.8: no such name, no match",
    "own-domain": "pyspf: the domain that stands for a missing domain-spec must itself be a good domain-spec, and is expanded; "
                  "RFC 7208 5.3, 5.4, 5.5: it is the domain being checked",
    "sender-case": "mailseal: %{o}, %{s} and %{d} have the sender's domain in lower case; RFC 7208 7.3 asks for nothing, names "
                   "have no case (RFC 4343)",
    "final-dot": "pyspf: a sender's domain with a final dot is none; RFC 7208 4.3: only an empty label that is not at the end",
    "eai-local": "pyspf: %{l} and %{s} of a local part that is not ASCII are expanded; RFC 8616 4: the term does not match",
}

LETTER = r"%\{[slodipvhcrt](?:0*[1-9][0-9]*)?r?[.\-+,/_=]*\}"
MACRO_STRING = re.compile(rf"(?:{LETTER}|%[%_-]|[\x20-\x24\x26-\x7e])*", re.I)
MACRO_LETTER = re.compile(r"%\{[^}]*\}")
PLAIN = {"%%": "%", "%_": " ", "%-": "%20"}
DOMAIN = re.compile(r"(?:[a-z0-9_-]{1,63}\.)+(?![0-9]+\.?$)[a-z0-9_-]{1,63}\.?", re.I)


NO_NAME = ".."  # no question can be made of it


class Unequal(str):
    """A name that is no other."""
    __hash__ = str.__hash__

    def __eq__(self, other):
        return False

    def __ne__(self, other):
        return True


class Mended(spf.query):
    """pyspf, less the faults named."""

    def __init__(self, scenario, rules=()):
        self.zone = spf_zones.Zone(scenario["dns"])
        spf.DNSLookup = self.zone.for_pyspf
        self.rules = rules
        self.counted = False  # the question for the client's names
        spf.JOINERS = dict.fromkeys("slodipvhcrt", ".") if "joiner" in rules else {"l": ".", "s": "."}
        sender, helo = scenario["mail_from"], scenario["helo"]
        if "final-dot" in rules:
            sender, helo = sender.removesuffix("."), helo.removesuffix(".")
        if "sender-case" in rules:
            local, _, domain = sender.rpartition("@")
            sender, helo = f"{local}@{domain.lower()}" if local else domain.lower(), helo.lower()
        super().__init__(i=scenario["ip"], s=sender, h=helo, receiver=scenario["receiver"])
        self.h = scenario["helo"]
        self.t = str(scenario["now"])

    # ---- the identity ----
    def check(self, spf=None):  # pylint: disable=redefined-outer-name
        if "no-name" in self.rules and not DOMAIN.fullmatch(self.d):
            return "none", 250, ""
        return super().check(spf)

    def dns_spf(self, domain):
        if "no-name" in self.rules and "." not in domain:
            return None
        return super().dns_spf(domain)

    # ---- names and macros ----
    def expand(self, s, stripdot=True):
        if "macro-syntax" in self.rules and not MACRO_STRING.fullmatch(s):
            raise spf.PermError("macro syntax", s)
        if "capital-r" in self.rules:
            s = MACRO_LETTER.sub(lambda m: m.group()[:3] + m.group()[3:].lower(), s)
        if not {"macro-syntax", "253-octets"} & set(self.rules):
            return super().expand(s, stripdot)
        if "macro-syntax" not in self.rules and spf.RE_INVALID_MACRO.search(s):
            raise spf.PermError("invalid-macro-char", s)
        if stripdot and re.search(r"%\{[crt]", s, re.I):
            raise spf.PermError("c, r, t macros are for explanations", s)
        text = spf.RE_CHAR.sub(lambda m: PLAIN.get(m.group()) or super(Mended, self).expand(m.group(), False), s)
        if stripdot:
            text = text.removesuffix(".")
        while len(text) > 253 and "." in text and ("253-octets" not in self.rules or stripdot):
            text = text.split(".", 1)[1]
            if "253-octets" not in self.rules:
                break
        return text

    def expand_domain(self, arg):
        if "own-domain" in self.rules and arg is self.d:
            return arg
        if "toplabel" in self.rules and re.search(r"%[%_-]$", arg.replace("%%%", "%_%")):
            raise spf.PermError("domain-spec without a name", arg)
        name = super().expand_domain(arg)
        if "empty-name" in self.rules and arg and (not name or name.endswith(".")):
            name = NO_NAME
        return Unequal(name) if "own-include" in self.rules else name

    def getp(self):
        if "p-macro" not in self.rules or self.p:
            return super().getp()
        if not self.counted:
            self.check_lookups()
            self.counted = True
        domain, names = self.d.lower(), [n.lower() for n in self.validated_ptrs()]
        below = [n for n in names if n.endswith("." + domain)]
        self.p = domain if domain in names else (below + names + ["unknown"])[0]
        return self.p

    def validated_ptrs(self):
        names, out = [], []
        try:
            names = self.dns_ptr(self.i)[:spf.MAX_PTR]
        except spf.TempError:
            if "ptr-error" not in self.rules:
                raise
        for name in names:
            try:
                if self.cidrmatch(self.dns(name, self.A, ignore_void="host-voids" in self.rules) if name else [], self.cidrmax):
                    out.append(name)
            except spf.TempError:
                if "ptr-error" not in self.rules:
                    raise
        return out

    # ---- terms ----
    def validate_mechanism(self, mech):
        if "term-syntax" in self.rules and re.match(r"[-+~?]?(all[:/]|(ptr|include|exists)/)", mech, re.I):
            raise spf.PermError("text the mechanism may not have", mech)
        own = re.fullmatch(r"([-+~?]?a)((?:/\d+)?(?://\d+)?)", mech, re.I)
        if "own-domain" in self.rules and own:
            _, kind, _, bits, result = super().validate_mechanism(f"{own.group(1)}:x.example{own.group(2)}")
            return mech, kind, self.d, bits, result
        return super().validate_mechanism(mech)

    def match_mx(self, mech):
        _, _, domain, bits, _ = self.validate_mechanism(mech)
        self.check_lookups()
        hosts, missing = self.dns(domain, "MX"), False
        if len(hosts) > spf.MAX_MX:
            raise spf.PermError("more than 10 exchanges")
        failed = None
        for _, host in sorted(hosts, key=lambda h: h[0]):
            try:
                found = self.dns(host, self.A, ignore_void="host-voids" in self.rules) if host else []
            except spf.TempError as e:
                failed = failed or e
                if "all-exchanges" in self.rules:
                    break
                continue
            missing = missing or bool(host) and not self.zone.exists(host.lower())
            if self.cidrmatch(found, bits) and ("all-exchanges" in self.rules or failed is None):
                return True
        if failed:
            raise failed
        if "host-voids" in self.rules and missing:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError("void lookups")
        return False

    def uses_local(self, text):
        return not self.l.isascii() and re.search(r"%\{[sl]", text, re.I)

    def matches(self, mech, recursion):
        """One mechanism, without its qualifier."""
        if "eai-local" in self.rules and self.uses_local(mech):
            self.check_lookups()
            return False
        if re.match("mx(?:$|[:/])", mech, re.I):
            return self.match_mx(mech)
        if "p-macro" in self.rules and "%{p" in mech.lower():
            self.p = None
        if "no-name" in self.rules and mech.lower().startswith("ptr:"):
            name = self.expand_domain(mech[4:])
            if not all(0 < len(label) < 64 for label in name.split(".")):
                self.check_lookups()
                return False
        return super().check0("v=spf1 " + mech, recursion)[0] == "pass"

    def check_syntax(self, terms):
        """(mechanisms, redirect, exp); without a lookup."""
        mechanisms, modifiers, known = [], {}, self.p
        self.p = "syntax"
        for term in terms:
            m = spf.RE_MODIFIER.match(term)
            if not m:
                self.validate_mechanism(term)
                mechanisms.append(term)
                continue
            name = m.group(1).lower() if "term-syntax" in self.rules else m.group(1)
            if name in ("redirect", "exp"):
                if name in modifiers or not term[m.end():]:
                    raise spf.PermError("modifier twice, or empty", term)
                self.expand_domain(term[m.end():])
                modifiers[name] = term[m.end():]
            else:
                self.expand(term[m.end():])
        self.p = known
        return mechanisms, modifiers.get("redirect"), modifiers.get("exp")

    def text(self, exp):
        try:
            self.p, self.lookups, self.void_lookups = None, -100, -100  # RFC 7208 4.6.4 limits terms
            return self.get_explanation(self.expand_domain(exp)) or NO_TEXT
        except (spf.PermError, spf.TempError):
            return NO_TEXT

    def check0(self, spf, recursion):  # pylint: disable=redefined-outer-name
        if "order" not in self.rules or not spf:
            return super().check0(spf, recursion)
        mechanisms, redirect, exp = self.check_syntax([t for t in spf.split(" ")[1:] if t])
        for mech in mechanisms:
            bare = mech[1:] if mech[0] in "+-~?" else mech
            if self.matches(bare, recursion):
                result = RESULTS.get(mech[0], "pass")
                return result, 250, self.text(exp) if result == "fail" and exp and not recursion else NO_TEXT
        if redirect and "eai-local" in self.rules and self.uses_local(redirect):
            return "neutral", 250, ""
        if redirect:
            self.p = None
            return super().check0("v=spf1 redirect=" + redirect, recursion)
        return "neutral", 250, ""


RESULTS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}


def opinion(scenario, rules=()):
    """(result, explanation). What pyspf throws up is no result."""
    try:
        result, _, text = Mended(scenario, rules).check()
    except Exception as e:  # pylint: disable=broad-except
        return f"{type(e).__name__}: {e}", ""
    text = "" if result != "fail" or text == NO_TEXT else text
    # RFC 7208 6.2, 8.4, 11.5.3: mailseal hands on printable ASCII, and 400 bytes.
    return result, re.sub(rb"[^ -~]", b"?", text.encode())[:400].decode()


def explain(scenario, want, part):
    """The rules it takes until part 0 (result) or 1 (explanation) is what we want, joined by " + ", or None."""
    if opinion(scenario, RULES)[part] != want:
        return None
    rules = list(RULES)
    for one in itertools.chain(((r,) for r in rules), (("order", r) for r in rules)):
        if opinion(scenario, one)[part] == want:
            return " + ".join(r for r in one if one == ("order",) or r != "order" or len(one) > 1)
    for r in list(rules):
        without = [x for x in rules if x != r]
        if opinion(scenario, without)[part] == want:
            rules = without
    return " + ".join(rules)
