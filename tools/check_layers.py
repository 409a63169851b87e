#!/usr/bin/env python3
"""Checks every #include of src/ against src/layers.txt: who may include whom, and who may see LibTorch.

Three rules: a folder includes only what its line names (and itself); no two folders include each other; LibTorch's headers
stand only below the line "torch", and of the networks only in files named model*, recipe*, parity*, register_torch*.
Tests may include whatever their folder's heavier half may. Exit code 1 and one line a breach.
"""
import os
import re
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.M)
TORCH = re.compile(r"^(torch|ATen|c10|caffe2)/")
HEAVY_FILE = re.compile(r"^(model|recipe|parity|register_torch)[a-z0-9_]*\.(cpp|h)$")


def read_layers(path):
    """Folder pattern → what it may include, and the patterns below the torch line."""
    may, heavy, below = {}, set(), False
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.strip()
            if line == "torch":
                below = True
            elif line and not line.startswith("#"):
                name, colon, rest = line.partition(":")
                if not colon:
                    sys.exit(f"{path}:{number}: expected 'folder: folders'")
                may[name] = rest.split()
                if below:
                    heavy.add(name)
    return may, heavy


def folder_of(path):
    """src/models/fastspeech2/x.h → (models/fastspeech2, models/*); src/audio/x.h → (audio, audio)."""
    parts = path.split("/")
    if parts[0] in ("models", "codecs") and len(parts) > 2:
        return "/".join(parts[:2]), parts[0] + "/*"
    return parts[0], parts[0]


def may_see_torch(path, rule, heavy):
    name = os.path.basename(path)
    if rule not in heavy:
        return False
    if rule.endswith("/*"):
        return bool(HEAVY_FILE.match(name))
    return rule != "cli" or name.endswith(("_torch.cpp", "_torch_test.cpp"))


def sources(src):
    for folder, _, names in os.walk(src):
        for name in sorted(names):
            if name.endswith((".h", ".cpp")):
                yield os.path.relpath(os.path.join(folder, name), src)


def is_lost(src, target):
    """A quoted include that is meant to be ours and is neither in src/ nor (for tests) in tests/; packages have folders of their own."""
    if any(os.path.exists(os.path.join(root, target)) for root in (src, os.path.join(src, "..", "tests"))):
        return False
    return "/" not in target or os.path.isdir(os.path.join(src, target.split("/")[0]))


def breaches_of(src, may, heavy):
    """Every breach as "path: what", and the edges seen between folders."""
    found, edges = [], {}
    order = list(may)
    for name, allowed in may.items():
        for other in allowed:
            if other != "*" and other in order and order.index(other) >= order.index(name):
                found.append(f"layers.txt: '{name}' names '{other}', which stands below it")
            if other != "*" and other not in order:
                found.append(f"layers.txt: '{name}' names '{other}', which has no line")
    for path in sources(src):
        folder, rule = folder_of(path)
        if rule not in may:
            found.append(f"{path}: folder '{folder}' has no line in layers.txt")
            continue
        with open(os.path.join(src, path), encoding="utf-8") as file:
            text = file.read()
        for quote, target in INCLUDE.findall(text):
            if TORCH.match(target):
                if not may_see_torch(path, rule, heavy):
                    found.append(f"{path}: includes <{target}>, but is above the torch line")
            elif quote == '"' and "/" in target and os.path.exists(os.path.join(src, target)):
                other, other_rule = folder_of(target)
                if other == folder:
                    continue
                edges.setdefault((folder, other), path)
                if other_rule not in may[rule] and "*" not in may[rule]:
                    found.append(f"{path}: includes \"{target}\", but '{rule}' may not include '{other_rule}'")
            elif quote == '"' and is_lost(src, target):
                found.append(f"{path}: includes \"{target}\", which is not a path below src/")
    for (a, b), path in sorted(edges.items()):
        if a < b and (b, a) in edges:
            found.append(f"{path}: '{a}' and '{b}' include each other (see {edges[(b, a)]})")
    return found


def main():
    src = os.path.join(ROOT, "src")
    may, heavy = read_layers(os.path.join(src, "layers.txt"))
    found = breaches_of(src, may, heavy)
    for line in found:
        print(line)
    print(f"{len(found)} breaches of the layers")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
