#!/usr/bin/python3
"""opinions_test.py: mailseal against other implementations on random input, each difference explained by a rule, or shown.

Debian's own python3, whose modules pyspf, python3-dkim and python3-authres are. MAILSEAL_TEST_SEED repeats a run. A rule is code:
it mends a fault of the other, or keeps clear of it, and asks again (spf_pyspf.py, spf_libspf2.py, dkim_others.py,
authres_opinion.py and table_opinion.py).
"""
import argparse
import functools
import json
import multiprocessing
import os
import pathlib
import secrets
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import authres_opinion  # noqa: E402
import dkim_messages  # noqa: E402
import dkim_opinion  # noqa: E402
import opinions  # noqa: E402
import spf_opinion  # noqa: E402
import spf_zones  # noqa: E402
import table_opinion  # noqa: E402
from checks import Failed, case, run_cases, want_equal  # noqa: E402
from machine import BUILDS  # noqa: E402

# What is compared: option, default number, cases in one go, function.
KINDS = (("spf", 20000, 500, spf_opinion.compare), ("dkim", 5000, 250, dkim_opinion.compare_theirs),
         ("sign", 3000, 250, dkim_opinion.compare_ours), ("authres", 2000, 500, authres_opinion.compare),
         ("tables", 30, 2, table_opinion.compare))
REASONS = {**spf_opinion.REASONS, **dkim_opinion.REASONS, **authres_opinion.REASONS, **table_opinion.REASONS}
PROGRAM_CASES = 25
ENOUGH = 0.02  # share of the rarest answer worth the name


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--program", type=pathlib.Path, default=os.environ.get("MAILSEAL", BUILDS / "gcc/mailseal"))
    p.add_argument("--drivers", type=pathlib.Path, help="where batch and batch_libspf2 are; default: tests/opinions beside the "
                                                        "program")
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    for kind, number, _, _ in KINDS:
        p.add_argument(f"--{kind}", type=int, default=number, help=f"cases, default {number}")
    a = p.parse_args()
    a.program = pathlib.Path(a.program).resolve()
    a.drivers = (a.drivers or a.program.parent / "tests/opinions").resolve()
    return a


def work(options, task):
    function, numbers = task
    return function(options, numbers)


def compare_all(args, options):
    """All pairs of opinions, the work shared by some processes."""
    tasks = [(function, range(i, min(i + step, getattr(args, kind)))) for kind, _, step, function in KINDS
             for i in range(0, getattr(args, kind), step)]
    dkim_messages.make_keys(options.seed)  # once, before the processes part
    tallies = opinions.Tallies()
    with multiprocessing.Pool(args.jobs) as pool:
        for part in pool.imap(functools.partial(work, options), tasks):
            tallies.merge(part)
    return tallies


def check_pair(name, tally):
    """Registers what is asked of one pair."""
    @case(f"opinions: {name}")
    def check():
        if tally.unexplained:
            raise Failed(f"wanted every difference explained .. got {len(tally.unexplained)} that are not")
        if name.startswith("SPF result"):
            want_equal("kinds of answers", 7, sum(n > ENOUGH * tally.compared for n in tally.answers.values()))


def check_program(args, options):
    @case("opinions: the program says what its library says")
    def check():
        scenarios = [spf_zones.make(options.rng("program", n)) for n in range(PROGRAM_CASES)]
        for scenario, answer in zip(scenarios, options.ask("batch", scenarios)):
            with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as f:
                json.dump(scenario["dns"], f)
                f.flush()
                p = subprocess.run([args.program, "spf", "--client-ip", scenario["ip"], "--helo", scenario["helo"], "--mail-from",
                                    scenario["mail_from"], "--receiver", scenario["receiver"], "--now", str(scenario["now"]),
                                    "--dns",
                                    f.name, "--json"], stdout=subprocess.PIPE, check=True, text=True, encoding="utf-8")
            said = json.loads(p.stdout)["spf"]
            want_equal(f"answer to {json.dumps(scenario)}", answer, {k: said.get(k) for k in answer})


def main():
    args = arguments()
    seed = os.environ.get("MAILSEAL_TEST_SEED") or str(secrets.randbelow(2 ** 32))
    print(f"opinions: MAILSEAL_TEST_SEED={seed}", flush=True)
    options = opinions.Options(seed, str(args.drivers))
    tallies = compare_all(args, options)
    for name, tally in sorted(tallies.items()):
        tally.report(name, REASONS.get(name.rpartition(", ")[2], {}))
        check_pair(name, tally)
    check_program(args, options)
    sys.argv[1:] = []  # run_cases() would take them for names of checks
    return run_cases()


if __name__ == "__main__":
    sys.exit(main())
