#!/usr/bin/env python3
"""authd.py SOCKET USER PASSWORD: answers Postfix's AUTH questions in Dovecot's protocol, for one user.

It stands in for Cyrus SASL with its plug-ins and database, so that the private Postfix needs none of their packages.
"""
import base64
import os
import socketserver
import sys

SOCKET, USER, PASSWORD = sys.argv[1:4]


class Auth(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n")
        for line in self.rfile:
            words = line.decode().rstrip("\n").split("\t")
            if words[0] == "AUTH":
                self.wfile.write(self.judge(words).encode())

    @staticmethod
    def judge(words):
        response = next((w[5:] for w in words if w.startswith("resp=")), "")
        _, user, password = (base64.b64decode(response).split(b"\0") + [b"", b""])[:3]
        if (user.decode(), password.decode()) == (USER, PASSWORD):
            return f"OK\t{words[1]}\tuser={USER}\n"
        return f"FAIL\t{words[1]}\tuser={USER}\n"


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


server = Server(SOCKET, Auth)
os.chmod(SOCKET, 0o666)
server.serve_forever()
