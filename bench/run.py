#!/usr/bin/env python3
"""`make bench`: how fast, beside what a user would use instead.

    bench/run.py                 every bench, a table each
    bench/run.py startup mel     these alone
    bench/run.py --json          the rows as JSON

Each bench_<name>.py in this folder has TITLE and rows(env): an iterable of Row. Adding a bench is adding a file. A row without a
rival has a bound; `make bench` exits 1 when a row does not hold its bound or its ratio.
"""
import argparse
import importlib.util
import json
import os
import sys
from dataclasses import asdict

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(HERE)
sys.path.insert(0, HERE)
from row import Env, Row  # noqa: E402


def benches():
    return sorted(name[len("bench_"):-len(".py")] for name in os.listdir(HERE) if name.startswith("bench_") and name.endswith(".py"))


def load(name):
    spec = importlib.util.spec_from_file_location("bench_" + name, os.path.join(HERE, f"bench_{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def show(rows):
    table = [("what", "timbre", "rival", "ratio", "asked", "")]
    for row in rows:
        table.append(row.cells())
    widths = [max(len(line[i]) for line in table) for i in range(6)]
    for line in table:
        print("  " + "  ".join(cell.ljust(width) if i == 0 or i == 5 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(line, widths))).rstrip())


def main():
    parser = argparse.ArgumentParser(description="how fast, beside what a user would use instead")
    parser.add_argument("names", nargs="*", help="benches; all when none is named: " + ", ".join(benches()))
    parser.add_argument("--build", default=os.path.join(REPO, "build"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    unknown = set(options.names) - set(benches())
    if unknown:
        parser.error(f"there is no bench {', '.join(sorted(unknown))}; there are {', '.join(benches())}")
    env = Env(repo=REPO, build=os.path.abspath(options.build))
    document, held = {}, True
    for name in options.names or benches():
        module = load(name)
        if not options.json:
            print(f"\n{name}: {module.TITLE}", flush=True)
        try:
            rows = list(module.rows(env))
        except env.Absent as absent:
            rows = [Row(str(absent), skipped=True)]
        document[name] = [asdict(row) | {"ratio": row.ratio, "holds": row.holds} for row in rows]
        held &= all(row.holds is not False for row in rows)
        if not options.json:
            show(rows)
    if options.json:
        print(json.dumps(document, indent=2))
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
