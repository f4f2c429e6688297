"""What a test script says: `ok NAME`, or `not ok NAME: wanted .. got ..`; tests/run counts these lines."""
import re
import sys
import traceback


class Failed(Exception):
    pass


def want_equal(what, want, got):
    if want != got:
        raise Failed(f"wanted {what} {want!r} .. got {got!r}")


def want_match(what, pattern, got):
    """got matches the pattern somewhere."""
    if not re.search(pattern, got, re.S):
        raise Failed(f"wanted {what} like {pattern!r} .. got {got!r}")


def want_words(what, words, got):
    """Each of the words, separated by spaces, is somewhere in got."""
    for word in words.split():
        if word not in got:
            raise Failed(f"wanted {what} with {word!r} .. got {got!r}")


def want_none(what, pattern, got):
    """got does not match the pattern anywhere."""
    if re.search(pattern, got, re.S):
        raise Failed(f"wanted {what} without {pattern!r} .. got {got!r}")


cases = []


def case(name, first=False):
    """Registers a function as a check of this name, the last or the first; it is given what run_cases() is given."""
    def register(function):
        cases.insert(0 if first else len(cases), (name, function))
        return function
    return register


def run_cases(*args, after_failure=lambda: None):
    """Runs every check, in order. The exit code. Arguments of the command line choose some by a part of their name."""
    failed = 0
    for name, function in cases:
        if len(sys.argv) > 1 and not any(part in name for part in sys.argv[1:]):
            continue
        try:
            function(*args)
            print(f"ok {name}", flush=True)
        except Failed as e:
            failed += 1
            print(f"not ok {name}: {e}", flush=True)
            after_failure()
        except Exception as e:  # pylint: disable=broad-except
            failed += 1
            where = traceback.extract_tb(e.__traceback__)[-1]
            print(f"not ok {name}: wanted no error .. got {type(e).__name__}: {e} ({where.filename}:{where.lineno})", flush=True)
            after_failure()
    return 1 if failed else 0
