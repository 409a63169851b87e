"""Hugging Face data sets: pyarrow reads what we write, we read what pyarrow and the datasets library wrote, in bounded memory."""
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import wave

import numpy

try:
    import pyarrow
    import pyarrow.parquet as parquet
except ImportError:
    if os.environ.get("CI"):
        raise
    raise SystemExit("skipped: no pyarrow in .venv (tools/setup.sh installs it)")

TIMBRE = os.path.abspath(os.path.join(os.environ.get("TIMBRE_BUILD", "build"), "timbre"))
HERE = pathlib.Path(__file__).resolve().parent
TEXTS = ['He said "no".', "a|b & <c>\tx", "Größe – 你好，世界！ 😀", "It's 5\\6, all right"]
AUDIO = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])


def timbre(*words, fails=0):
    done = subprocess.run([TIMBRE, *map(str, words)], capture_output=True, text=True)
    if done.returncode != fails:
        raise AssertionError(f"timbre {' '.join(map(str, words))}: exit {done.returncode}, expected {fails}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def memory_of(*words):
    """The most memory timbre held, in MB. Started by a small process: a program inherits the mark of the one it is started from."""
    measure = ("import os, sys; pid = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:]); _, status, used = os.wait4(pid, 0); "
               "print(used.ru_maxrss / 1024, file=sys.stderr); sys.exit(os.waitstatus_to_exitcode(status))")
    done = subprocess.run([sys.executable, "-S", "-c", measure, TIMBRE, *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)
    return float(done.stderr.split()[-1])


def clip(samples=2000, seed=0, rate=8000):
    packed = io.BytesIO()
    with wave.open(packed, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(numpy.random.default_rng(seed).integers(-9000, 9000, samples, dtype=numpy.int16).tobytes())
    return packed.getvalue()


def utterances(corpus):
    return {u["id"]: u for u in map(json.loads, (corpus / "manifest.jsonl").read_text(encoding="utf-8").splitlines())}


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)

    def write(self, name, table, **options):
        path = self.dir / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table, path, **options)
        return path

    def bring_in(self, *flags, source="set", fails=0):
        text = timbre("import", "hf", self.dir / source, "--out", self.dir / "corpus", "-q", *flags, fails=fails)
        return utterances(self.dir / "corpus") if fails == 0 else text


class Ours(Case):
    def test_pyarrow_reads_the_clips_and_the_features(self):
        for i, text in enumerate(TEXTS):
            (self.dir / "wav").mkdir(exist_ok=True)
            (self.dir / "wav" / f"c{i}.wav").write_bytes(clip(2000 + i, i))
            (self.dir / "wav" / f"c{i}.txt").write_text(text, encoding="utf-8")
        timbre("import", "lab", self.dir / "wav", "--out", self.dir / "corpus", "--speaker", "Ada", "--language", "en", "-q")
        timbre("export", self.dir / "corpus", "--format", "hf", "--out", self.dir / "out", "-q")
        path = self.dir / "out" / "data" / "train-00000-of-00001.parquet"
        table = parquet.read_table(path)
        self.assertEqual(table.schema.field("audio").type, AUDIO)
        rows = table.to_pylist()
        self.assertEqual([(r["id"], r["text"], r["speaker"], r["language"], r["raw_text"]) for r in rows],
                         [(f"c{i}", " ".join(text.split()), "Ada", "en", None) for i, text in enumerate(TEXTS)])
        self.assertEqual([r["audio"] for r in rows], [{"bytes": clip(2000 + i, i), "path": f"c{i}.wav"} for i in range(4)])
        # The datasets library takes the types from here: the form is that of a file it wrote itself.
        theirs = json.loads(parquet.read_schema(HERE / "datasets_3_6.parquet").metadata[b"huggingface"])["info"]["features"]
        ours = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
        self.assertEqual(ours["audio"], theirs["audio"])
        self.assertEqual(ours["text"], theirs["sentence"])
        self.assertEqual(ours["duration"], {**theirs["pitch"], "dtype": "float64"})
        self.assertEqual(list(ours), table.column_names)


class Theirs(Case):
    def test_what_the_datasets_library_wrote(self):
        got = self.bring_in(source=HERE / "datasets_3_6.parquet")
        self.assertEqual({id: (u["text"], u["speaker"], u["language"], u["pitch"], u["up_votes"], u["rate_hz"]) for id, u in got.items()},
                         {"clip_0": ("Erste “Zeile”.", "ada", "de", 100.5, 0, 8000), "clip_1": ("Zweite | Zeile", "bob", "de", 101.5, 1, 8000),
                          "clip_2": ("Dritte Zeile", "ada", "de", 102.5, 2, 8000)})

    def table(self, first, count, texts=pyarrow.string(), names=True):
        return pyarrow.table({
            "audio": pyarrow.array([{"bytes": clip(seed=i), "path": f"{i}.wav" if names else None} for i in range(first, first + count)], AUDIO),
            "text": pyarrow.array([f"text {i}" for i in range(first, first + count)]).cast(texts)})

    def test_shards_splits_and_packings(self):
        self.write("data/train-00000-of-00002.parquet", self.table(0, 20), row_group_size=3)
        self.write("data/train-00001-of-00002.parquet", self.table(20, 5, pyarrow.large_string()), compression="zstd")
        self.write("data/validation-00000-of-00001-0123456789abcdef.parquet", self.table(25, 2), compression="gzip")
        coded = self.table(27, 3)
        coded = coded.set_column(1, "text", coded["text"].dictionary_encode())
        self.write("data/test.clean-00000-of-00001.parquet", coded, use_dictionary=False)
        self.write("data/extra-00000-of-00001.parquet", self.table(30, 1))
        got = self.bring_in()
        self.assertEqual([got[str(i)]["text"] for i in range(31)], [f"text {i}" for i in range(31)])
        self.assertEqual([got[str(i)].get("split") for i in (0, 24, 25, 27, 30)], ["train", "train", "valid", "test", None])
        self.assertEqual(got["30"]["source_split"], "extra")
        for i in (0, 3, 22, 26, 29):
            self.assertEqual((self.dir / "corpus" / got[str(i)]["audio"]).read_bytes(), clip(seed=i))

    def test_rows_without_names_or_audio(self):
        rows = [{"bytes": clip(seed=1), "path": None}, None, {"bytes": None, "path": "beside.wav"}, {"bytes": b"RIFFnonsense", "path": "x.wav"},
                {"bytes": clip(seed=4), "path": None}]
        self.write("default/train/0000.parquet", pyarrow.table({"audio": pyarrow.array(rows, AUDIO), "text": ["a", "b", "c", "d", None]}))
        (self.dir / "set" / "beside.wav").write_bytes(clip(seed=3))
        got = self.bring_in()
        self.assertEqual({id: u["text"] for id, u in got.items()}, {"train-000000": "a", "beside": "c"})
        rejected = [json.loads(line) for line in (self.dir / "corpus" / "rejected.jsonl").read_text().splitlines()]
        self.assertEqual(sorted((r["line"], r["reason"]) for r in rejected), [(2, "no audio"), (4, "audio cannot be read"), (5, "no text")])
        self.assertNotIn("timbre-import", json.dumps(rejected), "a folder that is gone is not named")

    def test_what_is_not_sure_is_asked(self):
        self.write("de/train-00000-of-00001.parquet", self.table(0, 2))
        self.write("en/train-00000-of-00001.parquet", self.table(2, 2))
        self.assertIn("several configurations: de, en", self.bring_in(fails=2))
        self.assertEqual(set(self.bring_in("--hf.config", "en")), {"2", "3"})
        both = self.table(0, 1).rename_columns(["a", "words"])
        self.write("../two/x.parquet", both.append_column("b", both["a"]))
        timbre("import", "hf", self.dir / "two", "--out", self.dir / "c2", "-q", fails=3)
        timbre("import", "hf", self.dir / "two", "--out", self.dir / "c2", "-q", "--hf.audio", "b", "--hf.text", "words")

    def test_memory_does_not_grow_with_a_row_group(self):
        long = 500_000  # samples, 1 MB a clip, 96 of them in one row group
        table = pyarrow.table({"audio": pyarrow.array([{"bytes": clip(long, i), "path": f"{i}.wav"} for i in range(96)], AUDIO),
                               "text": [f"text {i}" for i in range(96)]})
        path = self.write("train.parquet", table, row_group_size=96, compression="none", use_dictionary=False, write_batch_size=4)
        self.assertEqual(parquet.ParquetFile(path).num_row_groups, 1)
        used = memory_of("import", "hf", path, "--out", self.dir / "corpus", "-q", "--audio", "copy")
        self.assertEqual(len(utterances(self.dir / "corpus")), 96)
        self.assertLess(used, 80, f"{used:.0f} MB held for a row group of 96 MB")


if __name__ == "__main__":
    unittest.main()
