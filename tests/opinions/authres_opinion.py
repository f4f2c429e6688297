"""Authentication-Results: what mailseal writes of random outcomes, read by python3-authres."""
import base64
import re

import authres
import authres.core

import opinions

CODES = ("none", "pass", "fail", "softfail", "neutral", "policy", "temperror", "permerror")
PROPS = {"spf": ("smtp.mailfrom", "smtp.helo"), "dkim": ("header.d", "header.i", "header.s", "header.a", "header.b"),
         "dmarc": ("header.from", "policy.dmarc"), "arc": ("smtp.remote-ip", "header.oldest-pass"), "iprev": ("policy.iprev",),
         "auth": ("smtp.auth", "smtp.mailfrom")}
PLAIN = (b"example.com", b"user@example.com", b"@example.com", b"192.0.2.1", b"rsa-sha256", b"plain.words")
VALUES = (b"a b", b"", b"2001:db8::1", b"abcd/e12=", b"\"q u\"@example.com", b"x;y=z", b"a(b)c", b"a\\b", b"a\"b", b"\xff\xfe",
          b"caf\xc3\xa9@example.com", b"a\r\nb: c", b"a\tb", b"x" * 300, b"x" * 200, b"=?utf-8?q?x?=", b"\0", b"a@b@example.com",
          b"user@exa mple.com", b"user@", b"; dkim=pass", b"none", b"(", b"\\", b"\"", b"a,b@example.com", b"user@-.com")
IDS = ("mx.example.org",) * 10 + ("MX.Example.Org", "id with blanks", "b\u00fccher.example", "a;b", "x\"y", "1")

# rule: what python3-authres does, and what decides who is right
RULES = {
    "quoted-id": "python3-authres reads no quoted authserv-id; RFC 8601 2.2: it is a value, which may be a quoted-string",
    "quoted-value": "python3-authres drops a property with a quoted value that is not the last one of its result; RFC 8601 2.2: "
                    "1*propspec",
    "quoted-pair": "python3-authres leaves the backslash of a quoted-pair in the value; RFC 5322 3.2.4: it is no part of it",
    "empty": "python3-authres does not know an empty quoted-string; RFC 5322 3.2.4: *([FWS] qcontent)",
}


REASONS = {"python3-authres": RULES}


class Mended(authres.core.AuthenticationResultsHeader):
    """python3-authres, less the faults named in `rules`, a variable of a class made for them."""
    rules = ()

    def _parse_authserv_id(self):
        name = super()._parse_authserv_id()
        return name or (self._parse_rfc5322_quoted_string() if "quoted-id" in self.rules else None)

    def _parse_rfc5322_qcontent(self):
        text = super()._parse_rfc5322_qcontent()
        return text[1:] if text and text[0] == "\\" and "quoted-pair" in self.rules else text

    def _parse_rfc2045_value(self):
        text = super()._parse_rfc2045_value()
        return Empty() if text == "" and "empty" in self.rules else text

    def _parse_pvalue(self):
        self._parse_rfc5322_cfws()
        if "quoted-value" not in self.rules or not self._parse_text.startswith('"'):
            return super()._parse_pvalue()
        if self._parse_text.startswith('""') and "empty" not in self.rules:
            return super()._parse_pvalue()
        raw = re.match(r'"(?:[^"\\]|\\.)*"', self._parse_text).group()
        text = self._parse_rfc5322_quoted_string()
        if not self._parse_pattern("@"):
            return text
        # A quoted local part keeps its quotes and what is in them.
        return f"{raw}@{self._parse_rfc5322_dot_atom()}"


class Empty(str):
    """Nothing, but something."""
    def __bool__(self):
        return True


def random_bytes(rng):
    if rng.random() < 0.6:
        return rng.choice(PLAIN)
    if rng.random() < 0.7:
        return rng.choice(VALUES)
    return bytes(rng.choice((rng.randrange(256), rng.randrange(32, 127), rng.randrange(97, 123))) for _ in range(rng.randrange(20)))


def text64(rng):
    return base64.b64encode(random_bytes(rng)).decode()


def make(rng):
    results = []
    for _ in range(rng.randrange(6)):
        method = rng.choice(list(PROPS))
        props = [[*p.split("."), text64(rng)] for p in PROPS[method] if rng.random() < 0.7]
        result = {"method": method, "code": rng.choice(CODES), "props": props}
        if rng.random() < 0.5:
            result["comment"] = text64(rng)
        if rng.random() < 0.3:
            result["reason"] = text64(rng)
        results.append(result)
    return {"kind": "authres", "id": rng.choice(IDS), "results": results, "now": 1}


def printable(text):
    return re.sub(rb"[^ -~]", b"?", text).decode()


def wanted(case):
    """What the field must say, by the words of authres.h."""
    def value(text):
        return printable(base64.b64decode(text))
    name = case["id"].encode("idna").decode() if not case["id"].isascii() else case["id"]
    return name.lower(), [
        (r["method"], r["code"], printable(base64.b64decode(r["reason"])[:255]) if "reason" in r else None,
         [(p[0], p[1], value(p[2])) for p in r["props"] if len(base64.b64decode(p[2])) <= 255]) for r in case["results"]]


def read(field, rules=()):
    """The same, as python3-authres reads the field; or why it cannot."""
    reader = type("Reader", (Mended,), {"rules": rules})
    try:
        header = reader.parse(authres.core_features(), "Authentication-Results: " + field.replace("\n", "\r\n"))
    except Exception as e:  # pylint: disable=broad-except
        return f"{type(e).__name__}: {e}", []
    return header.authserv_id, [(r.method, r.result, r.reason, [(p.type, p.name, p.value) for p in r.properties])
                                for r in header.results]


def explain(field, want):
    """The rules it takes until python3-authres reads what was meant."""
    rules = list(RULES)
    if read(field, rules) != want:
        return None
    for rule in RULES:
        if read(field, [r for r in rules if r != rule]) == want:
            rules.remove(rule)
    return " + ".join(rules)


def compare(options, numbers):
    tallies = opinions.Tallies()
    cases = [make(options.rng("authres", n)) for n in numbers]
    for case, answer in zip(cases, options.ask("batch", cases)):
        want, field = wanted(case), answer["value"]
        tallies["Authentication-Results, python3-authres"].add(
            "as meant", "as meant" if read(field) == want else "otherwise", lambda w=want, f=field: explain(f, w),
            lambda w=want, f=field: f"{f!r}\nread:   {read(f)}\nmended: {read(f, list(RULES))}\nmeant:  {w}")
    return tallies
