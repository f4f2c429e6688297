"""Where things are, free ports, waiting with a deadline, and processes that end with the script."""
import atexit
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILDS = pathlib.Path(os.environ.get("MAILSEAL_BUILDS", TOP / "build"))


def end_by_signal(signum, _frame):
    sys.exit(128 + signum)


def clean_up_on_signals():
    """A signal becomes an exit, so that atexit and `with` clean up."""
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, end_by_signal)


def scratch(name):
    """A directory the mail server's own account may search; gone at the end."""
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"mailseal-{name}."))
    path.chmod(0o755)
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def free_ports(n):
    """n ports that are free now, chosen by the kernel."""
    socks = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in socks]
    for s in socks:
        s.close()
    return ports


class Late(Exception):
    pass


def wait_for(what, condition, seconds=20.0):
    """The first true value of condition(); Late when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Late(f"no {what} within {seconds:g} s")
        time.sleep(0.02)


def listening(port, address="127.0.0.1"):
    try:
        socket.create_connection((address, port), 1).close()
        return True
    except OSError:
        return False


def run(*args, check=True, **kw):
    """A command to its end; its output, both streams, as text."""
    kw = {"stdin": subprocess.DEVNULL, "timeout": 60} | kw
    p = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                       check=False, **kw)
    if check and p.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, args))} ended with {p.returncode}:\n{p.stdout[-2000:]}")
    return p.stdout


def start(args, log, **kw):
    """A process of its own session that survives a Ctrl-C meant for the script; whoever starts it stops it."""
    with open(log, "ab") as out:
        return subprocess.Popen([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                                **kw)


def stop(process, seconds=10.0):
    """Asks, waits, insists. The exit status."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def stop_pid(pid, seconds=10.0):
    """The same for a process that is not a child."""
    for s in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, s)
            wait_for("end of the process", lambda: not alive(pid), seconds)
            return
        except ProcessLookupError:
            return
        except Late:
            continue


def alive(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        return stat.rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def unpacked(name):
    """The private tree of packages.sh's need_program NAME, or None when the machine has the program installed."""
    tree = BUILDS / "unpacked" / name
    return tree if tree.is_dir() else None


def library_path(tree):
    """LD_LIBRARY_PATH for programs of a private tree."""
    places = [tree / "usr/lib/postfix", tree / "usr/lib", *tree.glob("usr/lib/*-linux-gnu"), *tree.glob("lib/*-linux-gnu")]
    return ":".join(str(p) for p in places if p.is_dir())
