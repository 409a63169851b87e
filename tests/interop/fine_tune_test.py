"""Fine-tuning to a second speaker with new phones: from our own voice and from a ming024 checkpoint, against training from scratch."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMBRE = pathlib.Path(os.environ.get("TIMBRE_BUILD", ROOT / "build")) / "timbre"
sys.path.insert(0, str(ROOT / "tests" / "kill"))
import corpus  # noqa: E402

STEPS = 24
# "Clearly below": at equal steps the fine-tuned run has lost at least this share of the loss that training from scratch still has.
SHARE = 0.85
# The reference's blocks at a size that learns in seconds.
SMALL_MING024 = """
model: fastspeech2
preset: ming024
encoder: {layers: 2, heads: 2, width: 32, filter: 64}
decoder: {layers: 2, heads: 2, width: 32, filter: 64}
variance: {filter: 32}
postnet_filter: 32
mel: {rate_hz: 16000}
"""
OTHER = {"speaker": "bruno", "sounds_of": corpus.OTHER_WORDS, "pitch_hz": (95, 130)}


class FineTuning(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.scratch.name)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def timbre(self, *words):
        done = subprocess.run([str(TIMBRE), *map(str, words)], capture_output=True, text=True, timeout=200, env={**os.environ, "TIMBRE_THREADS": "1"})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout + done.stderr

    def train(self, name, prepared, model, steps, *flags):
        """The run's folder and what the program said."""
        run = self.folder / name
        said = self.timbre("train", *model, "--corpus", prepared, "--out", run, "--max-steps", steps, "--max-epochs", 0, "--schedule.kind", "constant", "--schedule.warmup-steps", 0,
                           "--optim.lr", 2e-3, "--batch.items", 6, "--batch.units", 0, "--valid-every-steps", STEPS, "--no-valid-at-epoch-end", "--no-probe", *flags)
        return run, said

    def loss(self, run):
        """Validation loss at STEPS."""
        for line in (run / "events.jsonl").read_text().splitlines():
            event = json.loads(line)
            if event["kind"] == "metric" and event.get("set") == "valid" and event["step"] == STEPS:
                return event["values"]["loss"]
        self.fail(f"{run} has no validation at step {STEPS}")

    def compare(self, base, prepared, model, *flags):
        tuned, said = self.train(f"{base.name}_tuned", prepared, model, STEPS, "--base", base, *flags)
        fresh, _ = self.train(f"{base.name}_fresh", prepared, model, STEPS, *flags)
        print(f"{base.name}: {self.loss(tuned):.3f} fine-tuned, {self.loss(fresh):.3f} from scratch after {STEPS} steps")
        self.assertLess(self.loss(tuned), SHARE * self.loss(fresh))
        self.assertRegex(said, r"symbols: \d+ of \d+ kept; .*ʊ")
        self.assertRegex(said, r"tensors kept \(\d+\.\d % of the values\)")

    def test_from_our_voice(self):
        model = ["fastspeech2", "--preset", "debug"]
        run, _ = self.train("own", corpus.make(self.folder / "a", TIMBRE), model, 150)
        self.compare(run / "voice", corpus.make(self.folder / "b", TIMBRE, 16, **OTHER), model)

    def test_from_a_ming024_checkpoint(self):
        recipe = self.folder / "ming024.yaml"
        recipe.write_text(SMALL_MING024)
        english = corpus.make(self.folder / "c", TIMBRE, prepare_for=[recipe], rename=corpus.ARPABET)
        run, _ = self.train("reference", english, [recipe], 150)
        self.timbre("convert", run / "voice", self.folder / "output", "--to", "ming024")
        checkpoint = next((self.folder / "output").rglob("*.pth.tar"))
        ipa = self.folder / "ipa.yaml"
        ipa.write_text(SMALL_MING024 + "front_end: espeak:en-us\nming024_symbols: false\n")
        self.compare(checkpoint, corpus.make(self.folder / "d", TIMBRE, 16, prepare_for=[ipa], **OTHER), [ipa])


if __name__ == "__main__":
    unittest.main()
