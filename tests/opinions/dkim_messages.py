"""Random messages with every trap of canonicalization in them, keys and key records, and what happens to a message on its way."""
import base64
import functools
import random

import nacl.encoding
import nacl.signing

DOMAIN = "example.com"
NAMES = ("To", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "Sender", "Received", "X-Mailer", "X-Trap", "List-Id",
         "MIME-Version",
         "Content-Type", "In-Reply-To", "Comments", "X", "subject", "REFERENCES")
WORDS = (b"hello", b"world", b"a", b"=?utf-8?q?x?=", b"<x@example.org>", b"caf\xc3\xa9", b"\xff\xfe", b"b=1;", b"bh=", b";",
         b"1234567890",
         b".", b"--", b"From ", b"\"q u\"", b"(c)", b"y" * 80)
BLANKS = (b" ", b" ", b" ", b"  ", b"\t", b" \t ", b"\t\t")
BODIES = (b"", b"", b"\r\n", b"\r\n\r\n\r\n", b" ", b" \t\r\n", b" \r\n\r\n", b"\r\n \r\n", b"a", b"a \t", b"\r", b"a\r")
RESTRICTIONS = ("", "", "t=s; ", "t=y; ", "s=email; ", "s=*; ", "h=sha256; ", "n=note; ")
FOLDS = (b"\r\n ", b"\r\n\t", b" \r\n  ", b"\r\n \t ")


def prime(rng, bits):
    small = [p for p in range(3, 2000, 2) if all(p % q for q in range(3, int(p ** 0.5) + 1, 2))]
    while True:
        n = rng.getrandbits(bits) | (3 << (bits - 2)) | 1
        if all(n % p for p in small) and pow(2, n - 1, n) == 1 and pow(3, n - 1, n) == 1 and (n - 1) % 65537:
            return n


def der(tag, *parts):
    body = b"".join(parts)
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag]) + (size if len(body) < 128 else bytes([0x80 + len(size)]) + size) + body


class Key:
    """A private key and what is published of it."""

    def __init__(self, rng, bits):
        self.bits = bits
        if bits == 0:
            seed = nacl.signing.SigningKey(rng.randbytes(32))
            self.algorithm, self.kind = b"ed25519-sha256", "ed25519"
            self.private = seed.encode(nacl.encoding.Base64Encoder)
            self.pem = self.private.decode()
            self.public = [seed.verify_key.encode(nacl.encoding.Base64Encoder).decode()]
            return
        p, q = prime(rng, bits // 2), prime(rng, bits // 2)
        n, e = p * q, 65537
        d = pow(e, -1, (p - 1) * (q - 1))
        numbers = (0, n, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
        text = base64.b64encode(der(0x30, *(integer(x) for x in numbers))).decode()
        self.algorithm, self.kind = b"rsa-sha256", "rsa"
        self.pem = "-----BEGIN RSA PRIVATE KEY-----\n" + text + "\n-----END RSA PRIVATE KEY-----\n"
        self.private = self.pem.encode()
        inner = der(0x30, integer(n), integer(e))
        # rsaEncryption, NULL; the key as RFC 5280 wraps it, and bare, as RFC 6376 3.6.1 has it
        outer = der(0x30, der(0x30, bytes.fromhex("06092a864886f70d0101010500")), der(0x03, b"\0", inner))
        self.public = [base64.b64encode(x).decode() for x in [outer] * 20 + [inner]]


def integer(n):
    return der(0x02, n.to_bytes(n.bit_length() // 8 + 1, "big"))


@functools.lru_cache(maxsize=1)
def make_keys(seed):
    """The same for the same seed: RSA with 1024 and 2048 bits, Ed25519."""
    rng = random.Random(f"{seed} keys")
    return [Key(rng, bits) for bits in (1024, 2048, 0)]


class Maker:
    """One message in the making."""

    def __init__(self, rng):
        self.rng = rng
        self.plain = rng.random() < 0.85  # values begin behind one space

    def chance(self, p):
        return self.rng.random() < p

    def text(self, words, breaks=BLANKS):
        r = self.rng
        return b"".join(r.choice(WORDS) + r.choice(breaks) for _ in range(words)) + (b"" if self.chance(0.2) else r.choice(WORDS))

    def value(self):
        r = self.rng
        text = b" " + r.choice(WORDS) if self.plain else r.choice((b" ", b"  ", b" \t", b" \r\n ", b"", b"\t", b"\r\n "))
        if self.chance(0.95):
            text += self.text(r.randrange(6), BLANKS + (FOLDS if self.chance(0.5) else ()))
        if self.chance(0.1):
            text += r.choice((b" ", b"\t \t", b"\r\n ", b"\r\n \r\n x", b" \r\n\t"))
        if self.chance(0.02):
            text += r.choice((b"\r", b"a\rb", b"\x0b", b"\x0c", b"x" * 3000, b"\x7f"))
        return text.rstrip(b"\r\n") if text.endswith((b"\r", b"\n")) else text

    def fields(self):
        r = self.rng
        out = [b"From:" + r.choice((b" a@example.com", b" A B <a@example.com>", b" \"x\"\r\n <a@example.com>"))]
        for _ in range(r.randrange(1, 9)):
            name = r.choice(NAMES)
            out += [name.encode() + b":" + self.value() for _ in range(1 if self.chance(0.85) else r.randrange(2, 5))]
        if self.chance(0.02):
            out.append(b"From: b@example.org")
        if self.chance(0.005):
            out.append(r.choice((b"Subject : x", b"X-Y\t:z")))
        r.shuffle(out)
        return out

    def line(self):
        r = self.rng
        if self.chance(0.2):
            return b""
        if self.chance(0.1):
            return r.choice(BLANKS)
        text = self.text(r.randrange(7))
        text = (r.choice(BLANKS) if self.chance(0.15) else b"") + text + (r.choice(BLANKS) if self.chance(0.2) else b"")
        if self.chance(0.01):
            noise = bytes(r.randrange(1, 256) for _ in range(20)).replace(b"\n", b"")
            text += r.choice((b"\r", b"\ra", b"\r\r", b"z" * 5000, b"z " * 600, noise))
        return text

    def body(self):
        r = self.rng
        if self.chance(0.08):
            return r.choice(BODIES)
        text = b"\r\n".join(self.line() for _ in range(r.randrange(1, 12))) + (b"\r\n" if self.chance(0.96) else b"")
        if self.chance(0.1):
            text += b"\r\n" * r.randrange(1, 5)
        if self.chance(0.02):
            text = text.replace(b"\r\n", b"\n", r.randrange(1, 4))
        if self.chance(0.002):
            text += b"w" * 70000 + b"\r\n"
        return text

    def names(self, fields):
        """h=: some that are there, repeated ones, some once more, some that are not."""
        r = self.rng
        out = [f.split(b":")[0].strip().decode() for f in fields if self.chance(0.7)]
        out += r.sample(("From", "Subject", "To", "X-Absent", "Resent-From", "Date"), r.randrange(3)) + ["From"]
        r.shuffle(out)
        if self.chance(0.1):
            out = [n.upper() for n in out]
        return out

    def record(self, key):
        """A key record. Most are good."""
        r, p = self.rng, self.rng.choice(key.public)
        kind = f"k={key.kind}; " if key.bits == 0 or self.chance(0.7) else ""
        text = r.choice(("v=DKIM1; ", "v=DKIM1;", "v=DKIM1 ; ", "")) + kind + r.choice(RESTRICTIONS) + "p=" + p
        if self.chance(0.1):
            text = r.choice((
                text + ";", text.replace("p=", "p= "), text.replace("p=", "h=sha1; p="), text.replace("p=", "s=tlsrpt; p="),
                text.replace(p, ""), text.replace(p, p[:40] + " " + p[40:]), text.replace("DKIM1", "DKIM2"), text + "; p=x",
                text.replace("p=", "g=*; p="), text.replace("p=", "h=sha1:sha256; p="), text.replace("k=rsa", "k=dsa"),
                text.replace(p, p[:-8])))
        return text


def join(fields, body):
    return b"".join(f + b"\r\n" for f in fields) + b"\r\n" + body


def split(message):
    """Fields with their folds, and the body."""
    head, _, body = message.partition(b"\r\n\r\n")
    fields = []
    for line in head.split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1] += b"\r\n" + line
        else:
            fields.append(line)
    return fields, body


# ---- on its way ----
def other_byte(rng, m):
    i = rng.randrange(len(m))
    return m[:i] + bytes([rng.choice((rng.randrange(256), m[i] ^ 0x20, 0x20, 0x41))]) + m[i + 1:]


def lost_byte(rng, m):
    i = rng.randrange(len(m))
    return m[:i] + m[i + 1:]


def new_byte(rng, m):
    i = rng.randrange(len(m) + 1)
    return m[:i] + rng.choice((b" ", b"\t", b"x", b"\r\n ", b"\r\n", b"=", b";", b"\r", b"\xe9")) + m[i:]


def change_fields(rng, m):
    fields, body = split(m)
    i, j = rng.randrange(len(fields)), rng.randrange(len(fields))
    way = rng.randrange(5)
    if way == 0:
        fields.insert(i, fields[j])
    elif way == 1:
        del fields[i]
    elif way == 2:
        fields[i], fields[j] = fields[j], fields[i]
    elif way == 3:
        fields.insert(i, rng.choice((b"Subject: new", b"X-New: new", b"from: c@example.org", b"Received: by x")))
    else:
        name, _, value = fields[i].partition(b":")
        value = rng.choice((value, b" " + value, value.replace(b" ", b"\r\n\t"), value + b" "))
        fields[i] = rng.choice((name.upper(), name.swapcase(), name)) + b":" + value
    return join(fields, body)


def change_body(rng, m):
    head, mark, body = m.partition(b"\r\n\r\n")
    return head + mark + rng.choice((
        body + b"\r\n", body + b"\r\n\r\n", body + b"-- \r\nlist\r\n", body + b" ", body + b" \r\n", body.rstrip(b"\r\n"),
        body.replace(b" ", b"  "), body.replace(b"\r\n", b" \r\n"), b"\r\n" + body, body[:-1], body.rstrip(),
        body.replace(b"\t", b" ")))


CHANGES = (other_byte, other_byte, other_byte, lost_byte, new_byte, change_fields, change_fields, change_body, change_body)


def change(rng, message):
    if rng.random() < 0.35:
        return message
    return rng.choice(CHANGES)(rng, message)
