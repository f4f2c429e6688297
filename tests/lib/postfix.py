"""A private Postfix: own configuration, queue, ports and log below a directory; the machine's own mail is not touched.

All mail for any domain lands in DIR/mail/all/new. The MX port lets loopback clients speak for others (XCLIENT); the submission port
asks for AUTH and calls itself ORIGINATING. Needs root: Postfix's master does.
"""
import os
import pathlib
import pwd
import sys

from machine import Late, TOP, free_ports, library_path, listening, run, start, stop, unpacked, wait_for

USER, PASSWORD = "alice@ours.example", "secret"
HOST = "mx.mailseal.example"

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
command_directory = {root}/usr/sbin
daemon_directory = {root}/usr/lib/postfix/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {root}/etc/postfix
sendmail_path = {root}/usr/sbin/sendmail
import_environment = MAIL_CONFIG MAIL_LOGTAG LD_LIBRARY_PATH
export_environment = MAIL_CONFIG LD_LIBRARY_PATH
mail_owner = {owner}
setgid_group = {group}
maillog_file = {dir}/log/maillog
maillog_file_prefixes = {dir}
inet_interfaces = 127.0.0.1
inet_protocols = all
myhostname = {host}
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
notify_classes =
smtpd_peername_lookup = no
disable_dns_lookups = yes
smtp_host_lookup = native
mynetworks = 127.0.0.0/8
smtpd_authorized_xclient_hosts = 127.0.0.0/8
relay_domains = static:any
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
local_header_rewrite_clients = permit_sasl_authenticated
smtpd_error_sleep_time = 0
default_transport = virtual:
relay_transport = virtual:
local_transport = virtual:
virtual_mailbox_base = {dir}/mail
virtual_mailbox_domains =
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_sasl_type = dovecot
smtpd_sasl_path = {dir}/auth
smtpd_sasl_security_options = noanonymous
smtputf8_enable = yes
milter_default_action = tempfail
milter_protocol = 6
smtpd_milters = {milter}
non_smtpd_milters = {milter}
"""
TLS_CF = """\
smtpd_tls_cert_file = {dir}/etc/cert.pem
smtpd_tls_key_file = {dir}/etc/key.pem
smtpd_tls_security_level = may
"""
MASTER_CF = """\
127.0.0.1:{mx} inet n - n - - smtpd
127.0.0.1:{submission} inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject -o milter_macro_daemon_name=ORIGINATING
pickup     unix  n - n 1     1 pickup
cleanup    unix  n - n -     0 cleanup
qmgr       unix  n - n 300   1 qmgr
tlsmgr     unix  - - n 1000? 1 tlsmgr
rewrite    unix  - - n -     - trivial-rewrite
bounce     unix  - - n -     0 bounce
defer      unix  - - n -     0 bounce
trace      unix  - - n -     0 bounce
verify     unix  - - n -     1 verify
flush      unix  n - n 1000? 0 flush
proxymap   unix  - - n -     - proxymap
proxywrite unix  - - n -     1 proxymap
smtp       unix  - - n -     - smtp
relay      unix  - - n -     - smtp
showq      unix  n - n -     - showq
error      unix  - - n -     - error
retry      unix  - - n -     - error
discard    unix  - - n -     - discard
local      unix  - n n -     - local
virtual    unix  - n n -     - virtual
lmtp       unix  - - n -     - lmtp
anvil      unix  - - n -     1 anvil
scache     unix  - - n -     1 scache
postlog    unix-dgram n - n - 1 postlogd
"""


def accounts():
    """Account and group Postfix works under: its own, or where it was only unpacked two that every Debian has and few use."""
    names = {p.pw_name: p for p in pwd.getpwall()}
    if "postfix" in names and unpacked("postfix") is None:
        return names["postfix"], "postdrop"
    return names["uucp"], "list"


class Postfix:
    def __init__(self, directory, milter, tls=False, extra=""):
        """milter in Postfix's form, inet:127.0.0.1:8891 or unix:/path; extra: further lines for main.cf."""
        self.dir = pathlib.Path(directory)
        self.etc = self.dir / "etc"
        self.tree = unpacked("postfix")
        self.root = self.tree or pathlib.Path("/")
        self.env = dict(os.environ, LANG="C")
        if self.tree:
            self.env["LD_LIBRARY_PATH"] = library_path(self.tree)
        self.mx, self.submission = free_ports(2)
        self.authd = None
        self.make_files(milter, tls, extra)

    def make_files(self, milter, tls, extra):
        owner, group = accounts()
        for name in ("etc", "queue", "data", "mail", "log"):
            (self.dir / name).mkdir(parents=True)
        self.dir.chmod(0o755)
        for name in ("data", "mail"):
            os.chown(self.dir / name, owner.pw_uid, owner.pw_gid)
        values = dict(dir=self.dir, root=str(self.root).rstrip("/"), owner=owner.pw_name, group=group, uid=owner.pw_uid,
                      gid=owner.pw_gid, host=HOST, milter=milter, mx=self.mx, submission=self.submission)
        (self.etc / "main.cf").write_text((MAIN_CF + (TLS_CF if tls else "")).format(**values) + extra)
        (self.etc / "master.cf").write_text(MASTER_CF.format(**values))
        if tls:
            run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={HOST}",
                "-keyout", self.etc / "key.pem", "-out", self.etc / "cert.pem")

    def command(self, name, *args, **kw):
        return run(self.root / "usr/sbin" / name, "-c", self.etc, *args, env=self.env, **kw)

    def start(self):
        self.authd = start([sys.executable, TOP / "tests/lib/authd.py", self.dir / "auth", USER, PASSWORD], self.dir / "log/authd")
        try:
            self.command("postfix", "start")
            wait_for("Postfix", lambda: listening(self.mx) and (self.dir / "auth").exists())
        except (Late, RuntimeError) as e:
            self.stop()
            raise RuntimeError(f"{e}\n{self.log()[-2000:]}") from e
        return self

    def stop(self):
        self.command("postfix", "stop", check=False)
        if self.authd:
            stop(self.authd)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def log(self):
        path = self.dir / "log/maillog"
        return path.read_text(errors="replace") if path.exists() else ""

    def new_mail(self):
        return sorted((self.dir / "mail/all/new").glob("*"))

    def delivered(self, queue_id, seconds=20.0):
        """The path of the delivered message with this queue id."""
        mark = f"id {queue_id}".encode()

        def find():
            return next((p for p in self.new_mail() if mark in p.read_bytes()[:8000]), None)
        return wait_for(f"delivery of {queue_id}", find, seconds)

    def held(self, queue_id):
        """The text of a message on hold, or None."""
        if not (self.dir / "queue/hold" / queue_id).exists():
            return None
        return self.command("postcat", "-hbq", queue_id)

    def pickup(self, sender, rcpt, message):
        """sendmail(1): local submission."""
        before = set(self.new_mail())
        run(self.root / "usr/sbin/sendmail", "-C", self.etc, "-i", "-f", sender, rcpt, env=self.env,
            stdin=message_file(self.dir / "pickup.eml", message))
        return wait_for("delivery of the picked up message", lambda: next(iter(set(self.new_mail()) - before), None))


def message_file(path, message):
    path.write_text(message)
    return path.open()
