#!/usr/bin/env python3
"""requirements.py [--write] [ROOT]: which test shows which numbered requirement.

tests/requirements/list has the requirements, tests/requirements/untested those no test shows, with the reason. A test names what
it shows in a comment, each number for itself; a flow case, which has no room for comments, is named in tests/flow/shows. From these
tests/REQUIREMENTS.md is written (--write), or checked: exits 1 when a number is neither shown nor explained, or both, when a tag is
not in the list, and when the page is not what would be written. With MAILSEAL_REFERENCE, the directory of the pages the numbers
come from, the list is held against them too.
"""
import os
import pathlib
import re
import sys

PAGES = {
    "D": ("dmarc.md", "DMARC (RFC 9989)"),
    "DK": ("dkim.md", "DKIM (RFC 6376, 8301, 8463)"),
    "SP": ("spf.md", "SPF (RFC 7208)"),
    "AR": ("authentication-results.md", "Authentication-Results (RFC 8601)"),
    "SC": ("smtp-codes.md", "SMTP replies (RFC 7372)"),
}
NUMBER = rf"\b(?:{'|'.join(PAGES)})-\d+\b"
RANGE = re.compile(rf"{NUMBER}\s*(?:to|until|-|\.\.)\s*{NUMBER}")
NUMBER = re.compile(NUMBER)
C_TOKENS = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', re.S)
HASH_COMMENT = re.compile(r"(?:^|\s)#.*", re.M)
COMMENTED = (".c", ".h", ".sh", ".py", ".mta", ".conf")
EVIDENCE = ("_test.c", "_test.sh", "_test.py", ".mta")  # files that are run as tests

complaints = 0


def complain(text):
    global complaints
    complaints += 1
    print(text)


def order(number):
    page, _, n = number.partition("-")
    return list(PAGES).index(page), int(n)


def rows_of(path, columns):
    """The rows of a file of columns with | between; # begins a comment line."""
    found = {}
    for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        row = [x.strip() for x in line.split("|")]
        if len(row) != columns or not all(row) or not NUMBER.fullmatch(row[0]):
            complain(f"{path}:{n}: cannot be read: {line}")
        elif row[0] in found:
            complain(f"{path}:{n}: {row[0]} is there twice")
        else:
            found[row[0]] = row[1:]
    return found


# ---- where a tag stands ----
class CFile:
    """What stands at the top level of a test file: functions and tables, with their lines."""

    def __init__(self, text):
        self.lines = text.split("\n")
        self.items = []  # first line, last line, is it a function, name
        self.tests = set(re.findall(r"cmocka_unit_test\w*\(\s*(\w+)", text))
        start = None
        for n, line in enumerate(self.lines):
            table = re.match(r"\S.*?(\w+)(?:\[\w*\])+ = \{$", line)
            if table:
                start = (n, False, table.group(1))
            elif line == "{":
                first = n - 1
                while first > 0 and re.match(r"[\s\w]", self.lines[first - 1] or "/"):
                    first -= 1
                name = re.findall(r"(\w+)\(", " ".join(self.lines[first:n]))
                start = (first, True, name[0] if name else "?")
            elif line.startswith("}") and start and not table:
                self.items.append((start[0], n, start[1], start[2]))
                start = None

    def test_at(self, line):
        """The test function a tag in this line belongs to; None where no test is."""
        for first, last, function, name in self.items:
            if last < line:
                continue
            if function:
                return name if name in self.tests else None
            users = [x for x in self.items if x[2] and x[3] in self.tests and
                     any(re.search(rf"\b{name}\b", y) for y in self.lines[x[0]:x[1]])]
            return users[0][3] if users else None
        return None


def comments_of(path, text):
    """(offset, text) of each comment."""
    if path.suffix in (".c", ".h"):
        return [(m.start(), m.group()) for m in C_TOKENS.finditer(text) if m.group().startswith("/")]
    return [(m.start(), m.group()) for m in HASH_COMMENT.finditer(text)]


def scan_file(root, path, known, shown):
    name = str(path.relative_to(root / "tests"))
    text = path.read_text(encoding="utf-8")
    c_file = CFile(text) if name.endswith("_test.c") else None
    for offset, comment in comments_of(path, text):
        for m in RANGE.finditer(comment):
            complain(f"tests/{name}:{text.count(chr(10), 0, offset + m.start()) + 1}: '{m.group()}': name each number for itself")
        for m in NUMBER.finditer(comment):
            line = text.count("\n", 0, offset + m.start())
            test = c_file.test_at(line) if c_file else None
            if m.group() not in known:
                complain(f"tests/{name}:{line + 1}: {m.group()} is not in the list")
            elif c_file and test is None:
                complain(f"tests/{name}:{line + 1}: {m.group()} stands at no test that is run")
            elif name.endswith(EVIDENCE):
                place = f"{name}: {test}" if test else name
                if place not in shown.setdefault(m.group(), []):
                    shown[m.group()].append(place)


def scan_flow(root, known, shown):
    """tests/flow/shows: lines 'case: numbers'."""
    path = root / "tests/flow/shows"
    for n, line in enumerate(path.read_text(encoding="utf-8").splitlines() if path.exists() else [], 1):
        if not line.strip() or line.startswith("#"):
            continue
        case, _, numbers = line.partition(":")
        if not path.with_name(f"{case}.eml").exists():
            complain(f"tests/flow/shows:{n}: there is no flow case '{case}'")
        for number in numbers.split():
            if number not in known:
                complain(f"tests/flow/shows:{n}: {number} is not in the list")
            else:
                shown.setdefault(number, []).append(f"flow/{case}.eml")


def scan(root, known):
    shown = {}
    for path in sorted((root / "tests").rglob("*")):
        inside = path.relative_to(root / "tests").parts
        if path.suffix in COMMENTED and path.is_file() and inside[0] != "requirements" and "corpus" not in inside:
            scan_file(root, path, known, shown)
    scan_flow(root, known, shown)
    return shown


# ---- the checks ----
def check_numbers(listed, shown, untested):
    for number in sorted(untested, key=order):
        if number not in listed:
            complain(f"tests/requirements/untested: {number} is not in the list")
        elif number in shown:
            complain(f"tests/requirements/untested: {number} is shown by {shown[number][0]}")
    for number in listed:
        if number not in shown and number not in untested:
            complain(f"{number} ({listed[number][1]}): no test shows it, and no reason is given")


def check_pages(reference, listed):
    for prefix, (page, _) in PAGES.items():
        path = reference / page
        if not path.exists():
            complain(f"{path}: is missing")
            continue
        there = {x for x in NUMBER.findall(path.read_text(encoding="utf-8")) if x.startswith(prefix + "-")}
        here = {x for x in listed if x.startswith(prefix + "-")}
        for number in sorted(there - here, key=order):
            complain(f"tests/requirements/list: {number} of {page} is missing")
        for number in sorted(here - there, key=order):
            complain(f"tests/requirements/list: {number} is not in {page}")


def page_text(listed, shown, untested):
    out = ["# Requirements and the tests that show them", "",
           "Written by `tests/requirements/requirements.py --write`; `make check` fails when it is not up to date. The numbers are",
           "those tests and comments use; what they mean stands in `tests/requirements/list`, why no test shows one in",
           "`tests/requirements/untested`. Files are below `tests/`."]
    for prefix, (_, title) in PAGES.items():
        numbers = [x for x in listed if x.startswith(prefix + "-")]
        without = sum(x in untested for x in numbers)
        out += ["", f"## {title}", "", f"{len(numbers)} requirements: {len(numbers) - without} shown, {without} explained.", "",
                "| Number | Section | What | Where shown |", "|---|---|---|---|"]
        for number in numbers:
            section, what = listed[number]
            where = "<br>".join(shown[number]) if number in shown else "*" + untested.get(number, ["?"])[0] + "*"
            out.append(f"| {number} | {section} | {what} | {where} |")
    return "\n".join(out) + "\n"


def main():
    arguments = [x for x in sys.argv[1:] if x != "--write"]
    root = pathlib.Path(arguments[0] if arguments else pathlib.Path(__file__).resolve().parents[2]).resolve()
    listed = rows_of(root / "tests/requirements/list", 3)
    listed = {x: listed[x] for x in sorted(listed, key=order)}
    untested = rows_of(root / "tests/requirements/untested", 2)
    shown = scan(root, listed)
    check_numbers(listed, shown, untested)
    reference = os.environ.get("MAILSEAL_REFERENCE")
    if reference:
        check_pages(pathlib.Path(reference), listed)
    page, text = root / "tests/REQUIREMENTS.md", page_text(listed, shown, untested)
    if "--write" in sys.argv:
        page.write_text(text, encoding="utf-8")
    elif not page.exists() or page.read_text(encoding="utf-8") != text:
        complain("tests/REQUIREMENTS.md: not up to date: run tests/requirements/requirements.py --write")
    print(f"requirements: {len(listed)}, {len(set(listed) & set(shown))} shown, {len(untested)} explained, {complaints} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
