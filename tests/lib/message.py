"""Header fields of a message in a file, without Python's own ideas about them."""
import re


def fields(path_or_bytes):
    """[(name, value)] in order, folds as they are, bytes as UTF-8 with replacements."""
    raw = path_or_bytes if isinstance(path_or_bytes, bytes) else path_or_bytes.read_bytes()
    head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0].decode("utf-8", "replace").replace("\r\n", "\n")
    out = []
    for line in re.split(r"\n(?![ \t])", head):
        name, _, value = line.partition(":")
        out.append((name, value))
    return out


def values(path_or_bytes, name):
    """The values of all fields of this name, unfolded, white space made single spaces."""
    return [" ".join(v.split()) for n, v in fields(path_or_bytes) if n.lower() == name.lower()]


def body(path):
    return re.split(rb"\r?\n\r?\n", path.read_bytes(), maxsplit=1)[1]


def without_envelope(path):
    """The message as the daemon left it: without the fields Postfix's and sendmail's delivery puts on top."""
    raw = path.read_bytes()
    return re.sub(rb"\A(?:(?:Return-Path|X-Original-To|Delivered-To):[^\n]*\n(?:[ \t][^\n]*\n)*)+", b"", raw)
