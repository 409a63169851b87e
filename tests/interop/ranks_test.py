"""Data parallel training of the debug model under torchrun and under --ranks: two ranks give the weights of one rank with the joined batch."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TIMBRE_BUILD", ROOT / "build"))
sys.path.insert(0, str(ROOT / "tests" / "kill"))
import corpus  # noqa: E402

STEPS = 5
# Adam divides by the root of the squared gradients: with eps 1e-4 a rounding of 1e-7 stays small. The sums of two ranks are taken in another order than one rank's,
# and BatchNorm-free blocks see each utterance alone, so what is left is rounding: a few 1e-6 after 5 steps of rate 1e-3.
BOUND = 2e-5


def tensors(run):
    path = run / "checkpoints" / f"step_{STEPS:09}" / "model.safetensors"
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    head = json.loads(raw[8 : 8 + size])
    out = {}
    for name, entry in head.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            out[name] = numpy.frombuffer(raw[8 + size + begin : 8 + size + end], numpy.float32)
    return out


class TwoRanks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.scratch.name)
        cls.corpus = corpus.make(cls.folder, BUILD / "timbre", 24)
        cls.train("one", 8, [str(BUILD / "timbre")], [])

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    @classmethod
    def train(cls, name, items, launcher, flags):
        words = [*launcher, "train", "fastspeech2", "--preset", "debug", "--corpus", cls.corpus, "--out", cls.folder / name, "--max-steps", STEPS, "--batch.items", items,
                 "--batch.units", 0, "--batch.order", "corpus", "--no-batch.shuffle", "--optim.eps", 1e-4, "--no-probe", "--no-valid-at-epoch-end", "--encoder.dropout", 0, "--decoder.dropout", 0,
                 "--variance.dropout", 0, "--postnet-dropout", 0, "--postnet-layers", 0, "--save-every-steps", 1, "--keep", 99, "--schedule.warmup-steps", 0, "-q", *flags]
        subprocess.run([str(word) for word in words], check=True, timeout=200, env={**os.environ, "TIMBRE_THREADS": "1"})

    def expect_same(self, name):
        one, two = tensors(self.folder / "one"), tensors(self.folder / name)
        self.assertEqual(sorted(one), sorted(two))
        worst = max((float(numpy.abs(one[key] - two[key]).max()), key) for key in one)
        self.assertLess(worst[0], BOUND, worst)
        print(f"{name}: largest difference of a weight {worst[0]:.2g} ({worst[1]})")

    def test_own_launcher(self):
        self.train("ranks", 4, [str(BUILD / "timbre")], ["--ranks", 2])
        self.expect_same("ranks")

    def test_torchrun(self):
        launcher = [sys.executable, "-m", "torch.distributed.run", "--no-python", "--nproc-per-node=2", "--master-port=29611", str(BUILD / "timbre")]
        self.train("torchrun", 4, launcher, [])
        self.expect_same("torchrun")

    def test_per_device_mean_differs(self):
        self.train("per_device", 4, [str(BUILD / "timbre")], ["--ranks", 2, "--normalise", "per_device"])
        one, two = tensors(self.folder / "one"), tensors(self.folder / "per_device")
        self.assertGreater(max(float(numpy.abs(one[key] - two[key]).max()) for key in one), BOUND)


if __name__ == "__main__":
    unittest.main()
