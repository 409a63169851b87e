"""Twenty kills of a training run, each continued to the bit (make kill-test does 200)."""
import pathlib
import subprocess
import sys
import unittest

RUN = pathlib.Path(__file__).resolve().parents[1] / "kill" / "run.py"


class Kills(unittest.TestCase):
    def test_twenty(self):
        subprocess.run([sys.executable, str(RUN), "--kills", "20"], check=True)

    def test_two_players(self):
        """Generators and their discriminators, from before the second player's first step on."""
        for model, kills in (("hifigan", 6), ("vocos", 4), ("small_codec", 4), ("valle", 4), ("llasa", 3)):
            with self.subTest(model):
                subprocess.run([sys.executable, str(RUN), "--kills", str(kills), "--model", model, "--steps", "16"], check=True)


if __name__ == "__main__":
    unittest.main()
