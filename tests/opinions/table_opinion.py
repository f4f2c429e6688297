"""Signing tables: mailseal and opendkim on random KeyTable and SigningTable files: which signatures (d=, s=, i=) who puts on."""
import collections
import copy
import itertools
import os
import pathlib
import re
import subprocess
import tempfile

import opinions
from dkim_others import OPENDKIM, OPENDKIM_ENV
from machine import TOP

AUTHORS = 16
SIGNATURES_MAX = 4  # of mailseal
ABSENT = "gone.test"  # of the keys in directories of their domains there is none for this one
DOMAINS = ("a.example", "b.example", "x.a.example", "y.x.a.example", "xa.example", "c.b.example", "other.test", ABSENT)
OFTEN = DOMAINS[:-1] * 5 + (ABSENT,)
LOCALS = ("ann", "bob", "anna", "a.b", "ann+tag", "x")
IDENTITIES = ("@%", "list@%", "@a.example", "ann@x.a.example", "%")
MESSAGE = "From: <{}>\r\nTo: <reader@site.test>\r\nSubject: one\r\nDate: Sun, 22 Nov 2026 00:00:00 +0000\r\n\r\nHello\r\n"

# Made for this and used nowhere else.
PEM = """\
-----BEGIN RSA PRIVATE KEY-----
MIICXAIBAAKBgQDWeCOIiWrNhO24udimpjAVD0yg8ORLcPCKu9rbEP0h5XktIcU1
tvEzojX10NuOHeEK342Vyh8nMZgehnBVvNbOijVXM8lBXGOm0QidQSo/A0Ee7jjr
O6v4OunnPrtOoeEjqs+x6TUkcb3kNk5ULYkYbXOEGHGma2yGNJNmX5aerwIDAQAB
AoGBAImCliXhFd2YMWOTpVmUjJe0K4m1amsEivYo5HY5OlQVcdCCKpP6LETS6I4n
z94bQkNaesljwv26SrKnuDcA0SiH3QEz/zCTRtPRtOI8YXNPtWx4H5ghZ1mIdeRi
YzJODOXsQvQ39+kBD5GnGzAaDkpckOUkzUyPHUSd7iH0TFghAkEA8Aq43ZBWCvib
pr/iuknivu2FhHBKQt4BpKBebF/Wk/WzheORYWSfFmrmOlSfBKuKlcobYBEPemAj
G0pqZ/8l5QJBAOS6MjpwWyJKnQ+rIeTYtddwmQONzLVzacg5Oel8gnPWT1xCg3PI
OrtcPGb54hCUOWKezEh1WBDvzbH3eC/xqQMCQD8o0xOZUsp4N5xciO+zWTIblTIP
ybpmZ9BFUhL59J/h2ma0RiB2NVXUstdORLkZ2dEn6KQSWRw+B366ydyrSfECQCrc
fXcYAOvvIXmDLynMNl812WaiFt9VzlfX6XNIgsWkPmDikfGLbv4XLbZ6UxOaQxqo
+U0GuEcMOPaFkj8hwPMCQALkqi5yQdsXbIm/9Eak953xXmpx5qELjrWwloLopWf3
Q4BCSt6oQQ7V4bUvyp6nAWaQDbdu7cBJD2VqZrG5v3A=
-----END RSA PRIVATE KEY-----
"""

Key = collections.namedtuple("Key", "before name domain selector path after")
Line = collections.namedtuple("Line", "before pattern name identity after")


class Case:
    """A pair of tables and the authors that are asked for."""

    def __init__(self, rng):
        self.rng = rng
        self.patterns = rng.random() < 0.6  # refile:
        self.all = rng.random() < 0.5
        names = [f"k{i}" for i in range(rng.randint(1, 6))] + [d for d in DOMAINS if rng.random() < 0.3]
        self.keys = [self.key(i, name) for i, name in enumerate(names)]
        self.lines = [self.line(names) for _ in range(rng.randint(1, 10))]
        self.authors = [self.case_of(f"{rng.choice(LOCALS)}@{rng.choice(OFTEN)}") for _ in range(AUTHORS)]

    def before(self):
        r = self.rng.random()
        return "\n" if r < 0.05 else "# a comment\n" if r < 0.1 else "   \t\n" if r < 0.13 else ""

    def blank(self):
        return self.rng.choice((" ", "\t", "   ", " \t"))

    def after(self):
        return self.rng.choice(("", "", "", " ", "\t# behind it", "  # behind it")) + "\n"

    def case_of(self, text):
        return text.upper() if self.rng.random() < 0.1 else text

    def key(self, i, name):
        domain = self.rng.choice(("%", "%", *OFTEN[:10], ABSENT))
        path = self.rng.choice(("KEYS/key.pem", "KEYS/%/key.pem", "./keys/key.pem"))
        return Key(self.before(), name + self.blank(), domain, f"s{i}", path, self.after())

    def line(self, names):
        rng = self.rng
        name = "%" if rng.random() < 0.07 else rng.choice(names)
        # With "%:identity" in a table that is no refile opendkim does not start.
        identity = ":" + rng.choice(IDENTITIES) if rng.random() < 0.15 and (self.patterns or name != "%") else ""
        return Line(self.before(), self.case_of(self.pattern()) + self.blank(), name, identity, self.after())

    def pattern(self):
        d, user = self.rng.choice(OFTEN), self.rng.choice(LOCALS)
        top = d.rpartition(".")[2]
        if self.patterns:
            return self.rng.choice((f"*@{d}", f"{user}@{d}", f"*@*.{d}", f"*.{d}", f"*@*{d}", f"{user[:2]}*@{d}", f"{user}@*",
                                    "*@*", "*", d, f"*{user[-1]}@{d}", f"*@{d[0]}*", f"*.{top}"))
        return self.rng.choice((f"{user}@{d}", d, f"*@{d}", f".{d}", f"{user}@.{d}", f"{user}@*", "*", f".{top}"))

    def text(self, table):
        return "".join(k.before + k.name + ":".join(k[2:5]) + k.after for k in self.keys) if table == "KeyTable" else \
            "".join("".join(line) for line in self.lines)

    def write(self, directory):
        key = directory / "key.pem"
        key.write_text(PEM, encoding="ascii")
        for d in DOMAINS:
            if d != ABSENT:
                (directory / "keys" / d).mkdir(parents=True)
                (directory / "keys" / d / "key.pem").symlink_to(key)
        (directory / "keys/key.pem").symlink_to(key)
        for table in ("KeyTable", "SigningTable"):
            (directory / table).write_text(self.text(table).replace("KEYS", f"{directory}/keys"), encoding="ascii")
        keys, signing = f"{directory}/KeyTable", f"{'refile' if self.patterns else 'file'}:{directory}/SigningTable"
        several = "yes" if self.all else "no"
        (directory / "ours").write_text(f'policy = "{TOP}/policies/standard.policy"\nkey-table = "{keys}"\n'
                                        f'signing-table = "{signing}"\nsign-all-matches = {several}\n', encoding="ascii")
        (directory / "theirs").write_text(f"Mode s\nKeyTable {keys}\nSigningTable {signing}\nMultipleSignatures {several}\n"
                                          "RequireSafeKeys no\nMinimumKeyBits 1024\n", encoding="ascii")
        for i, author in enumerate(self.authors):
            (directory / str(i)).write_text(MESSAGE.format(author), encoding="ascii", newline="")

    def show(self, author):
        return (f"{author} {'refile' if self.patterns else 'file'} {'all' if self.all else 'first'}\n"
                f"KeyTable:\n{self.text('KeyTable')}SigningTable:\n{self.text('SigningTable')}")


# ---- the two answers ----

ENDS = re.compile(r"hname='DKIM-Signature' hvalue='(?P<value>.*?)'$|"
                  r"^opendkim: (?P<message>\d+): mlfi_(?P<stage>eo[hm])\(\) returned SMFIS_(?P<code>\w+)", re.S | re.M)


def tag(value, name):
    m = re.search(rf"(?:^|;)\s*{name}=\s*([^;]*?)\s*(?:;|$)", value)
    return m.group(1) if m else ""


def theirs(directory, n):
    """For each message the signatures opendkim puts on, or what it answers instead of accepting it."""
    out, at = [None] * n, 0
    while at < n:
        # It ends behind a message that it does not sign: begin again there.
        p = subprocess.run(["stdbuf", "-o0", OPENDKIM, "-x", "theirs", "-vv", "-t", ",".join(str(i) for i in range(at, n))],
                           cwd=directory, env=OPENDKIM_ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                           text=True)
        signed = []
        for m in ENDS.finditer(p.stdout):
            if m.group("value") is not None:
                signed.append(" ".join(tag(m.group("value"), t) for t in "dsi"))
            elif m.group("stage") == "eom" or m.group("code") != "CONTINUE":
                at = int(m.group("message"))
                out[at] = signed if m.group("code") in ("ACCEPT", "CONTINUE") else [m.group("code")]
                signed = []
        if out[at] is None:
            raise RuntimeError(f"opendkim: {p.stdout}")
        at += 1
    return out


def ours(options, directory, case):
    """As theirs; a key whose file is not there signs nothing."""
    question = {"kind": "tables", "conf": str(directory / "ours"), "authors": case.authors}
    return [[" ".join(w[:3]) for w in (s.split(" ") for s in said) if os.path.exists(w[3])]
            for said in options.ask("batch", [question])[0]["signers"]]


def both(options, case):
    """For each author ours and theirs."""
    with tempfile.TemporaryDirectory(prefix="opinions-") as tmp:
        directory = pathlib.Path(tmp)
        case.write(directory)
        return [(" | ".join(a), " | ".join(b)) for a, b in zip(ours(options, directory, case),
                                                               theirs(directory, len(case.authors)))]


# ---- differences ----

def key_of(case, line, domain):
    name = domain if line.name == "%" else line.name
    return next((k for k in case.keys if k.name.strip() == name), None)


def signing_domain(key, domain):
    return domain if key is None or key.domain == "%" else key.domain


def without_absent_keys(case, domain):
    """Less the lines that lead this author to no key."""
    def leads(line):
        k = key_of(case, line, domain)
        return k is not None and not ("%" in k.path and signing_domain(k, domain) == ABSENT)
    case.lines = [line for line in case.lines if leads(line)]


def without_strange_identities(case, domain):
    """Less each i= that is not at or below d=, and so would make the signature one that cannot pass (RFC 6376 3.5)."""
    def fits(line):
        d = signing_domain(key_of(case, line, domain), domain)
        of = line.identity.replace("%", domain).rpartition("@")[2]
        return "@" in line.identity and (of == d or of.endswith("." + d))
    case.lines = [line if fits(line) else line._replace(identity="") for line in case.lines]


def without_stars(case, _):
    """Less what is a pattern in a table that has none."""
    if not case.patterns:
        case.lines = [line for line in case.lines if not line.pattern.startswith("*@")]


def with_keys_of_their_own(case, domain):
    """A key with a selector of its own for each line."""
    keys, lines = list(case.keys), []
    for i, line in enumerate(case.lines):
        k = key_of(case, line, domain)
        if k is not None:
            keys.append(k._replace(name=f"own{i} ", selector=f"{k.selector}-{i}"))
            line = line._replace(name=f"own{i}")
        lines.append(line)
    case.keys, case.lines = keys, lines


REPAIRS = {"no-key": without_absent_keys, "identity": without_strange_identities, "star": without_stars,
           "twice": with_keys_of_their_own}
REASONS = {"opendkim's own reading": {
    "no-key": "opendkim defers the message when any line for its author names a key that is not there; mailseal does when no other "
              "key of that domain signs",
    "identity": "opendkim puts no signature on, or one with an i= that is not below d= (RFC 6376 3.5: no pass); mailseal leaves "
                "such an i= out",
    "star": "*@domain in a table that is no refile: matches nobody; mailseal takes it for the domain",
    "twice": "opendkim signs twice with the same key where two lines name it",
    "middle": "of three matches and more opendkim forgets all but the first and the last; mailseal puts on up to four",
}}


def repaired(case, author, repairs):
    """The tables for one author after these repairs; None when one of them changes nothing."""
    out = copy.copy(case)
    out.authors = [author]
    for name in repairs:
        before = out.keys, out.lines
        REPAIRS[name](out, author.rpartition("@")[2].lower())
        if before == (out.keys, out.lines):
            return None
    return out


def explain(options, case, author):
    """The repairs of the tables after which both say the same, or None."""
    for repairs in itertools.chain.from_iterable(itertools.combinations(REPAIRS, n) for n in range(len(REPAIRS) + 1)):
        tables = repaired(case, author, repairs)
        if tables is None:
            continue
        said, other = (answer.split(" | ") for answer in both(options, tables)[0])
        if said == other:
            return " + ".join(repairs)
        if len(other) == 2 and len(said) > 2 and said[0] == other[0] and (said[-1] == other[-1] or len(said) == SIGNATURES_MAX):
            return " + ".join((*repairs, "middle"))
    return None


def compare(options, numbers):
    tallies = opinions.Tallies()
    for number in numbers:
        case = Case(options.rng("tables", number))
        for author, (said, other) in zip(case.authors, both(options, case)):
            tallies["Signing tables, opendkim's own reading"].add(said, other, lambda a=author: explain(options, case, a),
                                                    lambda a=author: case.show(a))
    return tallies
