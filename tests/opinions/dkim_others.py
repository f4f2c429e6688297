"""The other verifiers: python3-dkim, also with its faults mended one by one, and Debian's opendkim in its test mode."""
import base64
import contextlib
import itertools
import os
import re
import subprocess
import tempfile

import dkim
import dkim.canonicalization
from dkim.util import parse_tag_value

import dkim_messages
from machine import library_path, unpacked

TREE = unpacked("opendkim")
OPENDKIM = "/usr/sbin/opendkim" if TREE is None else str(TREE / "usr/sbin/opendkim")
OPENDKIM_ENV = os.environ if TREE is None else {**os.environ, "LD_LIBRARY_PATH": library_path(TREE)}
LOAD_KEY, PARSE = dkim.load_pk_from_dns, dkim.rfc822_parse
RELAXED = dkim.canonicalization.Relaxed
RELAXED_HEADERS, RELAXED_BODY = RELAXED.canonicalize_headers, RELAXED.canonicalize_body

# rule: what python3-dkim does, and what decides who is right. Some of it opendkim does, too.
RULES = {
    "bare-lf": "a bare LF in the body is taken for the end of a line; RFC 5322 2.3: CR and LF only occur together",
    "tail-blanks": "with relaxed, blanks behind a last line without CRLF stay; RFC 6376 3.4.4: they go like all at the end of a "
                   "line",
    "from-again": "a From field above those signed fails; RFC 6376 5.4.2, 8.15: only a signer who names From once more asks for "
                  "that",
    "length": "l= may be longer than the body; RFC 6376 3.5: it must not be",
    "tag-text": "a tag list may hold any character; RFC 6376 3.2: VALCHAR and FWS",
    "key-tags": "a key record's h=, s= and t=s are not looked at, nor all of its syntax; RFC 6376 3.6.1, 6.1.2",
    "base64": "bits behind the end and characters that are none are taken in b= and bh=; RFC 4648 3.3, 3.5, RFC 6376 2.10",
    "padding": "b= without its padding is refused; RFC 6376 2.10: it may be missing",
    "unix-from": "a line that begins with 'From ' is passed over anywhere in a header; RFC 5322 2.2, 3.6.8: it is no field, to "
                 "mailseal, as to the mail servers, the body begins there",
    "white-space": "VT and FF are taken for white space; RFC 6376 2.8, 3.4.2: SP and HTAB",
}
REFUSED = "field-names"
RULES_HERE = {REFUSED: "a message with a line in its header that is no field, or blanks before a colon, is refused; RFC 5322 4.5, "
                       "RFC 6376 3.4.2"}


class Unchanging(list):
    def append(self, _):
        pass


class Fault(dkim.ValidationError):
    """What python3-dkim should have said."""


def parse_message(message):
    """Line ends of the body stay as they are."""
    m = re.search(rb"\A\r?\n|\n\r?\n", message)
    if not m:
        return PARSE(message)
    return PARSE(message[:m.start() + 1] + b"\r\n")[0], message[m.end():]


def headers_without_controls(headers):
    def relax(value):
        return re.sub(rb"[\t ]+", b" ", value.replace(b"\r\n", b"")).strip(b" ") + b"\r\n"
    return [(name.lower().rstrip(b" \t"), relax(value)) for name, value in headers]


def body_with_crlf(body):
    return RELAXED_BODY(body + b"\r\n" if body and not body.endswith(b"\r\n") else body)


@contextlib.contextmanager
def mended(rules):
    """python3-dkim's functions, while in use, less the faults named."""
    dkim.rfc822_parse = parse_message if "bare-lf" in rules else PARSE
    RELAXED.canonicalize_headers = staticmethod(headers_without_controls if "white-space" in rules else RELAXED_HEADERS)
    RELAXED.canonicalize_body = staticmethod(body_with_crlf if "tail-blanks" in rules else RELAXED_BODY)
    try:
        yield
    finally:
        dkim.rfc822_parse = PARSE
        RELAXED.canonicalize_headers, RELAXED.canonicalize_body = staticmethod(RELAXED_HEADERS), staticmethod(RELAXED_BODY)


def list_of(value):
    return [x.strip() for x in value.split(b":")]


B_VALUE = re.compile(rb"(?im)(^dkim-signature:(?:[^\n]|\n[ \t])*?;\s*b\s*=)((?:[^;\n]|\n[ \t])*)")


def with_padding(message):
    def pad(m):
        text = m.group(2).rstrip()
        size = len(re.sub(rb"\s", b"", text))
        return m.group() if b"=" in text else m.group(1) + text + b"=" * (-size % 4) + m.group(2)[len(text):]
    return B_VALUE.sub(pad, message)


def with_body_at_from(message):
    """Where a line of the header begins with "From " the header ends."""
    end = re.search(rb"\n\r?\n", message)
    m = re.search(rb"\n(?=From[ \t]+[^ \t:])", message[:end.end() if end else None])
    return message if m is None else message[:m.end()] + b"\r\n" + message[m.end():]


def is_tag_list(text):
    """RFC 6376 3.2, and 8-bit characters (RFC 8616)."""
    elements = text.split(b";")
    if len(elements) > 1 and not elements[-1].strip(b" \t\r\n"):
        elements.pop()
    return bool(re.fullmatch(rb"(?:[\x21-\x7e\x80-\xff \t]|\r\n(?=[ \t]))*", text)) and all(
        re.fullmatch(rb"\s*[A-Za-z][A-Za-z0-9_]*\s*=.*", e, re.S) for e in elements)


class Verifier(dkim.DKIM):
    """python3-dkim for one signature."""

    def __init__(self, message, rules):
        self.rules = rules
        if "padding" in rules:
            message = with_padding(message)
        if "unix-from" in rules:
            message = with_body_at_from(message)
        super().__init__(message)

    def verify_headerprep(self, idx=0):
        prep = super().verify_headerprep(idx)
        if not prep:
            return prep
        sig, names, fields = prep
        if "tag-text" in self.rules and not is_tag_list(fields[idx][1].removesuffix(b"\r\n")):
            raise Fault("not a tag list")
        for tag in (b"b", b"bh"):
            text = re.sub(rb"[ \t\r\n]", b"", sig[tag])
            if "base64" in self.rules and base64.b64encode(base64.b64decode(text + b"==")).rstrip(b"=") != text.rstrip(b"="):
                raise Fault("not base64")
        return sig, Unchanging(names) if "from-again" in self.rules else names, fields

    def verify_sig_process(self, sig, include_headers, sig_header, dnsfunc):
        if "length" in self.rules and b"l" in sig:
            policy = dkim.CanonicalizationPolicy.from_c_value(sig.get(b"c", b"simple/simple"))
            if int(sig[b"l"] or 0) > len(policy.canonicalize_body(self.body)):
                raise Fault("l= is longer than the body")
        if "key-tags" in self.rules:
            self.check_key(dnsfunc(sig[b"s"] + b"._domainkey." + sig[b"d"] + b".", timeout=1), sig)
        return super().verify_sig_process(sig, include_headers, sig_header, dnsfunc)

    def check_key(self, record, sig):
        if not is_tag_list(record):
            raise Fault("key record is not a tag list")
        tags = parse_tag_value(record)
        identity = sig.get(b"i", b"@" + sig[b"d"]).rpartition(b"@")[2]
        if b"sha256" not in list_of(tags.get(b"h", b"sha256")) or not {b"*", b"email"} & set(list_of(tags.get(b"s", b"*"))) or (
                b"s" in list_of(tags.get(b"t", b"")) and identity.lower() != sig[b"d"].lower()) or (
                b"v" in tags and next(iter(tags)) != b"v") or re.search(rb"[^A-Za-z0-9+/=\s]", tags.get(b"p", b"")):
            raise Fault("key record does not allow it")


def dkimpy(message, zone, index=0, rules=()):
    """True, or anything else: False, or why not."""
    def txt(name, timeout=5):  # pylint: disable=unused-argument
        records = zone.get((name.decode("latin-1") if isinstance(name, bytes) else name).rstrip(".").lower(), {}).get("TXT")
        return records[0].encode() if records else None
    try:
        with mended(rules):
            return Verifier(message, rules).verify(idx=index, dnsfunc=txt)
    except Exception as e:  # pylint: disable=broad-except
        return f"{type(e).__name__}: {e}"


def explain_dkimpy(message, zone, index, passed):
    """The rule, or the rules, that make python3-dkim say what mailseal says."""
    def says(rules):
        return (dkimpy(message, zone, index, rules) is True) == passed
    said = dkimpy(message, zone, index)
    if isinstance(said, str) and said.startswith("MessageFormatError: Unexpected characters in RFC822 header"):
        return REFUSED
    for rule in RULES:
        if says((rule,)):
            return rule
    rules = list(RULES)
    if not says(rules):
        return None
    for rule in RULES:
        if says([r for r in rules if r != rule]):
            rules.remove(rule)
    return " + ".join(rules)


# ---- opendkim ----
OPENDKIM_RULES = {
    "front-end": "opendkim -t: blanks behind the colon, bare LF and NUL do not reach the verifier as they are; RFC 6376 3.4.1 has "
                 "them signed as they are. On what it does reach mailseal agrees",
    "final-crlf": "opendkim gives no result, or a wrong one, for a relaxed body without a final CRLF; RFC 6376 3.4.4 adds one",
    "base64": "opendkim takes b= with bits behind its end or characters that are none; RFC 4648 3.3, 3.5, RFC 6376 2.10",
    "tags-twice": "opendkim takes a key record with a tag twice; RFC 6376 3.2: the whole list is invalid",
    "field-names": "opendkim takes a line with blanks in its name for a field; RFC 5322 2.2, 3.6.8: to mailseal, as to the mail "
                   "servers, the body begins there",
    "empty-line": "opendkim has no body where the empty line before it is missing; RFC 5322 2.1 says nothing of it, to mailseal, "
                  "as to the mail servers, it begins at the first line that is no field",
    "bare-cr": "opendkim drops a CR without LF from a relaxed body, and more; RFC 6376 3.4.4 changes SP, HTAB and CRLF only",
    "blank-colon": "opendkim does not read a field with blanks before its colon; RFC 5322 4.5, RFC 6376 3.4.2",
    "bare-key": "opendkim takes no RSAPublicKey; RFC 6376 3.6.1 p= is one (SubjectPublicKeyInfo is what all publish)",
}
OPENDKIM_RULES.update({"both: " + r: f"opendkim, as python3-dkim: {why}" for r, why in RULES.items()})


def opendkim(messages, zones):
    """For each message the words it has for the signatures; an empty list where it has none."""
    out = [[] for _ in messages]
    with tempfile.TemporaryDirectory(prefix="opinions-") as tmp:
        with open(os.path.join(tmp, "keys"), "w", encoding="ascii") as f:
            # The names must differ: it has one list of keys for all messages.
            f.write("".join(sorted({f"{name} {node['TXT'][0]}\n" for zone in zones for name, node in zone.items()})))
        with open(os.path.join(tmp, "conf"), "w", encoding="ascii") as f:
            f.write(f"TestPublicKeys {tmp}/keys\nMode v\nMinimumKeyBits 1024\nOn-Default accept\n")
        for i, message in enumerate(messages):
            with open(os.path.join(tmp, str(i)), "wb") as f:
                f.write(message)
        at = 0
        while at < len(messages):
            # It ends at a message that is no message to it: begin again behind that one.
            names = ",".join(str(i) for i in range(at, min(at + 1000, len(messages))))
            p = subprocess.run([OPENDKIM, "-x", "conf", "-vv", "-t", names], cwd=tmp, env=OPENDKIM_ENV, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, check=False)
            said = re.findall(rb"(?:hvalue='((?:(?!^opendkim: |hvalue=').)*?))?^opendkim: (\d+): ", p.stdout, re.S | re.M)
            for words, name in said:
                out[int(name)] = [w.decode() for w in re.findall(rb"[\t ]dkim=(\w+)", words)]
            last = re.findall(rb"^opendkim: (\d+): ", p.stderr, re.M)
            if not last:
                raise RuntimeError(f"opendkim said nothing: {p.stderr!r}")
            at = int(last[-1]) + 1
    return out


def as_opendkim_reads(message):
    """One blank behind the colon, whatever was there. Bare LF is CRLF; a CR at the very end is none; a NUL ends its line."""
    cut = re.search(rb"\n\r?\n", message)
    head, body = (message[:cut.end()], message[cut.end():]) if cut else (message, b"")
    message = re.sub(rb"\0[^\n]*", b"", head) + re.sub(rb"\0[^\n]*\n?", b"", body)
    head, mark, body = re.sub(rb"\r?\n", b"\r\n", message).partition(b"\r\n\r\n")
    head = re.sub(rb"^([^:\s][^:\r\n]*:)(?:[ \t]|\r\n(?=[ \t]))*", rb"\1 ", head, flags=re.M)
    return head + mark + (body.removesuffix(b"\r") if not body.endswith(b"\n") else body)


def with_crlf(message, zone):
    return message if message.endswith(b"\r\n") else message + b"\r\n", zone


def with_clean_b(message, zone):
    """b= as an encoder writes it; its value is not hashed."""
    def clean(m):
        text = re.sub(rb"[^A-Za-z0-9+/]", b"", m.group(2))
        with contextlib.suppress(ValueError):
            return m.group(1) + base64.b64encode(base64.b64decode(text + b"=" * (-len(text) % 4)))
        return m.group()
    return B_VALUE.sub(clean, message), zone


def without_other_lines(message, zone):
    """The header less what is no field to RFC 5322 2.2."""
    fields, body = dkim_messages.split(message)
    return dkim_messages.join([f for f in fields if re.match(rb"[!-9;-~]+[ \t]*:", f)], body), zone


def with_tags_once(message, zone):
    def first(record):
        tags = {}
        for element in record.split(";"):
            tags.setdefault(element.partition("=")[0].strip(), element)
        return ";".join(tags.values())
    return message, {name: {"TXT": [first(node["TXT"][0])]} for name, node in zone.items()}


def wrapped(zone):
    """Bare RSA keys as SubjectPublicKeyInfo."""
    def wrap(m):
        try:
            inner = base64.b64decode(m.group(2))
        except ValueError:
            return m.group()
        bits = b"\0" + inner
        algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
        return m.group(1) + base64.b64encode(der(0x30, algorithm + der(0x03, bits))).decode()
    return {name: {"TXT": [re.sub(r"(p=\s*)(MIIBCg[^;]*|MIGJ[^;]*)", wrap, node["TXT"][0])]} for name, node in zone.items()}


def der(tag, body):
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag]) + (size if len(body) < 128 else bytes([0x80 + len(size)]) + size) + body


def with_empty_line(message, zone):
    """The body begins at the first line that is no field, as mail servers have it."""
    at = 0
    while m := re.compile(rb"[!-9;-~]+[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*").match(message, at):
        at = m.end()
    rest = message[at:]
    return message[:at] + (b"" if rest.startswith((b"\r\n", b"\n")) else b"\r\n") + rest, zone


# Messages and keys that keep clear of something opendkim does.
REPAIRS = {
    "final-crlf": with_crlf,
    "bare-key": lambda m, z: (m, wrapped(z)),
    "base64": with_clean_b,
    "tags-twice": with_tags_once,
    "field-names": without_other_lines,
    "empty-line": with_empty_line,
}


def explain_round(cases, ask, repairs):
    """For each case (message, zone, index): what is left to explain once it is repaired: "" nothing, a rule, or None."""
    for name in repairs:
        cases = [(*REPAIRS[name](m, z), i) for m, z, i in cases]
    said = opendkim([m for m, _, _ in cases], [z for _, z, _ in cases])
    ours_all = ask([(m, z) for m, z, _ in cases])
    front_all = ask([(as_opendkim_reads(m), z) for m, z, _ in cases])
    for (m, z, i), words, ours, front in zip(cases, said, ours_all, front_all):
        passed = words[i:i + 1] == ["pass"]
        if ours[i:i + 1] == [passed]:
            yield ""
        elif front[i:i + 1] == [passed]:
            yield "front-end"
        elif (dkimpy(m, z, i, RULES) is True) != (ours[i:i + 1] == [True]):
            yield None
        else:
            yield next(("both: " + rule for rule in RULES
                        if (dkimpy(as_opendkim_reads(m), z, i, [r for r in RULES if r != rule]) is True) == passed), None)


def explain_opendkim(differences, ask):
    """A rule for each of (message, zone, index, ours), ours true for a pass. ask: mailseal, a list of lists of booleans."""
    out = [None] * len(differences)
    for repairs in itertools.chain.from_iterable(itertools.combinations(REPAIRS, n) for n in range(3)):
        left = [i for i, rule in enumerate(out) if rule is None]
        for i, rule in zip(left, explain_round([differences[i][:3] for i in left], ask, repairs) if left else ()):
            out[i] = None if rule is None else " + ".join([*repairs, rule] if rule else repairs)
        if len(repairs) == 0:
            see(differences, out)
    return out


def see(differences, out):
    """What cannot be kept clear of."""
    for i, (m, z, index, ours) in enumerate(differences):
        if out[i] is None and re.search(rb"^[^:\s]+[ \t]+:", m.partition(b"\r\n\r\n")[0], re.M):
            out[i] = "blank-colon"
        elif out[i] is None and re.search(rb"\r(?!\n)", m) and (dkimpy(m, z, index, RULES) is True) == ours:
            out[i] = "bare-cr"
