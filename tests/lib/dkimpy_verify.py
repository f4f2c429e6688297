#!/usr/bin/python3
"""dkimpy_verify.py SNAPSHOT MESSAGE: what dkimpy, another implementation, says of each signature.

One line each: ALGORITHM pass|fail. Debian's own python3, whose modules python3-dkim and python3-nacl are.
"""
import json
import re
import sys

import dkim

with open(sys.argv[1], encoding="utf-8") as f:
    zone = json.load(f)
with open(sys.argv[2], "rb") as f:
    message = f.read()


def txt(name, timeout=5):  # pylint: disable=unused-argument
    name = (name.decode() if isinstance(name, bytes) else name).rstrip(".")
    records = zone.get(name, {}).get("TXT")
    return records[0].encode() if records else None


verifier = dkim.DKIM(message)
signatures = [v for n, v in verifier.headers if n.lower() == b"dkim-signature"]
for i, signature in enumerate(signatures):
    algorithm = re.search(rb"\ba=\s*([\w-]+)", signature).group(1).decode()
    try:
        result = "pass" if verifier.verify(idx=i, dnsfunc=txt) else "fail"
    except dkim.DKIMException as e:
        result = f"fail ({e})"
    print(algorithm, result)
