"""What the opinions share: seeded random numbers, programs asked in batches, and the counting of who agrees with whom."""
import collections
import json
import os
import random
import subprocess

KINDS_SHOWN = 8
SHOWN = 5  # unexplained disagreements shown in full; the others by number


class Options:
    """How much, which seed, and where the programs are; the same in every process."""

    def __init__(self, seed, drivers):
        self.seed, self.drivers = seed, drivers

    def rng(self, kind, number):
        """Each case has its own, so that one case can be had again without those before it."""
        return random.Random(f"{self.seed} {kind} {number}")

    def ask(self, driver, cases):
        return ask(os.path.join(self.drivers, driver), cases)


def ask(program, cases):
    """The answers of a driver, in order; None for a case that ended it. It is started again behind that case."""
    decoder, answers = json.JSONDecoder(), []
    while len(answers) < len(cases):
        lines = "".join(json.dumps(c) + "\n" for c in cases[len(answers):])
        p = subprocess.run([program], input=lines, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, text=True,
                           encoding="utf-8")
        at, text = 0, p.stdout
        while at < len(text):
            try:
                answer, at = decoder.raw_decode(text, at)
            except ValueError:
                break
            answers.append(answer)
            at += 1  # the newline behind it
        if p.returncode == 2:
            raise RuntimeError(f"{program}: {p.stderr.strip()}")
        if len(answers) < len(cases):
            answers.append(None)
    return answers


class Tally:
    """One pair of opinions, counted."""

    def __init__(self):
        self.compared = self.agreed = 0
        self.answers, self.rules = collections.Counter(), collections.Counter()
        self.unexplained = []

    def add(self, ours, theirs, explain, show):
        """explain() names the rule that explains a difference, or gives None; then show() says all there is to know."""
        self.compared += 1
        self.answers[ours] += 1
        if ours == theirs:
            self.agreed += 1
            return
        rule = explain()
        if rule is not None:
            self.rules[rule] += 1
        else:
            self.unexplained.append(f"mailseal: {ours}  other: {theirs}\n{show()}")

    def merge(self, other):
        self.compared += other.compared
        self.agreed += other.agreed
        self.answers += other.answers
        self.rules += other.rules
        self.unexplained += other.unexplained

    def report(self, name, reasons):
        print(f"{name}: {self.compared} compared, {self.agreed} agreed, {sum(self.rules.values())} explained, "
              f"{len(self.unexplained)} not explained", flush=True)
        if len(self.answers) <= KINDS_SHOWN:
            print("    our answers: " + ", ".join(f"{n} {a}" for a, n in self.answers.most_common()))
        for rule, n in self.rules.most_common():
            if " + " not in rule:
                print(f"    {n:6} {rule}: {reasons[rule]}")
        together = sum(n for rule, n in self.rules.items() if " + " in rule)
        if together:
            print(f"    {together:6} by two or more of these together")
        for text in self.unexplained[:SHOWN]:
            print("    unexplained: " + text.replace("\n", "\n        "))


class Tallies(collections.defaultdict):
    """Pairs by name."""

    def __init__(self):
        super().__init__(Tally)

    def __reduce__(self):
        return _tallies, (dict(self),)

    def merge(self, other):
        for name, tally in other.items():
            self[name].merge(tally)


def _tallies(items):
    t = Tallies()
    t.update(items)
    return t
