"""HiFi-GAN checkpoints we write are loaded by PyTorch, tensor by tensor as they came, in the names and forms upstream's code asks for."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import torch

BUILD = os.environ.get("TIMBRE_BUILD", "build")
GOLDEN = pathlib.Path("tests/golden/hifigan")


def convert(*words):
    subprocess.run([os.path.join(BUILD, "timbre"), "convert", *map(str, words)], check=True, capture_output=True)


class Checkpoints(unittest.TestCase):
    def test_round_trip(self):
        for source in ("train/g_00000000", "generator_v3/g_legacy_format"):
            with self.subTest(source), tempfile.TemporaryDirectory() as folder:
                convert(GOLDEN / source, f"{folder}/ours", "--from", "hifigan")
                convert(f"{folder}/ours", f"{folder}/theirs", "--to", "hifigan")
                there = torch.load(f"{folder}/theirs/g_00000000", weights_only=True)["generator"]
                here = torch.load(GOLDEN / source, weights_only=True)["generator"]
                self.assertEqual(list(there), list(here))
                for name in here:
                    self.assertTrue(torch.equal(there[name], here[name]), name)
                config = (GOLDEN / source).parent / "config.json"
                self.assertEqual(json.loads(pathlib.Path(folder, "theirs", "config.json").read_text()), json.loads(config.read_text()))


if __name__ == "__main__":
    unittest.main()
