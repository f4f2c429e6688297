"""DKIM: mailseal, python3-dkim and opendkim on random messages, signed by python3-dkim or mailseal, some changed on their way."""
import base64
import time

import dkim

import dkim_messages
import dkim_others
import opinions

REASONS = {"python3-dkim": {k: "python3-dkim: " + v for k, v in {**dkim_others.RULES, **dkim_others.RULES_HERE}.items()},
           "opendkim": dkim_others.OPENDKIM_RULES}
CANONS = ("simple", "relaxed")


class Case:
    """A signed message and its keys."""

    def __init__(self, options, number, keys):
        self.rng = rng = options.rng("dkim", number)
        self.maker = maker = dkim_messages.Maker(rng)
        self.fields = maker.fields()
        self.message = dkim_messages.join(self.fields, maker.body())
        self.key = rng.choice(keys)
        self.selector = f"s{number}"
        self.canon = rng.choice(CANONS), rng.choice(CANONS)
        self.names = maker.names(self.fields)
        self.length = rng.random() < 0.1
        self.identity = rng.choice(("", "", "@example.com", "user@example.com", "@sub.example.com"))
        self.piece = rng.choice((0, 1, 2, 3, 7, 64, 1000))
        self.zone = {f"{self.selector}._domainkey.{dkim_messages.DOMAIN}": {"TXT": [maker.record(self.key)]}}

    def sign_by_dkimpy(self):
        """False for what python3-dkim takes for no message."""
        try:
            signer = dkim.DKIM(self.message, signature_algorithm=self.key.algorithm)
        except dkim.MessageFormatError:
            return False
        signer.should_not_sign = set()
        self.message = signer.sign(self.selector.encode(), dkim_messages.DOMAIN.encode(), self.key.private, length=self.length,
                                   canonicalize=tuple(c.encode() for c in self.canon), include_headers=self.names,
                                   identity=self.identity.encode() or None) + self.message
        return True

    def question_to_sign(self, now):
        r = self.rng
        return {"kind": "sign", "message": base64.b64encode(self.message).decode(), "key": self.key.pem,
                "domain": dkim_messages.DOMAIN,
                "selector": self.selector, "identity": self.identity, "header_canon": self.canon[0], "body_canon": self.canon[1],
                "fields": self.names if r.random() < 0.7 else None, "oversign": r.random() < 0.5, "length": self.length,
                "timestamp": now if r.random() < 0.8 else 0, "piece": self.piece}

    def question(self, now):
        return {"kind": "verify", "message": base64.b64encode(self.message).decode(), "dns": self.zone, "now": now,
                "piece": self.piece}

    def show(self, answer):
        return f"{self.selector} c={'/'.join(self.canon)} {answer}\n{self.zone}\n{self.message!r}"


def passes(answer):
    return [s["result"] == "pass" for s in answer["signatures"]]


def judge(options, cases, now, who, tallies):
    """The three on each signature of each message; a result is a pass or it is none."""
    def ask(pairs):
        return [passes(a) for a in options.ask("batch", [
            {"kind": "verify", "message": base64.b64encode(m).decode(), "dns": z, "now": now} for m, z in pairs])]
    answers = options.ask("batch", [c.question(now) for c in cases])
    words = dkim_others.opendkim([c.message for c in cases], [c.zone for c in cases])
    differences = []
    for case, answer, word in zip(cases, answers, words):
        for i, ours in enumerate(passes(answer) or [False]):
            theirs = dkim_others.dkimpy(case.message, case.zone, i)
            tallies[f"DKIM {who}, python3-dkim"].add(
                name(ours), name(theirs is True), lambda c=case, i=i, o=ours: dkim_others.explain_dkimpy(c.message, c.zone, i, o),
                lambda c=case, a=answer, t=theirs: c.show(f"{a} {t}"))
            differences.append((case, answer, (case.message, case.zone, i, ours), word[i:i + 1] == ["pass"]))
    rules = iter(dkim_others.explain_opendkim([d[2] for d in differences if d[2][3] != d[3]], ask))
    for case, answer, (_, _, _, ours), theirs in differences:
        tallies[f"DKIM {who}, opendkim"].add(name(ours), name(theirs), lambda: next(rules), lambda c=case, a=answer: c.show(a))


def name(passed):
    return "pass" if passed else "no pass"


def compare_theirs(options, numbers):
    """Signatures of python3-dkim, on messages that may have been changed since."""
    tallies, keys = opinions.Tallies(), dkim_messages.make_keys(options.seed)
    cases = [c for c in (Case(options, n, keys) for n in numbers) if c.sign_by_dkimpy()]
    for case in cases:
        case.message = dkim_messages.change(case.rng, case.message)
    judge(options, cases, int(time.time()), "verified", tallies)
    return tallies


def compare_ours(options, numbers):
    """Signatures of mailseal: good ones, which all must pass."""
    tallies, keys, now = opinions.Tallies(), dkim_messages.make_keys(options.seed), int(time.time())
    cases = [Case(options, -1 - n, keys) for n in numbers]
    signed = []
    for case, answer in zip(cases, options.ask("batch", [c.question_to_sign(now) for c in cases])):
        several = sum(f.lower().startswith(b"from:") for f in case.fields) != 1
        tallies["DKIM signing: refused"].add("value" not in answer, several, lambda: None, lambda c=case, a=answer: c.show(a))
        if "value" in answer:
            case.zone = {n: {"TXT": [f"v=DKIM1; k={case.key.kind}; p={case.key.public[0]}"]} for n in case.zone}
            case.message = b"DKIM-Signature:" + answer["value"].encode() + b"\r\n" + case.message
            signed.append(case)
    judge(options, signed, now, "signed by mailseal", tallies)
    for case, answer in zip(signed, options.ask("batch", [c.question(now) for c in signed])):
        tallies["DKIM signed by mailseal, mailseal"].add("pass", answer["signatures"][0]["result"], lambda: None,
                                                         lambda c=case, a=answer: c.show(a))
    return tallies
