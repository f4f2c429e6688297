#!/usr/bin/env python3
"""count.py PASSED_FAILED_FILE LOG|BUILD_DIRECTORY...: how many checks passed and failed, from what the programs themselves said.

A log is counted by cmocka's closing lines, else by its own last line `N passed, N failed`, else by lines `ok` and `not ok`. In a
build directory every test of `make check` counts: its log as above, and one more failure when the test failed without saying where,
or did not run. Failures and tests not run are printed. The two sums are written to PASSED_FAILED_FILE.
"""
import pathlib
import re
import sys


def count_log(text):
    """(passed, failed) or None when the log says nothing countable."""
    passed = sum(map(int, re.findall(r"^\[  PASSED  \] (\d+) test", text, re.M)))
    failed = sum(map(int, re.findall(r"^\[  FAILED  \] (\d+) test", text, re.M)))
    if passed + failed > 0:
        return passed, failed
    last = re.findall(r"^(?:.*: )?(\d+) passed, (\d+) failed", text, re.M)
    if last:
        return int(last[-1][0]), int(last[-1][1])
    passed = len(re.findall(r"^ok\b", text, re.M))
    failed = len(re.findall(r"^not ok\b", text, re.M))
    return (passed, failed) if passed + failed > 0 else None


def show_failures(name, text):
    lines = [x for x in text.splitlines() if re.match(r"\[  FAILED  \]|not ok|.*(ERROR|FAIL|error:|wanted |Sanitizer)", x)]
    for line in lines[:20] or text.splitlines()[-10:]:
        print(f"    {name}: {line[:300]}")


def count_test(trs):
    """One test of make check."""
    result = re.search(r"^:(?:global-)?test-result: (\w+)", trs.read_text(), re.M)
    result = result.group(1) if result else "ERROR"
    log = trs.with_suffix(".log")
    text = log.read_text(errors="replace") if log.exists() else ""
    passed, failed = count_log(text) or (int(result == "PASS"), 0)
    if result != "PASS" and failed == 0:
        failed = 1
    if result == "SKIP":
        print(f"    {trs.stem}: not run: {text.strip().splitlines()[-2:]}")
    elif failed:
        show_failures(trs.stem, text)
    return passed, failed


def main():
    total = [0, 0]
    for arg in map(pathlib.Path, sys.argv[2:]):
        if arg.is_dir():
            counts = [count_test(t) for t in sorted(arg.rglob("*.trs"))]
        else:
            text = arg.read_text(errors="replace")
            counts = [count_log(text) or (0, 0)]
            if counts[0][1]:
                show_failures(arg.stem, text)
        for passed, failed in counts:
            total[0] += passed
            total[1] += failed
    pathlib.Path(sys.argv[1]).write_text(f"{total[0]} {total[1]}\n")


if __name__ == "__main__":
    main()
