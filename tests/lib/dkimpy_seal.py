#!/usr/bin/python3
"""dkimpy_seal.py KEY DOMAIN SELECTOR: seals (ARC) a message as dkimpy, another implementation, does: stdin to stdout.

What the sealer found stands in the message, in Authentication-Results under the name DOMAIN. Debian's own python3.
"""
import sys

import dkim

with open(sys.argv[1], "rb") as f:
    key = f.read()
message = sys.stdin.buffer.read()
domain, selector = sys.argv[2].encode(), sys.argv[3].encode()
fields = dkim.arc_sign(message, selector, domain, key, domain)
for field in fields:
    sys.stdout.buffer.write(field.replace(b"\r\n", b"\n").rstrip(b"\n").replace(b"\n", b"\r\n") + b"\r\n")
sys.stdout.buffer.write(message)
