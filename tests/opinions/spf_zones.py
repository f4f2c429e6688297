"""Random SPF scenarios: a client, a sender, and a zone that has something to say about them, or is wrong in one of many ways."""
import ipaddress

import spf

NOW = 1700000000
BASES = ("example.com", "example.org", "example.net", "sub.example.com", "a-b.example.org")
WORDS = ("mail", "mx1", "mx2", "_spf", "spf-a", "out", "www", "x", "relay.dc1")
LOCALS = ("user", "strong-bad", "user+tag", "a.b_c=d", "o'brien", "first.last-x", "%{d}", "u/v", "1", "UPPER", "~t")
LETTERS = "slodipvh"
FAULTS = (
    "ip4:1.2.3", "ip4:192.0.2.1/33", "ip4:192.0.2.0/024", "ip4:192.0.2.1/", "ip4", "ip4:", "ip4:192.0.2.256", "ip4:192.0.02.1",
    "ip4:192.0.2.1//24", "ip4:2001:db8::1", "ip6:192.0.2.1", "ip6:::g", "ip6:2001:db8::/129", "ip6:2001:db8::1::2", "ip6", "ip6:",
    "a:", "a/", "a/33", "a//129", "a//", "a/24/64", "a:/24", "a:example", "a:example.123", "a:example.com:8080", "a:-x.com",
    "a:foo..", "a:foo.-bar", "a:foo.bar-", "mx:", "mx/33", "mx:example.com/24/24", "mx:.", "mx//0129", "ptr:", "ptr/24", "ptr:x",
    "exists", "exists:", "exists:%{d}/24", "exists:x", "include", "include:", "include:x", "include:example.com/24", "all:x",
    "all/8",
    "all.", "-all=", "++all", "+-all", "+", "-", "foo", "foo:bar", "prt", "redirect", "redirect=", "redirect:example.com",
    "redirect=x",
    "exp=", "exp:x.example.com", "exp=x", "=x", "1a=b", "a_=%{x}", "x=%", "x=%{d", "x=a%b", "a:%{x}.example.com",
    "a:%{d0}.example.com", "a:%{d.example.com", "a:%(d).example.com", "a:%.example.com", "a:%{}.example.com", "a:%{d|}.example.com",
    "exists:%{r}.example.com", "exists:%{c}.x.example.com", "exists:%{t}.example.com", "exists:%{dx}.example.com",
    "exists:%{d2.example.com", "exists:%%{d}.example", "a:example.com,", "ip4:192.0.2.1,", "\u00e9", "a:ex\u00e4mple.com",
    "a\u0001",
    "a:example.com\u007f", "\tall", "v=spf1", "exp=%{d}.%", "redirect=%{d}.%{q}", "a:%_", "a:example.com%-", "a:x.example.com%%",
    "a:%{D2R}.example.com", "mx:%{d2r,/}.example.com", "x.y=1", "x-y_z=%{d}", "exp-text=hello", "a=b", "all=%{d}", "A.=x",
)


class Zone:
    """The answers the programs get, for pyspf: the same reading of the same data."""

    def __init__(self, data):
        self.data = data
        self.above = {n.split(".", i)[-1] for n, v in data.items() if v != "NXDOMAIN" for i in range(1, n.count(".") + 1)}

    def said(self, name, qtype):
        node = self.data.get(name)
        if node is None:
            return []
        if isinstance(node, str):
            return node
        if "CNAME" in node:
            return node["CNAME"]
        return node.get(qtype, node.get("*", []))

    def exists(self, name):
        """False for what is NXDOMAIN."""
        for _ in range(9):
            node = self.data.get(name)
            if node is None:
                return name in self.above
            if node == "NXDOMAIN" or not isinstance(node, dict) or "CNAME" not in node:
                return node != "NXDOMAIN"
            name = node["CNAME"][0]
        return True

    def lookup(self, name, qtype):
        """The records; spf.TempError where there is no answer."""
        name = name.lower().rstrip(".")
        for _ in range(9):
            said = self.said(name, qtype)
            if said in ("TIMEOUT", "SERVFAIL"):
                raise spf.TempError(f"DNS {said}")
            if isinstance(said, str):
                return []
            node = self.data.get(name)
            if not isinstance(node, dict) or "CNAME" not in node:
                return said
            name = said[0]
        raise spf.TempError("DNS too many aliases")

    def for_pyspf(self, name, qtype, strict=True, timeout=20):  # pylint: disable=unused-argument
        found = self.lookup(name, qtype)
        if qtype == "TXT":
            found = [[s.encode() for s in ([r] if isinstance(r, str) else r)] for r in found]
        return [((name, qtype), tuple(r) if qtype == "MX" else r) for r in found]


class Maker:
    """One scenario in the making."""

    def __init__(self, rng):
        self.rng, self.dns = rng, {}
        self.v6 = rng.random() < 0.3
        self.client = self.make_client()
        self.base = rng.choice(BASES)
        self.names = [self.base] + [f"{rng.choice(WORDS)}.{rng.choice(BASES)}" for _ in range(rng.randrange(3, 7))]
        self.helo = self.make_helo()
        self.sender = self.make_sender()
        self.made = set()

    def chance(self, p):
        return self.rng.random() < p

    def make_client(self):
        r = self.rng
        if self.chance(0.02):
            return "::1" if self.v6 else "127.0.0.1"
        if not self.v6:
            return r.choice(("192.0.2.", "198.51.100.", "10.1.2.")) + str(r.randrange(256))
        if self.chance(0.1):
            return f"::ffff:192.0.2.{r.randrange(256)}"
        return f"2001:db8:{r.choice(('', '1:2:3:', 'a::'))}:{r.randrange(65536):x}".replace(":::", "::")

    def make_helo(self):
        r = self.rng
        if self.chance(0.08):
            return r.choice(("localhost", "[192.0.2.1]", "foo..example.com", "x" * 64 + ".example.com", "", ".", "a.123"))
        return f"{r.choice(WORDS)}.{r.choice(BASES)}" + ("." if self.chance(0.02) else "")

    def make_sender(self):
        r = self.rng
        if self.chance(0.15):
            self.base = self.helo
            return ""
        if self.chance(0.03):
            return r.choice((f"foo@{'y' * 64}.com", "foo@localhost", "foo@a..example.com", "foo@example.com.",
                             "us\u00e9r@" + self.base))
        domain = self.base if self.chance(0.9) else self.base.upper()
        return f"{r.choice(LOCALS)}@{domain}"

    def address(self, v6):
        """Something more or less near to the client."""
        r, ip = self.rng, ipaddress.ip_address(self.client)
        if ip.version == 6 and ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        if (ip.version == 6) != v6:
            return str(ipaddress.ip_address(r.getrandbits(128 if v6 else 32)))
        bits = 128 if v6 else 32
        flip = r.choice((0, 0, 0, 1, 4, 8, 16, bits))
        return str(type(ip)(int(ip) ^ (r.getrandbits(flip) if flip else 0)))

    def cidr(self, v6):
        r = self.rng
        if self.chance(0.5):
            return ""
        top = 128 if v6 else 32
        if self.chance(0.02):
            return "/0"
        return f"/{r.choice((1, 8, 16, 20, 24, 28, 31, top - 1, top, top, r.randrange(1, top + 1)))}"

    def macro(self):
        r = self.rng
        letter = r.choice(LETTERS)
        delims = "".join(r.sample(".-+,/_=", r.randrange(1, 4))) if self.chance(0.25) else ""
        digits = r.choice(("1", "2", "3", "4", "5", "20", "128", "02")) if self.chance(0.35) else ""
        turn = r.choice("rrrrrrrrrR") if self.chance(0.3) else ""
        return f"%{{{letter.upper() if self.chance(0.12) else letter}{digits}{turn}{delims}}}"

    def spec(self, macros=0.3):
        """A domain-spec. What it stands for may then exist: a wildcard's work."""
        r = self.rng
        if not self.chance(macros):
            name = r.choice(self.names)
            return name.upper() if self.chance(0.03) else name + ("." if self.chance(0.03) else "")
        parts = [self.macro() for _ in range(r.choice((1, 1, 2, 2, 3)))]
        if self.chance(0.05):
            parts = ["%{d}"] * r.randrange(8, 25)
        if self.chance(0.15):
            parts.append(r.choice(("%%", "%-", "%_", "_x", "a/b", "x:y", "l" * 63, "l" * 64)))
        glue = r.choice((".", ".", ".", "-"))
        return glue.join(parts) + ("" if self.chance(0.15) else "." + r.choice(("w.", "_spf.", "")) + r.choice(BASES))

    def expanded(self, spec, domain):
        """A name for a macro, as pyspf writes it; none where that would take lookups or it cannot."""
        if "%" not in spec:
            return spec.rstrip(".").lower()
        if "{p" in spec.lower():
            return None
        try:
            q = spf.query(i=self.client, s=self.sender, h=self.helo)
            q.d = domain
            name = q.expand(spec).lower()
        except Exception:  # pylint: disable=broad-except
            return None
        while len(name) > 253 and "." in name:
            name = name.split(".", 1)[1]
        if not name.isascii() or not all(0 < len(x) < 64 for x in name.split(".")):
            return None
        return name

    def put(self, name, qtype, records):
        if name and isinstance(self.dns.setdefault(name, {}), dict) and "CNAME" not in self.dns[name]:
            self.dns[name].setdefault(qtype, records)

    def put_addresses(self, name):
        if self.chance(0.75):
            self.put(name, "A", [self.address(False) for _ in range(self.rng.choice((1, 1, 1, 2, 3)))])
        if self.chance(0.75 if self.v6 else 0.3):
            self.put(name, "AAAA", [self.address(True) for _ in range(self.rng.choice((1, 1, 2)))])

    def many(self):
        return self.rng.choice((1, 1, 2, 2, 3)) if not self.chance(0.12) else self.rng.choice((9, 10, 11, 12))

    def put_exchanges(self, name):
        hosts = [f"h{i}.{self.rng.choice(BASES)}" for i in range(self.many())]
        self.put(name, "MX", [[self.rng.choice((10, 10, 20)), h] for h in hosts] if self.chance(0.97) else [[0, ""]])
        for h in hosts:
            if self.chance(0.9):
                self.put_addresses(h)

    def mechanism(self, kind, domain, depth):
        r, spec = self.rng, ""
        if kind in ("ip4", "ip6"):
            v6 = kind == "ip6"
            return f":{self.address(v6)}{self.cidr(v6)}"
        if kind in ("include", "exists") or self.chance(0.7):
            spec = self.spec(0.55 if kind == "exists" else 0.12)
        name = self.expanded(spec, domain) if spec else domain
        if kind == "include":
            self.record(name, depth + 1)
        elif kind == "mx" and self.chance(0.85):
            self.put_exchanges(name)
        elif kind == "a" and self.chance(0.85):
            self.put_addresses(name)
        elif kind == "exists" and self.chance(0.5):
            self.put(name, "A", ["127.0.0.2"])
        text = f":{spec}" if spec else ""
        if kind in ("a", "mx") and self.chance(0.3):
            text += r.choice((self.cidr(False), self.cidr(False) + (self.cidr(True) and "/" + self.cidr(True))))
        return text

    def explanation(self):
        r = self.rng
        if self.chance(0.005):
            return "%{d}" * 127 + "y"
        words = [r.choice(("see", "%{i}", "%{c}", "%{r}", "%{t}", "%{l}", "%{s}", "%{h}", "%{p}", "%{d}", "%%", "%_", "%-",
                           "http://example.com/?s=%{S}&i=%{I}", "%{L}", "%{ir}", "%{d2}", "not", self.macro()))
                 for _ in range(r.randrange(1, 7))]
        text = " ".join(words)
        if self.chance(0.08):
            text += r.choice(("%", "%{x}", "\u00e9", "%{d", " " * 300, "x" * 300, "%{d}" * 127 + "y"))
        return text

    def modifier(self, kind, domain, depth):
        spec = self.spec(0.12)
        name = self.expanded(spec, domain)
        if kind == "redirect":
            self.record(name, depth + 1)
        elif self.chance(0.85):
            self.put(name, "TXT", [self.explanation() for _ in range(1 if self.chance(0.95) else 2)])
        return f"{kind}={spec}"

    def terms(self, domain, depth):
        r, out = self.rng, []
        n = r.choice((0, 1, 2, 2, 3, 3, 4, 5, 6)) if not self.chance(0.06) else r.randrange(9, 14)
        for _ in range(n):
            kind = r.choices(("ip4", "ip6", "a", "mx", "ptr", "include", "exists"), (5, 4, 5, 3, 2, 5 if depth < 4 else 0, 4))[0]
            if kind == "ptr":
                text = f":{self.spec(0.1)}" if self.chance(0.5) else ""
            else:
                text = self.mechanism(kind, domain, depth)
            kind = kind.upper() if self.chance(0.03) else kind
            out.append(r.choices(("", "+", "-", "~", "?"), (12, 2, 2, 2, 2))[0] + kind + text)
        if self.chance(0.03):
            out[0:0] = [f"ip4:203.0.113.{r.randrange(256)}" for _ in range(r.randrange(30, 90))]
        if self.chance(0.7):
            out.append(r.choice(("-all", "-all", "~all", "?all", "all", "-ALL")))
        for kind, p in (("redirect", 0.18 if depth < 4 else 0), ("exp", 0.25)):
            if self.chance(p):
                out.insert(r.choice((0, len(out), len(out), r.randrange(len(out) + 1))), self.modifier(kind, domain, depth))
        if self.chance(0.05):
            out.insert(r.randrange(len(out) + 1), r.choice(("x=y", "match.sub-domains_9=%{d}", "op=dk", "default=pass", "Exp_2=")))
        return out

    def spoil(self, text):
        """One byte more, less or other."""
        r, i = self.rng, self.rng.randrange(7, len(text) + 1) if len(text) > 7 else len(text)
        c = r.choice("%{}/:=.-+~?,_ 0123456789abcdirsx|")
        return text[:i] + r.choice((c + text[i:], text[i + 1:], c + text[i + 1:]))

    def record(self, name, depth):
        r = self.rng
        if name is None or name in self.made or (depth > 0 and self.chance(0.06)):
            return
        self.made.add(name)
        terms = self.terms(name, depth)
        if self.chance(0.05):
            terms.insert(r.randrange(len(terms) + 1), r.choice(FAULTS))
        gap = "  " if self.chance(0.03) else " "
        text = gap.join([r.choices(("v=spf1", "V=SPF1", "v=Spf1"), (40, 1, 1))[0]] + terms) + (" " if self.chance(0.03) else "")
        if self.chance(0.03):
            text = self.spoil(text)
        if self.chance(0.01):
            text = r.choice(("v=spf10 -all", "v=spf1", "v=spf1.", "v=spf1\t-all", " v=spf1 -all", "spf2.0/pra -all", ""))
        records = [text]
        if self.chance(0.15) and len(text) > 10:
            cut = r.randrange(len(text))
            records = [[text[:cut], text[cut:]]]
        if self.chance(0.1):
            records.insert(r.randrange(2), "google-site-verification=xyz")
        if self.chance(0.015):
            records.append("v=spf1 +all")
        self.put(name, "TXT", records)

    def put_names_of_client(self):
        q = spf.query(i=self.client, s="a@example.com", h="x.example.com")
        reverse = f"{spf.reverse_dots(q.i)}.{q.v}.arpa".lower()
        hosts = [("" if self.chance(0.5) else f"p{i}.") + self.rng.choice(self.names) for i in range(self.many())]
        if not self.chance(0.8):
            return
        self.put(reverse, "PTR", hosts)
        for h in hosts:
            if self.chance(0.6):
                self.put(h, "AAAA" if q.v == "ip6" else "A", [q.c])
            else:
                self.put_addresses(h)

    def break_something(self):
        """Servers that fail, and aliases."""
        r = self.rng
        for name in list(self.dns):
            if self.chance(0.025):
                self.dns[name] = r.choice(("TIMEOUT", "SERVFAIL", "NXDOMAIN", {}))
            elif self.chance(0.02) and isinstance(self.dns[name], dict) and self.dns[name]:
                self.dns[name][r.choice(list(self.dns[name]))] = r.choice(("TIMEOUT", "SERVFAIL"))
            elif self.chance(0.02):
                other = r.choice((f"alias.{name}", r.choice(list(self.dns))))
                if other not in self.dns:
                    self.dns[other] = self.dns[name]
                self.dns[name] = {"CNAME": [other]}

    def scenario(self):
        self.record(self.base.rstrip(".").lower(), 0)
        self.put_names_of_client()
        self.break_something()
        return {"kind": "spf", "ip": self.client, "helo": self.helo, "mail_from": self.sender, "receiver": "mx.example.edu",
                "now": NOW, "dns": {n: v for n, v in self.dns.items() if len(n) <= 253}}


def make(rng):
    return Maker(rng).scenario()
