#!/usr/bin/env python3
"""Runs one text file of command-line tests: what is typed, what comes out, the exit code.

    tests/cli/run.py --build build tests/cli/help.test

A file is a list of cases that run one after the other in one temporary folder:

    # a comment (before the first case or a case's first command); "# needs: torch" leaves the file out of builds without timbre-torch
    == a title
    $ timbre --help | head -n 1
    timbre: from a folder of recordings to a voice that speaks
    ? 0

  $ …      a command for bash; further "$ " lines continue the same script
  text     expected standard output, line by line
  ! text   expected standard error, line by line
  ? N      expected exit code, 0 when not given
In expected lines, {*} stands for any text within the line, {N} for a number, {TMP} for the temporary folder, and a line
"..." for any lines, none included. A stream of which nothing is said must be empty; "..." alone allows anything.
`timbre` is the program under test; $REPO is the repository, $BUILD the build folder.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile


class Case:
    def __init__(self, title, line):
        self.title, self.line = title, line
        self.script, self.out, self.err, self.code = [], [], [], 0


def parse(path):
    """The cases of a file. Raises ValueError with the line number."""
    cases, case = [], None
    with open(path, encoding="utf-8") as lines:
        for number, raw in enumerate(lines, 1):
            line = raw.rstrip("\n")
            if line.startswith("== "):
                case = Case(line[3:], number)
                cases.append(case)
            elif case is None:
                if line and not line.startswith("#"):
                    raise ValueError(f"{path}:{number}: expected '== title' before anything else")
            elif line.startswith("$ "):
                case.script.append(line[2:])
            elif line.startswith("? "):
                case.code = int(line[2:])
            elif line == "!" or line.startswith("! "):
                case.err.append(line[2:])
            elif case.script or not line.startswith("#"):
                case.out.append(line)
    for case in cases:
        while case.out and case.out[-1] == "":  # the blank line between cases
            case.out.pop()
        if not case.script:
            raise ValueError(f"{path}:{case.line}: case '{case.title}' has no command")
    if not cases:
        raise ValueError(f"{path}: no case")
    return cases


def pattern(line, tmp):
    """A regular expression for one expected line."""
    parts = re.split(r"(\{\*\}|\{N\}|\{TMP\})", line)
    meaning = {"{*}": ".*", "{N}": r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?", "{TMP}": re.escape(tmp)}
    return re.compile("".join(meaning.get(part) or re.escape(part) for part in parts))


def matches(expected, got, tmp):
    """Whether the lines `got` are what `expected` says; "..." takes any number of lines."""
    if not expected:
        return not got
    if expected[0] == "...":
        return any(matches(expected[1:], got[skip:], tmp) for skip in range(len(got) + 1))
    return bool(got) and pattern(expected[0], tmp).fullmatch(got[0]) is not None and matches(expected[1:], got[1:], tmp)


def show(name, expected, got):
    print(f"  {name} expected:")
    for line in expected or ["(nothing)"]:
        print(f"    | {line}")
    print(f"  {name} got:")
    for line in got or ["(nothing)"]:
        print(f"    | {line}")


def run_case(path, case, tmp, environment):
    done = subprocess.run(["bash", "-c", "\n".join(case.script)], cwd=tmp, env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=240)
    out = done.stdout.decode("utf-8", "replace").splitlines()
    err = done.stderr.decode("utf-8", "replace").splitlines()
    good = {"standard output": matches(case.out, out, tmp), "standard error": matches(case.err, err, tmp), "exit code": done.returncode == case.code}
    if all(good.values()):
        return True
    print(f"FAILED {path}:{case.line}: {case.title}")
    for line in case.script:
        print(f"  $ {line}")
    if not good["exit code"]:
        print(f"  exit code expected {case.code}, got {done.returncode}")
    if not good["standard output"] or not good["exit code"]:
        show("standard output", case.out, out)
    if not good["standard error"] or not good["exit code"]:
        show("standard error", case.err, err)
    return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("file")
    options = parser.parse_args()
    repo = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
    build = os.path.realpath(options.build)
    if not os.access(os.path.join(build, "timbre"), os.X_OK):
        sys.exit(f"no program {build}/timbre: build first")
    environment = {**os.environ, "PATH": f"{build}:{os.environ['PATH']}", "REPO": repo, "BUILD": build, "LC_ALL": "C.UTF-8"}
    for name in ("TIMBRE_THREADS", "TIMBRE_VOICES"):
        environment.pop(name, None)
    failed = 0
    cases = parse(options.file)
    with tempfile.TemporaryDirectory(prefix="timbre-cli-") as tmp, tempfile.TemporaryDirectory(prefix="timbre-cache-") as cache:
        environment["XDG_CACHE_HOME"] = cache
        for case in cases:
            failed += not run_case(options.file, case, os.path.realpath(tmp), environment)
    print(f"{len(cases) - failed} of {len(cases)} cases hold")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
