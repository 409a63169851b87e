#!/usr/bin/env python3
"""Checks that what the documents name exists: links between them, paths of the tree in `backticks`, `make` targets.

Looks at README.md, DESIGN.md, CONTRIBUTING.md, docs/ and every README.md below src/. A path is a word in backticks that begins
with a top-level folder of the tree (src/…, tools/…, docs/…), `*` and <…> allowed; build outputs and runs are not meant.
Exit code 1 and one line a breach.
"""
import glob
import os
import re
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))
TOPS = "src|tools|tests|docs|cmake|bench|fuzz|recipes|demo|include|web"
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(rf"^(?:\./)?((?:{TOPS})/[\w./*<>{{}},-]*)$")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
MADE = ("demo/report.html", "demo/work")


def documents():
    yield from (p for p in ("README.md", "DESIGN.md", "CONTRIBUTING.md") if os.path.exists(os.path.join(ROOT, p)))
    for pattern in ("docs/**/*.md", "src/**/README.md", "bench/**/*.md"):
        yield from (os.path.relpath(p, ROOT) for p in glob.glob(os.path.join(ROOT, pattern), recursive=True))


def exists(path):
    if path.startswith(MADE) or "<" in path or "{" in path:
        return True
    return bool(glob.glob(os.path.join(ROOT, path.rstrip("/").rstrip("."))))


def breaches_of(document, text, targets):
    found = []
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        fenced ^= line.startswith("```")
        if fenced:
            continue
        for code in CODE.findall(line):
            for word in code.split():
                path = PATH.match(word.rstrip(",;:"))
                if path and not exists(path.group(1)):
                    found.append(f"{document}:{number}: `{path.group(1)}` does not exist")
            made = re.match(r"^make ([a-z-]+)$", code)
            if made and made.group(1) not in targets:
                found.append(f"{document}:{number}: `make {made.group(1)}` is not a target of the Makefile")
        for link in LINK.findall(CODE.sub("", line)):
            target = link.split("#")[0]
            if target and "://" not in target and not target.startswith("mailto:"):
                if not os.path.exists(os.path.join(ROOT, os.path.dirname(document), target)):
                    found.append(f"{document}:{number}: link to {target}, which does not exist")
    return found


def main():
    with open(os.path.join(ROOT, "Makefile"), encoding="utf-8") as file:
        targets = set(re.findall(r"^([a-z-]+):", file.read(), re.M))
    found = []
    for document in documents():
        with open(os.path.join(ROOT, document), encoding="utf-8") as file:
            found += breaches_of(document, file.read(), targets)
    for line in found:
        print(line)
    print(f"{len(found)} broken references in documents")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
