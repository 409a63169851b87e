"""Speaker encoders against PyTorch and webrtcvad: PyTorch loads the checkpoints we write, and our voice flags are those of Python's package
at every rate, frame length and mode."""
import ctypes
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy
import torch
import webrtcvad

BUILD = os.environ.get("TIMBRE_BUILD", "build")
GOLDEN = pathlib.Path("tests/golden/speaker_encoder")


def convert(*words):
    subprocess.run([os.path.join(BUILD, "timbre"), "convert", *map(str, words)], check=True, capture_output=True)


class Checkpoints(unittest.TestCase):
    def round_trip(self, source, form, written, state):
        with tempfile.TemporaryDirectory() as folder:
            convert(source, f"{folder}/ours", "--from", form)
            convert(f"{folder}/ours", f"{folder}/theirs", "--to", form)
            there = torch.load(f"{folder}/theirs/{written}", weights_only=True)
            here = torch.load(source, weights_only=True)
            self.assertEqual(there["step"], here["step"])
            names = [name for name in here[state] if not name.startswith("similarity_")]
            self.assertEqual([name for name in there[state] if not name.startswith("similarity_")], names)
            for name in names:
                self.assertTrue(torch.equal(there[state][name], here[state][name]), name)
            config = pathlib.Path(folder, "theirs", "config.json")
            return json.loads(config.read_text()) if config.exists() else there

    def test_mozilla_with_projection(self):
        config = self.round_trip(GOLDEN / "best_model.pth.tar", "hamed", "best_model.pth.tar", "model")
        given = json.loads((GOLDEN / "cases.json").read_text())["config_parsed"]
        self.assertEqual(config["model"], given["model"])
        for key, value in given["audio"].items():
            self.assertEqual(config["audio"][key], value, key)

    def test_mozilla_without_projection(self):
        config = self.round_trip(GOLDEN / "best_model_no_projection.pth.tar", "hamed", "best_model.pth.tar", "model")
        self.assertFalse(config["model"]["use_lstm_with_projection"])

    def test_resemblyzer_loads_into_its_network(self):
        written = self.round_trip(GOLDEN / "pretrained.pt", "resemblyzer", "pretrained.pt", "model_state")

        class VoiceEncoder(torch.nn.Module):  # the shape of Resemblyzer's
            def __init__(self):
                super().__init__()
                self.lstm = torch.nn.LSTM(40, 24, 3, batch_first=True)
                self.linear = torch.nn.Linear(24, 24)

        missing, unexpected = VoiceEncoder().load_state_dict(written["model_state"], strict=False)
        self.assertEqual(missing, [])
        self.assertEqual(sorted(unexpected), ["similarity_bias", "similarity_weight"])


class VoiceFlags(unittest.TestCase):
    def test_every_rate_length_and_mode(self):
        plugin = ctypes.CDLL(os.path.abspath(os.path.join(BUILD, "lib", "timbre_webrtcvad.so")))
        plugin.timbre_webrtcvad_flags.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_size_t, ctypes.c_int,
                                                  ctypes.c_void_p]
        random = numpy.random.default_rng(3)
        voiced = frames = 0
        for rate in (8000, 16000, 32000, 48000):
            count = 2 * rate
            time = numpy.arange(count) / rate
            # A buzz of 120 Hz under an envelope that opens and closes, in noise.
            wave = sum(numpy.sin(2 * numpy.pi * 120 * k * time) / k for k in range(1, 25)) * numpy.maximum(0, numpy.sin(5 * time)) ** 2
            wave = (3000 * wave + random.normal(0, 40, count)).astype(numpy.int16)
            for milliseconds in (10, 20, 30):
                step = rate // 1000 * milliseconds
                for mode in range(4):
                    detector = webrtcvad.Vad(mode)
                    want = [detector.is_speech(wave[i:i + step].tobytes(), rate) for i in range(0, count - step + 1, step)]
                    got = numpy.zeros(len(want), numpy.uint8)
                    done = plugin.timbre_webrtcvad_flags(wave.ctypes.data, count, rate, step, mode, got.ctypes.data)
                    self.assertEqual(done, 0)
                    self.assertEqual(got.tolist(), [int(x) for x in want], (rate, milliseconds, mode))
                    voiced += sum(want)
                    frames += len(want)
        self.assertTrue(0.2 < voiced / frames < 0.9)


if __name__ == "__main__":
    unittest.main()
