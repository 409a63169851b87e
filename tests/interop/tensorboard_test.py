"""Event files we write are read by TensorBoard's own EventAccumulator: scalars, sound, pictures, text, and the purge of a continued run."""
import io
import os
import pathlib
import subprocess
import tempfile
import unittest
import wave

import numpy
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TIMBRE_BUILD", ROOT / "build"))


def read(folder):
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "audio": 0, "images": 0, "tensors": 0}, purge_orphaned_data=True)
    accumulator.Reload()
    return accumulator


class TensorBoard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.scratch.name) / "tb"
        subprocess.run([BUILD / "timbre_torch_tests", "--gtest_filter=TensorBoard.WritesAFolder"], check=True, cwd=ROOT,
                       env={**os.environ, "TIMBRE_TENSORBOARD_OUT": str(cls.folder)}, stdout=subprocess.DEVNULL)
        later = list((cls.folder / "continued").iterdir())
        cls.whole = read(cls.folder / "continued")
        cls.first = pathlib.Path(cls.scratch.name) / "first"
        cls.first.mkdir()
        for path in cls.folder.glob("events.*"):
            path.rename(cls.first / path.name)
        cls.accumulator = read(cls.first)
        # The continued run's file lies beside the first one's and sorts after it.
        later[0].rename(cls.first / ("events.out.tfevents.9999999999." + later[0].name.split(".", 4)[-1]))

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def test_scalars(self):
        losses = self.accumulator.Scalars("train/loss")
        self.assertEqual([event.step for event in losses], [1, 2, 3, 4, 5])
        numpy.testing.assert_allclose([event.value for event in losses], [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5], rtol=1e-6)
        self.assertEqual(self.accumulator.Scalars("train/lr")[0].step, 300)  # a step of two bytes in the wire format
        self.assertGreater(losses[0].wall_time, 1.5e9)

    def test_sound(self):
        (event,) = self.accumulator.Audio("voice")
        self.assertEqual((event.step, event.sample_rate, event.length_frames, event.content_type), (4, 8000, 800, "audio/wav"))
        with wave.open(io.BytesIO(event.encoded_audio_string)) as sound:
            self.assertEqual((sound.getframerate(), sound.getnchannels(), sound.getsampwidth(), sound.getnframes()), (8000, 1, 2, 800))
            samples = numpy.frombuffer(sound.readframes(800), numpy.int16)
        self.assertEqual(samples[:2].tolist(), [-16384, 16384])

    def test_pictures(self):
        (event,) = self.accumulator.Images("mel")
        self.assertEqual((event.step, event.width, event.height), (4, 1, 1))
        self.assertEqual(event.encoded_image_string[1:4], b"PNG")

    def test_text(self):
        (event,) = self.accumulator.Tensors("words")
        self.assertEqual(event.tensor_proto.string_val[0], b"hello")

    def test_continued_run_forgets_what_came_later(self):
        events = {event.step: event.value for event in read(self.first).Scalars("train/loss")}
        self.assertEqual(sorted(events), [1, 2, 3, 4])
        self.assertEqual(events[4], 9.0)


if __name__ == "__main__":
    unittest.main()
