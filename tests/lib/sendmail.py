"""A private sendmail below a directory, from the unpacked packages; never installed, it would push Postfix out.

Mail lands in DIR/mail, one file per message, before the 250. The submission port asks for AUTH. It runs in a UTS and mount
namespace of its own, with an overlay on /etc: it wants a host name with a dot, and reads hosts, resolv.conf and sasldb2 from fixed
places. Needs root.
"""
import os
import pathlib

from machine import BUILDS, Late, free_ports, library_path, listening, run, start, stop, stop_pid, wait_for

USER, REALM, PASSWORD = "alice", "ours.example", "secret"
HOST = "mx.mailseal.example"

SENDMAIL_MC = """\
divert(-1)divert(0)dnl
define(`_USE_ETC_MAIL_')dnl
OSTYPE(`linux')dnl
undefine(`ALIAS_FILE')dnl
define(`ALIAS_FILE', `')dnl
define(`HELP_FILE', `{dir}/etc/helpfile')dnl
define(`STATUS_FILE', `')dnl
define(`QUEUE_DIR', `{dir}/queue')dnl
define(`confPID_FILE', `{dir}/sendmail.pid')dnl
define(`confCW_FILE', `{dir}/etc/local-host-names')dnl
define(`confCT_FILE', `-o {dir}/etc/trusted-users')dnl
define(`confCR_FILE', `-o {dir}/etc/relay-domains')dnl
define(`confDOMAIN_NAME', `{host}')dnl
define(`confDONT_BLAME_SENDMAIL', `GroupWritableDirPathSafe,TrustStickyBit')dnl
define(`confDELIVERY_MODE', `interactive')dnl
define(`confTO_IDENT', `0')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confTO_CONNECT', `5s')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confSERVICE_SWITCH_FILE', `{dir}/etc/service.switch')dnl
define(`confHOSTS_FILE', `{dir}/etc/hosts')dnl
define(`confMILTER_LOG_LEVEL', `14')dnl
define(`confAUTH_MECHANISMS', `PLAIN LOGIN')dnl
define(`confAUTH_OPTIONS', `A')dnl
define(`confAUTH_REALM', `{realm}')dnl
TRUST_AUTH_MECH(`PLAIN LOGIN')dnl
FEATURE(`nocanonify')dnl
FEATURE(`promiscuous_relay')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`no_default_msa')dnl
DAEMON_OPTIONS(`Name=MTA, Family=inet, Addr=127.0.0.1, Port={mx}')dnl
DAEMON_OPTIONS(`Name=MSA, Family=inet, Addr=127.0.0.1, Port={submission}, M=E')dnl
define(`confINPUT_MAIL_FILTERS', `')dnl
INPUT_MAIL_FILTER(`mailseal', `S={milter}, F=T, T=C:10s;S:30s;R:30s;E:2m')dnl
MAILER(`local')dnl
MAILER(`smtp')dnl
MAILER_DEFINITIONS
Mfile, P={dir}/etc/deliver, F=lsDFMnPu9, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, T=DNS/RFC822/X-Unix, A=deliver {dir}/mail $u
LOCAL_RULE_0
R$* <@ $+ > $*\t$#file $@ $2 $: $1 <@ $2 > $3
R$+\t$#file $@ {host} $: $1
"""
DELIVER = """\
#!/bin/sh
# One file per message, complete when it appears.
t=$1/.$$.tmp; cat > "$t" && mv "$t" "$1/$(date +%s%N).$$"
"""
IN_NAMESPACE = """\
hostname {host}
mount -t tmpfs tmpfs {dir}/over && mkdir {dir}/over/upper {dir}/over/work
mount -t overlay overlay -o lowerdir=/etc,upperdir={dir}/over/upper,workdir={dir}/over/work /etc
cp {dir}/etc/hosts {dir}/etc/resolv.conf {dir}/etc/sasldb2 /etc/
exec {tree}/usr/libexec/sendmail/sendmail -C {dir}/etc/sendmail.cf -bD -q10m -X {dir}/traffic.log
"""


class Sendmail:
    def __init__(self, directory, milter):
        """milter in sendmail's form: inet:8892@127.0.0.1 or local:/path."""
        self.dir = pathlib.Path(directory)
        self.tree = BUILDS / "unpacked/sendmail"
        self.mx, self.submission = free_ports(2)
        self.process = None
        self.env = dict(os.environ, LD_LIBRARY_PATH=library_path(self.tree))
        self.values = dict(dir=self.dir, tree=self.tree, host=HOST, realm=REALM, milter=milter, mx=self.mx,
                           submission=self.submission)
        self.make_files()

    def make_files(self):
        for name, mode in (("etc", 0o755), ("queue", 0o700), ("mail", 0o1777), ("over", 0o755)):
            (self.dir / name).mkdir(parents=True)
            (self.dir / name).chmod(mode)
        etc = self.dir / "etc"
        (etc / "deliver").write_text(DELIVER)
        (etc / "deliver").chmod(0o755)
        for name, text in (("local-host-names", "localhost\n"), ("trusted-users", ""),
                           ("service.switch", "hosts files\naliases files\n"), ("hosts", f"127.0.0.1 localhost {HOST}\n"),
                           ("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"),
                           ("sendmail.mc", SENDMAIL_MC.format(**self.values)), ("start", IN_NAMESPACE.format(**self.values))):
            (etc / name).write_text(text)
        cf = self.tree / "usr/share/sendmail/cf"
        run("sh", "-ec", 'm4 "-D_CF_DIR_=$1/" "$1/m4/cf.m4" "$2/sendmail.mc" >"$2/sendmail.cf"', "sh", cf, etc)
        with message_file(etc / "password", PASSWORD) as password:
            run(self.tree / "usr/sbin/saslpasswd2", "-p", "-c", "-f", etc / "sasldb2", "-u", REALM, USER, env=self.env,
                stdin=password)
        (etc / "sasldb2").chmod(0o600)

    def start(self):
        self.process = start(["unshare", "--uts", "--mount", "sh", "-e", self.dir / "etc/start"], self.dir / "out.log",
                             env=self.env)
        try:
            wait_for("sendmail", lambda: listening(self.mx))
        except Late as e:
            self.stop()
            raise RuntimeError(f"{e}\n{(self.dir / 'out.log').read_text()[-2000:]}") from e
        return self

    def stop(self):
        pid = self.dir / "sendmail.pid"
        if pid.exists():
            stop_pid(int(pid.read_text().split()[0]))
        stop(self.process)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def new_mail(self):
        return sorted(self.dir.glob("mail/[0-9]*"))

    def delivered(self, queue_id, seconds=20.0):
        """The path of the delivered message with this queue id."""
        mark = f"id {queue_id}".encode()

        def find():
            return next((p for p in self.new_mail() if mark in p.read_bytes()[:8000]), None)
        return wait_for(f"delivery of {queue_id}", find, seconds)

    def held(self, queue_id):
        """The quarantined queue file's text, or None."""
        path = self.dir / "queue" / f"hf{queue_id}"
        return path.read_text(errors="replace") if path.exists() else None


def message_file(path, text):
    path.write_text(text)
    return path.open()
