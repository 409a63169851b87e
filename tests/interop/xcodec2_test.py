"""transformers' Xcodec2Model loads what `timbre convert --to xcodec2-hf` writes, and codes and decodes the same with it.

Needs transformers >= 5.23 (whose Xcodec2 it is); where that is missing the test is skipped by name.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import torch

try:
    from transformers import Xcodec2Model
except Exception as problem:  # an import inside transformers may fail in many ways
    Xcodec2Model, WHY = None, f"no Xcodec2Model: {problem}"
else:
    WHY = ""

TIMBRE = os.path.join(os.environ.get("TIMBRE_BUILD", "build"), "timbre")
SETS = [pathlib.Path(os.environ.get("TIMBRE_GOLDEN", "../shared/golden")) / "xcodec2", pathlib.Path("tests/golden/xcodec2")]


def timbre(*words):
    done = subprocess.run([TIMBRE, *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"timbre {' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}")


@unittest.skipIf(Xcodec2Model is None, WHY)
class Xcodec2(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.dir)
        self.set = next(folder for folder in SETS if (folder / "set.json").exists())
        self.want = Xcodec2Model.from_pretrained(self.set / "transformers").eval()

    @torch.no_grad()
    def check(self, source, wave_bound, *options):
        timbre("convert", source, self.dir / "ours", *options)
        timbre("convert", self.dir / "ours", self.dir / "theirs", "--to", "xcodec2-hf")
        got, info = Xcodec2Model.from_pretrained(self.dir / "theirs", output_loading_info=True)
        self.assertFalse(info["missing_keys"])
        self.assertFalse(info["unexpected_keys"])
        got.eval()
        torch.manual_seed(1)
        wave = torch.randn(1, 1, 320 * 60) * 0.1
        feats = torch.randn(1, 60, 160)
        want = self.want.encode(wave, feats).audio_codes
        self.assertTrue(torch.equal(got.encode(wave, feats).audio_codes, want))
        self.assertGreater(want.unique().numel(), 10)
        apart = (got.decode(want).audio_values - self.want.decode(want).audio_values).abs().max().item()
        self.assertLessEqual(apart, wave_bound)
        return got

    def test_transformers_files(self):
        got = self.check(self.set / "transformers", 0.0)
        want = self.want.state_dict()
        self.assertEqual(set(want), set(got.state_dict()))
        for name, value in got.state_dict().items():
            self.assertTrue(torch.equal(value, want[name]), name)

    def test_lightning_checkpoint(self):
        checkpoint = self.set / "xcodec2_lightning.ckpt"
        if not checkpoint.exists():
            self.skipTest(f"{checkpoint} is only in the full set")
        self.check(checkpoint, 5e-6)


if __name__ == "__main__":
    unittest.main()
