"""A raw SMTP client: it sends exactly the bytes it is told to, so that bare LF, RSET and odd sessions can be made."""
import base64
import socket
import ssl


class Reply(str):
    """The whole reply, lines joined with LF."""

    @property
    def code(self):
        return int(self[:3])

    @property
    def queue_id(self):
        """The id Postfix or sendmail names in its 250."""
        words = self.split()
        if "queued" in words:
            return words[words.index("queued") + 2]
        return words[2] if len(words) > 3 and words[3:5] == ["Message", "accepted"] else ""


class Smtp:
    def __init__(self, port, helo="client.example", timeout=60):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout)
        self.inp = self.sock.makefile("rb")
        self.helo_name = helo
        self.trace = []  # (what was sent, reply), what a person wants to see of it
        self.greeting = self.reply()
        self.ehlo()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drop()

    def reply(self):
        lines = []
        while True:
            line = self.inp.readline().decode("utf-8", "replace").rstrip("\r\n")
            if not line:
                raise ConnectionError(f"the server closed the connection after {lines}")
            lines.append(line)
            if line[3:4] != "-":
                return Reply("\n".join(lines))

    def raw(self, data):
        self.sock.sendall(data)

    def cmd(self, line):
        self.raw(line.encode() + b"\r\n")
        reply = self.reply()
        self.trace.append((line, reply))
        return reply

    def ehlo(self):
        return self.cmd(f"EHLO {self.helo_name}")

    def xclient(self, addr, name="[UNAVAILABLE]", helo=None):
        """Speaks for another client from here on (Postfix only)."""
        addr = f"IPV6:{addr}" if ":" in addr else addr
        self.helo_name = helo or self.helo_name
        reply = self.cmd(f"XCLIENT NAME={name} ADDR={addr} PORT=4321 HELO={self.helo_name} PROTO=ESMTP")
        return self.ehlo() if reply.code == 220 else reply

    def starttls(self):
        reply = self.cmd("STARTTLS")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.sock = context.wrap_socket(self.sock)
        self.inp = self.sock.makefile("rb")
        self.ehlo()
        return reply

    def auth(self, user, password):
        return self.cmd("AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode())

    def send(self, sender, rcpts, message, options=""):
        """One message; the reply that ended it, of whichever command."""
        reply = self.cmd(f"MAIL FROM:<{sender}>{' ' * bool(options)}{options}")
        if reply.code != 250:
            return reply
        for rcpt in [rcpts] if isinstance(rcpts, str) else rcpts:
            reply = self.cmd(f"RCPT TO:<{rcpt}>")
            if reply.code != 250:
                return reply
        reply = self.cmd("DATA")
        return self.data(message) if reply.code == 354 else reply

    def data(self, message):
        """The content, LF lines made CRLF, dots stuffed, and the reply to its end."""
        message = message.encode() if isinstance(message, str) else message
        wire = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").replace(b"\r\n.", b"\r\n..")
        wire = wire if wire.endswith(b"\r\n") else wire + b"\r\n"
        return self.raw_data(wire)

    def raw_data(self, wire):
        """The content as it is, which must end with CRLF."""
        self.raw(wire + b".\r\n")
        reply = self.reply()
        self.trace.append((".", reply))
        return reply

    def quit(self):
        reply = self.cmd("QUIT")
        self.drop()
        return reply

    def drop(self):
        self.inp.close()
        self.sock.close()
