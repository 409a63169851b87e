#!/usr/bin/env python3
"""The checkers of tools/, tested: each must see the breach it is there for, and nothing in clean text."""
import importlib.util
import os
import tempfile
import unittest

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))


def load(name):
    spec = importlib.util.spec_from_file_location(name, os.path.join(ROOT, "tools", name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


layers, lengths, docs = load("check_layers"), load("check_lengths"), load("check_docs")


class Layers(unittest.TestCase):
    LAYERS = "base:\naudio: base\ntext: base\ntorch\nnn: base\nmodels/*: base nn\ncli: *\n"

    def breaches(self, files, text=LAYERS):
        with tempfile.TemporaryDirectory() as src:
            for path, content in {"layers.txt": text, **files}.items():
                os.makedirs(os.path.join(src, os.path.dirname(path)), exist_ok=True)
                with open(os.path.join(src, path), "w") as file:
                    file.write(content)
            may, heavy = layers.read_layers(os.path.join(src, "layers.txt"))
            return layers.breaches_of(src, may, heavy)

    CLEAN = {"base/a.h": "", "audio/m.cpp": '#include "base/a.h"\n#include <vector>\n', "nn/l.h": "#include <ATen/core/Tensor.h>\n",
             "models/x/model.cpp": '#include "nn/l.h"\n#include <ATen/ops/mm.h>\n', "cli/say_torch.cpp": "#include <c10/util/Exception.h>\n"}

    def test_clean(self):
        self.assertEqual(self.breaches(self.CLEAN), [])

    def test_each_breach(self):
        for path, text, says in [
            ("base/b.cpp", '#include "audio/m.cpp"\n', "'base' may not include 'audio'"),
            ("audio/t.cpp", "#include <ATen/core/Tensor.h>\n", "above the torch line"),
            ("models/x/config.cpp", "#include <torch/types.h>\n", "above the torch line"),
            ("models/y/model.cpp", '#include "models/x/model.cpp"\n', "'models/*' may not include 'models/*'"),
            ("cli/check.cpp", "#include <c10/util/Exception.h>\n", "above the torch line"),
            ("video/v.cpp", "", "has no line in layers.txt"),
            ("audio/t.cpp", '#include "m.h"\n', "not a path below src/"),
        ]:
            found = self.breaches({**self.CLEAN, path: text})
            self.assertTrue(any(says in line for line in found), (path, found))

    def test_mutual_pair_and_upward_line(self):
        found = self.breaches({"audio/a.h": '#include "text/t.h"\n', "text/t.h": '#include "audio/a.h"\n', "base/x.h": ""}, "base:\naudio: base text\ntext: base audio\n")
        self.assertTrue(any("include each other" in line for line in found), found)
        self.assertTrue(any("'audio' names 'text', which stands below it" in line for line in found), found)


class Lengths(unittest.TestCase):
    def long_function(self, head, lines):
        return head + " {\n" + "  step();\n" * lines + "}\n"

    def test_functions(self):
        text = "namespace a {\n// int f() {\nstruct S {\n  int g() const { return 1; }\n};\n" + self.long_function("std::vector<int> S::f(int x)", 10) + "}\n"
        found = {name: (line, length) for name, line, length in lengths.functions(text)}
        self.assertEqual(found, {"g": (4, 1), "S::f": (6, 12)})

    def test_constructor_with_initialisers_and_lambda(self):
        text = self.long_function("A::A(int x)\n    : x_(x), y_{x}", 3) + "const auto k = [](int x) {\n  return x;\n};\n"
        self.assertEqual(lengths.functions(text), [("A::A", 1, 6)])

    def test_limits(self):
        self.assertEqual(lengths.breaches_of_file("src/a/b.cpp", self.long_function("void f()", 78)), [])
        self.assertIn("f has 81 lines", lengths.breaches_of_file("src/a/b.cpp", self.long_function("void f()", 79))[0])
        self.assertEqual(lengths.breaches_of_file("src/a/b.cpp", self.long_function("Tensor M::forward(Tensor x_BTD)", 110)), [])
        self.assertIn("main has 41 lines", lengths.breaches_of_file("src/cli/main.cpp", self.long_function("int main()", 39))[0])
        self.assertIn("601 lines", lengths.breaches_of_file("src/a/b.h", "\n" * 601)[0])

    def test_names_and_marks(self):
        self.assertTrue(lengths.breaches_of_file("src/base/utils.h", ""))
        self.assertTrue(lengths.breaches_of_file("src/common/x.h", ""))
        self.assertTrue(lengths.breaches_of_file("src/a/x.h", "// TO" + "DO later\n"))
        self.assertEqual(lengths.breaches_of_file("src/a/stubborn.h", "int score_core;\n"), [])


class Docs(unittest.TestCase):
    def test_paths_links_targets(self):
        text = "See `tools/check_docs.py`, `src/*/x`, `src/nowhere.cpp`.\n`make test` `make tea`\n[a](nowhere.md) [b](README.md#x)\n`[word](/ipa/)`\n```\n[x](/y/)\n```\n"
        found = docs.breaches_of("tools/x.md", text, {"test"})
        self.assertEqual(len(found), 5 - int(os.path.exists(os.path.join(ROOT, "tools/README.md"))), found)
        for says in ("src/nowhere.cpp", "src/*/x", "make tea", "nowhere.md"):
            self.assertTrue(any(says in line for line in found), says)


if __name__ == "__main__":
    unittest.main()
