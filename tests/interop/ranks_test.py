"""Data parallel training of the debug model under torchrun and under --ranks: two ranks give the weights of one rank with the joined batch, end together, and go on."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
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
ENVIRONMENT = {**os.environ, "TIMBRE_THREADS": "1"}


def torchrun(port):
    return [sys.executable, "-m", "torch.distributed.run", "--no-python", "--nproc-per-node=2", f"--master-port={port}", str(BUILD / "timbre")]


def process_of_rank(rank, parent):
    """Its number: a child of torchrun, by the environment that it was given."""
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            number = int(entry.name)
            if f"PPid:\t{parent}\n" in (entry / "status").read_text() and f"RANK={rank}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                return number
        except (OSError, ProcessLookupError):
            continue
    raise AssertionError(f"no process of rank {rank}")


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
    def words(cls, name, items, launcher, flags):
        words = [*launcher, "train", "fastspeech2", "--preset", "debug", "--corpus", cls.corpus, "--out", cls.folder / name, "--max-steps", STEPS, "--batch.items", items,
                 "--batch.units", 0, "--batch.order", "corpus", "--no-batch.shuffle", "--optim.eps", 1e-4, "--no-probe", "--no-valid-at-epoch-end", "--encoder.dropout", 0, "--decoder.dropout", 0,
                 "--variance.dropout", 0, "--postnet-dropout", 0, "--postnet-layers", 0, "--save-every-steps", 1, "--keep", 99, "--schedule.warmup-steps", 0, "-q", *flags]
        return [str(word) for word in words]

    @classmethod
    def train(cls, name, items, launcher, flags):
        subprocess.run(cls.words(name, items, launcher, flags), check=True, timeout=200, env=ENVIRONMENT)

    def endless(self, name, launcher, flags=()):
        """A run of two ranks that has made some steps, in a process group of its own."""
        words = self.words(name, 4, launcher, ["--max-steps", "100000", "--keep", "2", "--log-every-steps", "1", *flags])
        process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, start_new_session=True)
        self.addCleanup(lambda: process.poll() is None and process.terminate())  # its ranks end with it
        events, end = self.folder / name / "events.jsonl", time.monotonic() + 120
        while not (events.exists() and '"step":3,' in events.read_text()):
            self.assertIsNone(process.poll(), "ended before it was told to")
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        return process

    def goes_on(self, name, ranks):
        """The last checkpoint is whole, and another number of ranks reads it."""
        last = max((self.folder / name / "checkpoints").glob("step_*")).name
        step = int(last.removeprefix("step_")) + 2
        subprocess.run([str(BUILD / "timbre"), "train", "--continue", str(self.folder / name), "--max-steps", str(step), "--ranks", str(ranks), "-q"], check=True, timeout=200,
                       env=ENVIRONMENT)
        self.assertTrue((self.folder / name / "checkpoints" / f"step_{step:09}").exists())

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
        self.train("torchrun", 4, torchrun(29611), [])
        self.expect_same("torchrun")

    def test_a_rank_that_dies_ends_the_run(self):
        process = self.endless("dies", torchrun(29612))
        os.kill(process_of_rank(1, process.pid), signal.SIGKILL)
        begin = time.monotonic()
        _, said = process.communicate(timeout=60)
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("error: rank 1 is gone: rank 0 cannot go on", said)
        print(f"ended {time.monotonic() - begin:.1f} s after rank 1 was killed")
        self.goes_on("dies", 1)

    def test_interrupt(self):
        """As a terminal does it: to the launcher and to the ranks at once."""
        process = self.endless("interrupt", [str(BUILD / "timbre")], ["--ranks", "2"])
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 128 + signal.SIGINT, said)
        stopped = json.loads((self.folder / "interrupt" / "events.jsonl").read_text().splitlines()[-1])
        self.assertEqual(stopped["ended_by"], "signal")
        self.assertTrue((self.folder / "interrupt" / "checkpoints" / f"step_{stopped['step']:09}").exists())
        self.goes_on("interrupt", 2)

    def test_ranks_with_different_data(self):
        other = corpus.make(self.folder / "other", BUILD / "timbre", 20)
        words = self.words("differ", 4, ["timbre"], [])
        script = f'if [ $RANK = 1 ]; then c={other}; else c={self.corpus}; fi; exec {BUILD / "timbre"} "$@" --corpus $c'
        done = subprocess.run([*torchrun(29613)[:-1], "bash", "-c", script, *words], capture_output=True, text=True, timeout=200, env=ENVIRONMENT)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"the ranks have different data: rank 0 has \d+ \+ \d+ items, \w+; rank 1 has \d+")

    def test_per_device_mean_differs(self):
        self.train("per_device", 4, [str(BUILD / "timbre")], ["--ranks", 2, "--normalise", "per_device"])
        one, two = tensors(self.folder / "one"), tensors(self.folder / "per_device")
        self.assertGreater(max(float(numpy.abs(one[key] - two[key]).max()) for key in one), BOUND)


if __name__ == "__main__":
    unittest.main()
