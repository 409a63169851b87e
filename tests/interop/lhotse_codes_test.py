"""lhotse loads and validates the codes we store, and we take the codes that it stores: HDF5 and .npy."""
import math
import os
import pathlib
import struct
import subprocess
import tempfile
import unittest
import wave

try:
    import h5py  # noqa: F401  lhotse's NumpyHdf5Writer needs it
    import numpy
    import lhotse
except ImportError as missing:
    raise SystemExit(f"skipped: no {missing.name} in .venv")

from lhotse import CutSet, NumpyFilesWriter, NumpyHdf5Writer, validate
from lhotse.features.base import Features

BUILD = os.environ.get("TIMBRE_BUILD", "build")
TIMBRE = os.path.abspath(os.path.join(BUILD, "timbre"))
if not os.path.exists(os.path.join(BUILD, "timbre-torch")):
    raise SystemExit("skipped: no timbre-torch")
LENGTHS = {"a": 16000, "b": 12345, "c": 9000}


def timbre(*words, fails=0):
    done = subprocess.run([TIMBRE, *map(str, words)], capture_output=True, text=True, env={**os.environ, "TIMBRE_THREADS": "1"})
    if done.returncode != fails:
        raise AssertionError(f"timbre {' '.join(map(str, words))}: exit {done.returncode}, expected {fails}\n{done.stdout}{done.stderr}")
    return done.stdout


class Codes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = at = pathlib.Path(folder.name)
        rows = ""
        for name, samples in LENGTHS.items():
            with wave.open(str(at / f"{name}.wav"), "wb") as out:
                out.setparams((1, 2, 16000, 0, "NONE", ""))
                out.writeframes(b"".join(struct.pack("<h", int(6000 * math.sin(n / 20))) for n in range(samples)))
            rows += f"{at}/{name}.wav|s|EN|This is tone {name}.\n"
        (at / "list.txt").write_text(rows)
        timbre("import", "gpt-sovits", at / "list.txt", "--out", at / "corpus")
        timbre("train", "small_codec", "--preset", "debug", "--corpus", at / "corpus", "--max-steps", 2, "--no-probe", "--split.valid", 1, "--out", at / "run")

    def export(self):
        out = self.folder / "lhotse"
        if not out.exists():
            timbre("prepare", self.folder / "corpus", "--codec", self.folder / "run")
            timbre("export", self.folder / "corpus", "--format", "lhotse", "--lhotse.codes", "codes.small_codec", "--lhotse.prefix", "x", "--out", out)
        return CutSet.from_file(out / "x_cuts_all.jsonl.gz")

    def test_lhotse_loads_what_we_stored(self):
        cuts = self.export()
        validate(cuts, read_data=True)
        for cut in cuts:
            timbre("codec", "encode", cut.recording.sources[0].source, "--codec", self.folder / "run", "-o", self.folder / "one.npy")
            ours = numpy.load(self.folder / "one.npy")
            codes = cut.load_features()
            self.assertEqual(codes.dtype, numpy.int64)
            self.assertEqual(codes.shape, (cut.num_frames, 2))
            self.assertIn(len(ours) - len(codes), (0, 1))  # lhotse rounds half up, codecs round up
            numpy.testing.assert_array_equal(codes, ours[: len(codes)])

    def test_we_take_what_lhotse_stored(self):
        cuts = self.export()
        stored = {}
        for kind, writer in (("h5", NumpyHdf5Writer(self.folder / "theirs")), ("npy", NumpyFilesWriter(self.folder / "theirs_npy"))):
            new = []
            with writer:
                for index, cut in enumerate(cuts):
                    codes = numpy.random.default_rng(index).integers(0, 1000, (cut.num_frames, 2))
                    stored[cut.supervisions[0].id] = codes
                    if kind == "h5":
                        key = writer.write(cut.id, codes)
                        cut.features = Features(type="codes", num_frames=len(codes), num_features=2, frame_shift=0.02, sampling_rate=16000, start=0,
                                                duration=cut.duration, storage_type=writer.name, storage_path=str(writer.storage_path), storage_key=key,
                                                recording_id=cut.recording_id, channels=0)
                    else:
                        cut.features = None
                        cut.codes = writer.store_array(key=cut.id, value=codes, temporal_dim=0, frame_shift=0.02, start=0)
                    new.append(cut)
            manifest = self.folder / f"theirs_{kind}.jsonl.gz"
            CutSet.from_cuts(new).to_file(manifest)
            self.assertIn("took the codes of 3 utterances", timbre("prepare", self.folder / "corpus", "--codec", self.folder / "run", "--from-lhotse", manifest, "--redo"))
            again = self.folder / f"again_{kind}"
            timbre("export", self.folder / "corpus", "--format", "lhotse", "--lhotse.codes", "codes.small_codec", "--out", again)
            for cut in CutSet.from_file(next(again.glob("*_cuts_all.jsonl.gz"))):
                numpy.testing.assert_array_equal(cut.load_features(), stored[cut.supervisions[0].id])


if __name__ == "__main__":
    unittest.main()
