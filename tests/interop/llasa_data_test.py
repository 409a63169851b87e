"""Rows of `timbre prepare --recipe llasa-speed`, read as LLaSA_training's TTSDataset reads them (numpy.memmap by the shape file)."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

try:
    import numpy
except ImportError as missing:
    raise SystemExit(f"skipped: no {missing.name} in .venv")

REPO = pathlib.Path(__file__).resolve().parents[2]
TIMBRE = os.path.abspath(os.path.join(os.environ.get("TIMBRE_BUILD", "build"), "timbre"))
CORPUS = REPO / "tests" / "golden" / "llasa_data" / "text_corpus"
TOKENIZERS = REPO / "tests" / "golden" / "llasa_tokenizer"


def rows(folder, split):
    shape = numpy.load(folder / f"{split}_input_ids_shape.npy")
    return numpy.memmap(folder / f"{split}_input_ids.memmap", dtype="int32", mode="r", shape=tuple(shape))


class Rows(unittest.TestCase):
    def test_rows_are_what_numpy_reads(self):
        ids = {token["content"]: token["id"]
               for token in json.loads((TOKENIZERS / "speed" / "tokenizer.json").read_text("utf-8"))["added_tokens"]}
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder)
            done = subprocess.run([TIMBRE, "prepare", str(CORPUS), "--recipe", "llasa-speed", "--stage", "4", "--tokenizer",
                                   str(TOKENIZERS / "base"), "--out", str(out), "--json"], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            counts = json.loads(done.stdout)["rows"]["counts"]
            for split in ("train", "val"):
                read = rows(out / "rows", split)
                self.assertEqual(read.shape, (counts[split], 2048))
                for row in read:
                    row = row.tolist()
                    start, end = ids["<|SPEECH_GENERATION_START|>"], ids["<|SPEECH_GENERATION_END|>"]
                    self.assertEqual((row.count(start), row.count(end)), (1, 1))
                    speech = row[row.index(start) + 1:row.index(end)]
                    self.assertTrue(speech and all(ids["<|s_0|>"] <= i < ids["<|s_0|>"] + 512 for i in speech))
                    self.assertEqual(row.count(ids["<|FAST|>"]) + row.count(ids["<|SLOW|>"]), 1)
                    self.assertEqual(set(row[row.index(end) + 1:]) - {ids["<|eot_id|>"]}, set())
                copy = out / "copy"  # and what numpy writes is the same file
                numpy.save(str(copy), read.shape)
                self.assertEqual((out / "copy.npy").read_bytes(), (out / "rows" / f"{split}_input_ids_shape.npy").read_bytes())


if __name__ == "__main__":
    unittest.main()
