"""A socketmap server (socketmap_table(5)) in a thread, for the daemon and for Postfix's own postmap."""
import contextlib
import os
import pathlib
import socket
import socketserver
import threading


class Question(socketserver.StreamRequestHandler):
    def handle(self):
        with contextlib.suppress(ConnectionError):  # the other side may end it at any time
            self.answer_all()

    def answer_all(self):
        while (length := self.read_length()) is not None:
            name, _, key = self.rfile.read(length).decode().partition(" ")
            if self.rfile.read(1) != b",":
                return
            reply = self.server.answer(name, key).encode()
            self.wfile.write(b"%d:%s," % (len(reply), reply))

    def read_length(self):
        digits = b""
        while (c := self.rfile.read(1)).isdigit():
            digits += c
        return int(digits) if c == b":" else None


class Socketmap(socketserver.ThreadingUnixStreamServer):
    """tables: names to keys to values; None for a value: the server cannot tell now."""
    daemon_threads = True

    def __init__(self, path, tables):
        self.path = pathlib.Path(path)
        self.path.unlink(missing_ok=True)
        super().__init__(str(path), Question)
        os.chmod(path, 0o666)
        self.tables = tables
        self.asked = []
        self.connections = []

    def get_request(self):
        connection = super().get_request()
        self.connections.append(connection[0])
        return connection

    def answer(self, name, key):
        self.asked.append((name, key))
        table = self.tables.get(name)
        if table is None:
            return "PERM no such table"
        value = table.get(key, "")
        return "TEMP not now" if value is None else f"OK {value}" if value else "NOTFOUND "

    def spec(self, name):
        return f"socketmap:unix:{self.path}:{name}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.path.unlink()
