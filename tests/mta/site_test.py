#!/usr/bin/env python3
"""site_test.py [PART OF A NAME...]: what a site can tell mailseal to do with mail, through a real Postfix: lists, profiles of its
own, relays, the journal, hostile and silent others. --program FILE is the daemon to test."""
import os
import sys

import site_lists
import site_profile
import site_service
from site_setup import Site, new_daemon, program_argument, resynchronise

from checks import case, run_cases, want_equal, want_none
from machine import TOP, clean_up_on_signals, scratch
from postfix import Postfix

EXTRA = "hopcount_limit = 1000\n"
KEYS = [("partner.example", "demo"), ("friend.example", "demo"), ("attacker.example", "demo"), ("first.example", "s1"),
        ("second.example", "s2"), ("third.example", "any")]


@case("site: nothing the daemon logged is a sanitizer's report or a mistake of its own")
def _(site):
    want_none("log", r"Sanitizer|runtime error|out of order|BUG", site.daemon.log())
    want_equal("exit status", 0, site.daemon.stop())
    want_none("log", r"Sanitizer|runtime error", site.daemon.log())


def main():
    clean_up_on_signals()
    os.environ["MAILSEAL_POLICYDIR"] = str(TOP / "policies")
    where = scratch("site-test")
    options = site_profile.OPTIONS + f'journal = "{where}/journal"\n'
    daemon = new_daemon(where, program_argument(), site_lists.ZONE | site_service.ZONE, options)
    for domain, selector in KEYS:
        daemon.new_key(domain, selector, "rsa2048")
    with daemon, Postfix(where / "postfix", daemon.postfix_milter, extra=EXTRA) as postfix:
        return run_cases(Site(daemon, postfix), after_failure=lambda: resynchronise(daemon))


if __name__ == "__main__":
    sys.exit(main())
