"""SPF: mailseal against pyspf and libspf2 on random scenarios."""
import json

import opinions
import spf_libspf2
import spf_pyspf
import spf_zones

REASONS = {"pyspf": spf_pyspf.RULES, "libspf2": spf_libspf2.RULES}


def show(scenario, ours):
    return f"{json.dumps(ours)}\n{json.dumps(scenario)}"


def compare(options, numbers):
    tallies = opinions.Tallies()
    scenarios = [spf_zones.make(options.rng("spf", n)) for n in numbers]
    for scenario, ours in zip(scenarios, (answers := options.ask("batch", scenarios))):
        result, text = spf_pyspf.opinion(scenario)
        tallies["SPF result, pyspf"].add(ours["result"], result, lambda s=scenario, o=ours: spf_pyspf.explain(s, o["result"], 0),
                                         lambda s=scenario, o=ours: show(s, o))
        if ours["result"] == "fail" == result:
            tallies["SPF explanation, pyspf"].add(ours["explanation"], text,
                                                  lambda s=scenario, o=ours: spf_pyspf.explain(s, o["explanation"], 1),
                                                  lambda s=scenario, o=ours: show(s, o))
    theirs = [a and a["result"] for a in options.ask("batch_libspf2", scenarios)]
    cases = list(zip(scenarios, answers, theirs))
    rules = iter(spf_libspf2.explain_all([c for c in cases if c[1]["result"] != c[2]], lambda s: options.ask("batch_libspf2", s)))
    for scenario, ours, result in cases:
        tallies["SPF result, libspf2"].add(ours["result"], result, lambda: next(rules), lambda s=scenario, o=ours: show(s, o))
    return tallies
