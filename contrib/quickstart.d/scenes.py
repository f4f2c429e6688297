#!/usr/bin/env python3
"""scenes.py PROGRAM DIRECTORY [--keep]: the five scenes of contrib/quickstart, with a private Postfix and the daemon PROGRAM.

Everything lives below DIRECTORY. With --keep both go on running; their process ids are in DIRECTORY/pids.
"""
import json
import pathlib
import re
import sys
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests/lib"))

from daemon import AUTHSERV_ID, Daemon  # noqa: E402
from machine import Late, clean_up_on_signals, wait_for  # noqa: E402
from message import values  # noqa: E402
from postfix import HOST, PASSWORD, USER, Postfix  # noqa: E402
from smtp import Smtp  # noqa: E402

STRANGER = ("198.51.100.66", "pc66.elsewhere.example")


class Wrong(Exception):
    """What was wanted of a scene and did not happen."""


def want(right, what):
    if not right:
        raise Wrong(f"wanted {what}")


class Stage:
    """What the scenes play with."""

    def __init__(self, daemon, postfix):
        self.daemon = daemon
        self.postfix = postfix

    def message(self, name):
        return (HERE / name).read_bytes()

    def signed(self, name, domain):
        """The message as its author's own server would send it: signed by that domain's key."""
        return self.daemon.sign(self.message(name), domain, "demo")

    def send(self, client, sender, rcpt, message):
        """From outside, as this client. The last reply."""
        with Smtp(self.postfix.mx) as s:
            s.xclient(client[0], client[1], client[1])
            return self.dialogue(s, sender, rcpt, message)

    def explain(self, queue_id):
        """What `mailseal explain` says first of a message in the journal."""
        def told():
            try:
                return self.daemon.command("explain", "-c", self.daemon.conf, "--id", queue_id)
            except RuntimeError:  # it is written a moment after the reply
                return None
        return wait_for("entry in the journal", told).split("\n\nAuthor - ")[0]

    def submit(self, sender, rcpt, message):
        """From one of our own users, who logs in."""
        with Smtp(self.postfix.submission) as s:
            show_reply("AUTH PLAIN ...", s.auth(USER, PASSWORD))
            return self.dialogue(s, sender, rcpt, message)

    @staticmethod
    def dialogue(s, sender, rcpt, message):
        del s.trace[:]
        reply = s.send(sender, rcpt, message)
        for command, answer in s.trace:
            show_reply("the message" if command == "." else command, answer)
        return reply

    def delivered(self, reply):
        want(reply.code == 250, "reply 250")
        want(reply.queue_id, "a queue id in the reply")
        path = self.postfix.delivered(reply.queue_id)
        say("    delivered, with these fields:")
        for name in ("Authentication-Results", "DKIM-Signature"):
            for value in values(path, name):
                show_field(name, value)
        return path


# ---- what is printed ----
def say(text):
    print(text, flush=True)


def show_reply(command, reply):
    say(f"    {command:<42} {reply.splitlines()[-1]}")


def show_field(name, value):
    value = re.sub(r"(\bb=)([\w+/ ]{16})[\w+/= ]*", r"\1\2...", value)
    say(textwrap.fill(f"{name}: {value}", 108, initial_indent=" " * 6, subsequent_indent=" " * 10, break_long_words=False,
                      break_on_hyphens=False))


def show_verdict(line):
    say(textwrap.fill("the daemon's log: " + line.removeprefix("mailseal: "), 112, initial_indent="    ", subsequent_indent=" " * 8,
                      break_long_words=False, break_on_hyphens=False))


# ---- the scenes ----
def scene_signed(stage):
    """A signed message of a domain with p=reject, from that domain's server: delivered."""
    reply = stage.send(("192.0.2.10", "mail.signed.example"), "news@signed.example", "you@ours.example",
                       stage.signed("1-signed.eml", "signed.example"))
    results = values(stage.delivered(reply), "Authentication-Results")
    want(len(results) == 1 and results[0].startswith(AUTHSERV_ID), f"one Authentication-Results of {AUTHSERV_ID}")
    for result in ("spf=pass", "dkim=pass", "dmarc=pass"):
        want(result in results[0], f"{result} in Authentication-Results")


def scene_reject(stage):
    """A spoof of a domain with p=reject: refused with 550."""
    reply = stage.send(STRANGER, "someone@elsewhere.example", "you@ours.example", stage.message("2-spoof-reject.eml"))
    want(reply.code == 550, "reply 550")


def scene_quarantine(stage):
    """A spoof of a domain with p=quarantine: accepted and held in the queue."""
    reply = stage.send(STRANGER, "someone@elsewhere.example", "you@ours.example", stage.message("3-spoof-quarantine.eml"))
    want(reply.code == 250, "reply 250")
    text = stage.postfix.held(reply.queue_id)
    want(text is not None, "the message on hold")
    say("    on hold (postqueue -p marks it with '!'), with this field:")
    results = values(text.encode(), "Authentication-Results")
    for value in results:
        show_field("Authentication-Results", value)
    want(len(results) == 1 and "dmarc=fail" in results[0], "dmarc=fail in Authentication-Results")


def scene_forged(stage):
    """Authentication-Results in our name, written by the sender: removed before ours is added."""
    sent = stage.message("4-forged-results.eml")
    for value in values(sent, "Authentication-Results"):
        show_field("the sender wrote", value)
    reply = stage.send(STRANGER, "friend@friend.example", "you@ours.example", sent)
    results = values(stage.delivered(reply), "Authentication-Results")
    ours = [r for r in results if r.lower().startswith(AUTHSERV_ID)]
    want(len(ours) == 1 and "dmarc=fail" in ours[0], "one Authentication-Results in our name, with dmarc=fail")
    want(any(r.startswith("elsewhere.example") for r in results), "the results of another site left in place")


def scene_outbound(stage):
    """A message of our own user, who logged in: signed with RSA and with Ed25519."""
    path = stage.delivered(stage.submit(USER, "news@signed.example", stage.message("5-outbound.eml")))
    report = stage.daemon.check(path, "192.0.2.50", HOST, USER)
    found = sorted((r["algorithm"], r["result"]) for r in report["dkim"])
    say("    `mailseal check` of what was delivered: " + ", ".join(f"{a} {r}" for a, r in found))
    want(found == [("ed25519-sha256", "pass"), ("rsa-sha256", "pass")], "two signatures that verify, rsa-sha256 and ed25519-sha256")


SCENES = [scene_signed, scene_reject, scene_quarantine, scene_forged, scene_outbound]


def explain_reject(stage, verdict):
    """The refusal again, in plain words, by the queue id in the log."""
    queue_id = verdict.removeprefix("mailseal: ").split(":")[0]
    text = stage.explain(queue_id)
    say(f"    `mailseal explain --id {queue_id}` goes on for a page; it begins:")
    say(textwrap.indent(text, " " * 6))
    want("bank.example asks to refuse such mail" in text, "an explanation of the refusal")


AFTERWARDS = {scene_reject: explain_reject}


def play(stage, number, scene):
    """One scene; true when it came out right."""
    say(f"\n{number}. {scene.__doc__}")
    wrong = None
    try:
        scene(stage)
    except (Wrong, Late, RuntimeError, OSError) as e:
        wrong = e
    try:
        verdict = stage.daemon.verdict()
        show_verdict(verdict)
        if scene in AFTERWARDS:
            AFTERWARDS[scene](stage, verdict)
    except (Wrong, Late) as e:
        wrong = wrong or e
    say("    OK" if wrong is None else f"    WRONG: {wrong}")
    return wrong is None


def prepare(program, directory):
    daemon = Daemon(directory, program, json.loads((HERE / "dns.json").read_text()), f'journal = "{directory}/journal.db"\n')
    daemon.new_key("signed.example", "demo", "ed25519")
    daemon.sign_with("ours.example", "rsa", "rsa2048")
    daemon.sign_with("ours.example", "ed", "ed25519")
    return daemon


def master_pid(postfix):
    return int((postfix.dir / "queue/pid/master.pid").read_text())


def main():
    program, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    clean_up_on_signals()
    keep = False
    daemon = prepare(program, directory)
    postfix = Postfix(directory / "postfix", daemon.postfix_milter)
    try:
        daemon.start()
        postfix.start()
        say(f"Postfix on 127.0.0.1:{postfix.mx} (from outside) and 127.0.0.1:{postfix.submission} (from users); mailseal on\n"
            f"{daemon.postfix_milter}. Names are answered from contrib/quickstart.d/dns.json and by keys made just now.")
        stage = Stage(daemon, postfix)
        right = sum(play(stage, n, scene) for n, scene in enumerate(SCENES, 1))
        say(f"\n{right} of {len(SCENES)} came out right.")
        if "--keep" in sys.argv[3:]:
            keep = True
            pids = [daemon.process.pid, postfix.authd.pid, master_pid(postfix)]
            (directory / "pids").write_text("".join(f"{pid}\n" for pid in pids))
    finally:
        if not keep:
            postfix.stop()
            daemon.stop()
    return 0 if right == len(SCENES) else 1


if __name__ == "__main__":
    sys.exit(main())
