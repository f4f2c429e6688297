"""A private unbound that answers from a zone in the form of a snapshot file, so that the daemon asks a real name server."""
import os
import pathlib

from machine import Late, free_ports, library_path, listening, start, stop, unpacked, wait_for

UNBOUND_CONF = """\
server:
  directory: "{dir}"
  chroot: ""
  username: ""
  pidfile: ""
  logfile: "{dir}/unbound.log"
  use-syslog: no
  interface: {address}@{port}
  access-control: 127.0.0.0/8 allow
  do-daemonize: no
  do-ip6: no
  num-threads: 1
  module-config: "iterator"
  # nothing leaves the machine: what is not below has no answer
  local-zone: "." static
  local-zone: "timeout.example." deny
  local-zone: "refused.example." refuse
{data}
remote-control:
  control-enable: no
"""


def record(name, kind, value):
    """One answer as a line of the configuration. Long texts are cut into strings of 255."""
    if kind == "TXT":
        value = " ".join('"%s"' % value[i:i + 255].replace('"', '\\"') for i in range(0, max(len(value), 1), 255))
    elif kind == "MX":
        value = f"{value[0]} {value[1]}."
    return f"  local-data: '{name}. 60 IN {kind} {value}'"


class Resolver:
    def __init__(self, directory, zone, address="127.0.0.1", port=None):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True)
        self.address = address
        self.port = port or free_ports(1)[0]
        self.tree = unpacked("unbound")
        data = [record(name, kind, v) for name, kinds in zone.items() for kind, vs in kinds.items() for v in vs]
        text = UNBOUND_CONF.format(dir=self.dir, address=address, port=self.port, data="\n".join(data))
        (self.dir / "unbound.conf").write_text(text)
        self.process = None

    def start(self):
        root = self.tree or pathlib.Path("/")
        env = dict(os.environ, LD_LIBRARY_PATH=library_path(self.tree)) if self.tree else None
        self.process = start([root / "usr/sbin/unbound", "-d", "-c", self.dir / "unbound.conf"], self.dir / "out.log", env=env)
        try:
            wait_for("unbound", lambda: listening(self.port, self.address))  # it answers over TCP, too
        except Late as e:
            self.stop()
            raise RuntimeError(f"{e}\n{(self.dir / 'out.log').read_text()}") from e
        return self

    def stop(self):
        stop(self.process)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
