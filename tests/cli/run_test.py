#!/usr/bin/env python3
"""The runner of the command-line tests, tested: it must fail when what comes out is not what is written."""
import importlib.util
import os
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
spec = importlib.util.spec_from_file_location("cli_run", os.path.join(HERE, "run.py"))
runner = importlib.util.module_from_spec(spec)
spec.loader.exec_module(runner)


def cases_of(text):
    with tempfile.NamedTemporaryFile("w", suffix=".test", delete=False) as file:
        file.write(text)
    try:
        return runner.parse(file.name)
    finally:
        os.unlink(file.name)


class Matching(unittest.TestCase):
    def test_lines(self):
        self.assertTrue(runner.matches(["a", "b {N} c{*}"], ["a", "b -1.5e3 cxyz"], "/t"))
        self.assertFalse(runner.matches(["a", "b {N}"], ["a", "b x"], "/t"))
        self.assertFalse(runner.matches([], ["more"], "/t"))
        self.assertFalse(runner.matches(["a"], [], "/t"))
        self.assertFalse(runner.matches(["a"], ["ab"], "/t"))
        self.assertTrue(runner.matches(["{TMP}/x.wav"], ["/t/x.wav"], "/t"))
        self.assertFalse(runner.matches(["a.c"], ["abc"], "/t"), "a dot is a dot")

    def test_any_lines(self):
        self.assertTrue(runner.matches(["..."], [], "/t"))
        self.assertTrue(runner.matches(["...", "end"], ["x", "y", "end"], "/t"))
        self.assertFalse(runner.matches(["...", "end"], ["x", "y"], "/t"))

    def test_parse(self):
        case = cases_of("# note\n== one\n$ echo a\n$ echo b\na\n\nb\n! oh\n? 3\n\n")[0]
        self.assertEqual((case.title, case.script, case.out, case.err, case.code), ("one", ["echo a", "echo b"], ["a", "", "b"], ["oh"], 3))
        for broken in ("$ echo\n", "== no command\ntext\n", ""):
            with self.assertRaises(ValueError):
                cases_of(broken)


class Running(unittest.TestCase):
    def run_one(self, text):
        with tempfile.TemporaryDirectory() as tmp:
            return runner.run_case("x.test", cases_of(text)[0], tmp, dict(os.environ))

    def test_wrong_output_code_and_errors_fail(self):
        self.assertTrue(self.run_one("== t\n$ echo a; echo e >&2; exit 3\na\n! e\n? 3\n"))
        for broken in ("== t\n$ echo a\nb\n", "== t\n$ echo a; exit 1\na\n", "== t\n$ echo e >&2\n", "== t\n$ echo a\n"):
            self.assertFalse(self.run_one(broken))


if __name__ == "__main__":
    unittest.main()
