#!/usr/bin/env python3
"""Executes the shell blocks of the documents that are marked for it, so that they stay true.

A block is run when the line before its fence is `<!-- run -->`; all marked blocks of one document run in order, in one fresh
folder, with `timbre` on the path. Lines that begin with "$ " are commands; the other lines of such a block are what they print
("…" stands for any text in a line, alone for any lines). A block without "$ " is one script. Every command must exit with 0.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
MARKED = re.compile(r"^<!-- run -->\n+```(?:sh|bash|console|text)?\n(.*?)^```", re.S | re.M)


def matches(expected, got):
    if not expected:
        return not got
    if expected[0].strip() == "…":
        return any(matches(expected[1:], got[skip:]) for skip in range(len(got) + 1))
    line = ".*".join(re.escape(part) for part in expected[0].rstrip().split("…"))
    return bool(got) and re.fullmatch(line, got[0].rstrip()) is not None and matches(expected[1:], got[1:])


def steps_of(block):
    """[(script, expected lines or None)]."""
    if not re.search(r"^\$ ", block, re.M):
        return [(block, None)]
    steps = []
    for line in block.splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        elif steps:
            steps[-1][1].append(line)
    return steps


def run_document(path, environment):
    """Failures of one document as text."""
    with open(path, encoding="utf-8") as file:
        blocks = MARKED.findall(file.read())
    shown = os.path.relpath(path, ROOT)
    failures, count = [], 0
    with tempfile.TemporaryDirectory(prefix="timbre-docs-") as folder:
        for block in blocks:
            for script, expected in steps_of(block):
                count += 1
                done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240)
                if done.returncode != 0:
                    failures.append(f"{shown}: exit code {done.returncode}: {script}\n{done.stdout}{done.stderr}")
                elif expected is not None and not matches(expected, done.stdout.splitlines()):
                    failures.append(f"{shown}: {script}\n--- written\n" + "\n".join(expected) + f"\n--- printed\n{done.stdout}")
    if blocks:
        print(f"{shown}: {count} commands run")
    return failures


def main():
    build = os.environ.get("TIMBRE_BUILD", os.path.join(ROOT, "build"))
    environment = {**os.environ, "PATH": f"{build}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    documents = [p for p in (os.path.join(ROOT, "README.md"), os.path.join(ROOT, "CONTRIBUTING.md")) if os.path.exists(p)]
    documents += sorted(glob.glob(os.path.join(ROOT, "docs", "**", "*.md"), recursive=True))
    failures = [failure for document in documents for failure in run_document(document, environment)]
    for failure in failures:
        print("FAILED " + failure)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
