"""The daemon under test: its configuration, its DNS answers and its keys below a directory, its log and its verdict lines."""
import json
import os
import pathlib
import signal
import subprocess

from machine import TOP, Late, run, start, stop, wait_for

AUTHSERV_ID = "mx.mailseal.example"

CONF = """\
socket = "unix:{dir}/mailseal.sock"
socket-mode = 0666
authserv-id = "{id}"
policy = "{top}/policies/standard.policy"
quarantine = "hold"
{dns}
"""
SIGN = """\
sign "{domain}" {{
    selector = "{selector}"
    key-file = "{dir}/{selector}.{domain}.pem"
{options}}}
"""


class Daemon:
    def __init__(self, directory, program, zone, options=""):
        """zone: names to answers, in the form of a snapshot file; options: further lines of the configuration."""
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.dir.chmod(0o755)
        self.program = pathlib.Path(program)
        self.zone = dict(zone)
        self.dns = self.dir / "dns.json"
        self.conf = self.dir / "mailseal.conf"
        self.dns_option = f'dns-snapshot = "{self.dns}"'
        self.options = options
        self.log_path = self.dir / "mailseal.log"
        self.process = None
        self.seen = 0

    # ---- before the start ----
    def command(self, *args, **kw):
        return run(self.program, *args, **kw)

    def new_key(self, domain, selector, algorithm):
        """Makes a private key, algorithm rsa2048 or ed25519, and publishes its record in the zone."""
        path = self.dir / f"{selector}.{domain}.pem"
        self.command("key", "new", domain, "--selector", selector, "--algorithm", algorithm, "--out", path)
        shown = json.loads(self.command("key", "show", path, "--domain", domain, "--selector", selector, "--json"))
        self.zone[shown["name"]] = {"TXT": [shown["record"]]}

    def sign_with(self, domain, selector, algorithm, options=""):
        """A new key, and a `sign` section for it, with these lines."""
        self.new_key(domain, selector, algorithm)
        self.options += SIGN.format(domain=domain, selector=selector, dir=self.dir, options=options)

    def sign(self, message, domain, selector, *options):
        """The message (bytes) signed with a key of new_key()."""
        p = subprocess.run([self.program, "sign", "--domain", domain, "--selector", selector, "--key",
                            self.dir / f"{selector}.{domain}.pem", *options], input=message, capture_output=True, check=False,
                           timeout=60)
        if p.returncode != 0:
            raise RuntimeError(f"mailseal sign ended with {p.returncode}: {p.stderr.decode(errors='replace')}")
        return p.stdout

    def write(self):
        self.dns.write_text(json.dumps(self.zone, indent=1))
        self.conf.write_text(CONF.format(dir=self.dir, id=AUTHSERV_ID, top=TOP, dns=self.dns_option) + self.options)

    # ---- running ----
    @property
    def postfix_milter(self):
        return f"unix:{self.dir}/mailseal.sock"

    @property
    def sendmail_milter(self):
        return f"local:{self.dir}/mailseal.sock"

    def start(self):
        self.write()
        before = len(self.log())
        self.process = start([self.program, "milter", "-c", self.conf], self.log_path)

        def ready():
            return "listens on" in self.log()[before:] or self.process.poll() is not None
        try:
            wait_for("daemon", ready)
        except Late as e:
            self.stop()
            raise RuntimeError(f"{e}\n{self.log()}") from e
        if self.process.poll() is not None:
            raise RuntimeError(f"the daemon did not start:\n{self.log()}")
        self.seen = len(self.log())
        return self

    def stop(self):
        """Its exit status; None when it never ran."""
        return stop(self.process) if self.process else None

    def signal(self, number):
        os.kill(self.process.pid, number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def reload(self):
        """Asks it to read its configuration again; what it says about that."""
        before = len(self.log())
        self.signal(signal.SIGHUP)

        def answer():
            return next((x for x in self.log()[before:].splitlines() if "reloaded" in x), None)
        return wait_for("answer to SIGHUP", answer)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def verdict(self, seconds=10.0):
        """The verdict line of the next message since the last call."""
        def find():
            lines = self.log()[self.seen:].splitlines(keepends=True)
            return next((x for x in lines if " action=" in x and x.endswith("\n")), None)
        line = wait_for("verdict line", find, seconds)
        self.seen = self.log().index(line, self.seen) + len(line)
        return line.strip()

    def check(self, message, client_ip, helo, sender):
        """`mailseal check --json` of a message in a file, with the daemon's DNS answers."""
        out = self.command("check", "--json", "-c", self.conf, "--dns", self.dns, "--client-ip", client_ip, "--helo", helo,
                           "--mail-from", sender, message)
        return json.loads(out)
