#!/usr/bin/env python3
"""tools/setup.sh where it cannot install: the exact packages, what to type, exit code 4; and where all is there: nothing, quickly."""
import os
import shutil
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))


class Setup(unittest.TestCase):
    def test_neither_root_nor_sudo(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(os.path.join(ROOT, "tools"), os.path.join(folder, "tools"))
            with open(os.path.join(folder, "tools", "apt-packages.txt"), "a") as packages:
                packages.write("no-such-package-b\nno-such-package-a\n")
            programs = os.path.join(folder, "programs")
            os.makedirs(programs)
            for name, script in {"id": "echo 1000", "sudo": "exit 1"}.items():
                with open(os.path.join(programs, name), "w") as program:
                    program.write(f"#!/bin/sh\n{script}\n")
                os.chmod(program.name, 0o755)
            done = subprocess.run([os.path.join(folder, "tools", "setup.sh")], capture_output=True, text=True,
                                  env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"})
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn("neither root nor sudo is at hand: no-such-package-a no-such-package-b\n", done.stderr)
            self.assertIn("next: ask an administrator for: apt-get install --no-install-recommends no-such-package-a no-such-package-b", done.stderr)
            self.assertFalse(os.path.exists(os.path.join(folder, ".venv")), "nothing is begun that cannot be ended")

    @unittest.skipUnless(os.path.exists(os.path.join(ROOT, ".venv", ".timbre-stamp")), "set up in another way")
    def test_a_second_call_does_nothing(self):
        stamp = os.path.join(ROOT, ".venv", ".timbre-stamp")
        before, began = os.stat(stamp).st_mtime_ns, time.monotonic()
        done = subprocess.run([os.path.join(ROOT, "tools", "setup.sh")], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertLess(time.monotonic() - began, 1)
        self.assertEqual(os.stat(stamp).st_mtime_ns, before)


if __name__ == "__main__":
    unittest.main()
