#!/usr/bin/env python3
"""Checks lengths and names of what git tracks in src/ (and tests/, tools/, bench/, fuzz/).

Files ≤ 600 lines; functions ≤ 80 lines, `forward` ≤ 120, main() of the programs ≤ 40; no file or folder named utils, common,
core, helpers, misc or types; no unfinished marks in src/. Exit code 1 and one line a breach. The parser is a counter of
braces over C++ with comments and strings blanked: it needs no compiler and takes a second.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))
FILE_LINES, FUNCTION_LINES, FORWARD_LINES, MAIN_LINES = 600, 80, 120, 40
BANNED = {"utils", "util", "common", "core", "helpers", "helper", "misc", "types"}
TOKENS = re.compile(r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^()\s\\]{0,16})\((?:.*?)\)(?P=d)"|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Fa-f])\'(?:\\.|[^\'\\\n])+\'', re.S)
HEAD_NAME = re.compile(r"([A-Za-z_~][\w:~]*|operator\s*[^\s(]+|operator\(\))\s*\($")
BRACED_MEMBER = re.compile(r"\)\s*(?:noexcept\s*)?:(?!:)[^;]*\w$", re.S)
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|stub)\b", re.I)


def blanked(text):
    """Comments and literals replaced by spaces, line for line."""
    return TOKENS.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def is_function_head(head):
    """The name of the function whose body follows `head` (text since the last ; { }), or None."""
    head = re.sub(r"^\s*#.*$", "", head, flags=re.M).strip()
    head = re.sub(r"^(public|private|protected)\s*:", "", head).strip()
    head = re.sub(r"\[\[[^\]]*\]\]|^extern\s+(?=\w|$)", "", head).strip()  # attributes, linkage (its "C" is blanked)
    if "(" not in head or re.match(r"(if|for|while|switch|catch|do|else|return|namespace|class|struct|enum|union|extern)\b", head):
        return None
    if re.search(r"=\s*(\[|$)", head.split("(")[0]) or head.split("(")[0].rstrip().endswith("]"):
        return None  # a lambda or an initialiser
    name = HEAD_NAME.search(head[: head.index("(") + 1])
    return name.group(1) if name and not head.startswith(("[", "=")) else None


def functions(text):
    """(name, first line, number of lines) of every function body; lambdas belong to the function they stand in."""
    text = blanked(text)
    stack, start, found = [], 0, []
    inside, braced = None, 0
    for at, char in enumerate(text):
        if braced or (char == "{" and inside is None and BRACED_MEMBER.search(text[start:at])):
            braced += (char == "{") - (char == "}")  # "A(int x) : x_{x} {": the member's braces are not the body
        elif char in ";{}":
            if char == "{":
                name = is_function_head(text[start:at]) if inside is None else None
                if name:
                    head = text[start:at]
                    inside = (name, text.count("\n", 0, start + len(head) - len(head.lstrip())) + 1, len(stack))
                stack.append(char)
            elif char == "}" and stack:
                stack.pop()
                if inside and inside[2] == len(stack):
                    found.append((inside[0], inside[1], text.count("\n", 0, at) + 2 - inside[1]))
                    inside = None
            start = at + 1
    return found


def tracked():
    names = subprocess.run(["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"], capture_output=True, text=True)
    if names.returncode == 0:
        return names.stdout.splitlines()
    return [os.path.relpath(os.path.join(folder, name), ROOT)
            for top in ("src", "tests", "tools", "bench", "fuzz") for folder, _, files in os.walk(os.path.join(ROOT, top)) for name in files]


def limit_of(path, name):
    if path == "src/cli/main.cpp":
        return MAIN_LINES
    return FORWARD_LINES if name.split("::")[-1] == "forward" else FUNCTION_LINES


def breaches_of_file(path, text):
    found = []
    lines = text.count("\n")
    if lines > FILE_LINES:
        found.append(f"{path}: {lines} lines, at most {FILE_LINES}: split it by noun")
    for part in path.replace(".", "/").split("/"):
        if part in BANNED:
            found.append(f"{path}: nothing is named '{part}': name what it holds")
    if path.endswith((".cpp", ".h")):
        for name, line, length in functions(text):
            if length > limit_of(path, name):
                found.append(f"{path}:{line}: {name} has {length} lines, at most {limit_of(path, name)}")
    if path.startswith("src/"):
        for number, line in enumerate(text.splitlines(), 1):
            mark = UNFINISHED.search(line)
            if mark:
                found.append(f"{path}:{number}: '{mark.group(1)}': finish it or take it out")
    return found


def main():
    found = []
    for path in tracked():
        if path.startswith(("src/", "tests/", "tools/", "bench/", "fuzz/")) and path.endswith((".cpp", ".h", ".py", ".sh", ".cmake")):
            try:
                with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                    found += breaches_of_file(path, file.read())
            except FileNotFoundError:
                continue  # deleted, not yet committed
    for line in found:
        print(line)
    print(f"{len(found)} breaches of lengths and names")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
