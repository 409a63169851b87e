"""`timbre prepare --recipe`: lhotse loads what every stage writes, its own recipes write the same manifests, and lifeiteng's
data module (where VALLE_REFS names its checkout) makes batches of it."""
import contextlib
import gzip
import importlib.util
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import wave
import warnings

try:
    import h5py
    import lhotse
    import numpy
except ImportError as missing:
    raise SystemExit(f"skipped: no {missing.name} in .venv")

from lhotse import CutSet, load_manifest, load_manifest_lazy, validate
from lhotse.recipes import prepare_aishell, prepare_baker_zh, prepare_libritts, prepare_ljspeech

REPO = pathlib.Path(__file__).resolve().parents[2]
BUILD = os.environ.get("TIMBRE_BUILD", "build")
TIMBRE = os.path.abspath(os.path.join(BUILD, "timbre"))
BAKER = REPO / "tests" / "golden" / "valle_data" / "BZNSYP"
RATE = 24000


def timbre(*words):
    done = subprocess.run([TIMBRE, *map(str, words)], capture_output=True, text=True, env={**os.environ, "TIMBRE_THREADS": "1"})
    if done.returncode != 0:
        raise AssertionError(f"timbre {' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def write_wav(path, data, rate=RATE):
    """data: [samples] or [samples, channels] of int16"""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1 if data.ndim == 1 else data.shape[1])
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(data.astype("<i2").tobytes())


def tone(samples, seed):
    at = numpy.arange(samples)
    return (9000 * numpy.sin(at * (0.03 + 0.01 * seed)) * numpy.sin(at * 0.0007)).astype(numpy.int16)


def lines(path):
    with gzip.open(path, "rt", encoding="utf-8") as text:
        return [json.loads(line) for line in text]


def same_manifests(case, ours, theirs, parts, prefix):
    """But for where lhotse trims a supervision whose end, rounded to 8 digits, lies behind its recording: to 1/16000 s."""
    def rows(folder, name):
        found = sorted(lines(folder / name), key=lambda row: row["id"])
        if "supervisions" in name:
            for row in found:
                row["duration"] = round(row["duration"], 4)
        return found

    for part in parts:
        for kind in ("recordings", "supervisions"):
            name = f"{prefix}_{kind}_{part}.jsonl.gz"
            case.assertEqual(rows(ours, name), rows(theirs, name), name)


class Recipes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.codec = pathlib.Path(folder.name) / "codec"
        timbre("convert", REPO / "tests" / "golden" / "encodec" / "encodec_24khz.th", cls.codec, "-q")

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)
        warnings.simplefilter("ignore")

    def prepare(self, source, recipe, *words, out="data"):
        return timbre("prepare", source, "--recipe", recipe, "--codec", self.codec, "--out", self.dir / out, *words)

    def test_baker_stage_by_stage(self):
        self.prepare(BAKER, "baker", "--stage", -1, "--stop-stage", 1)
        prepare_baker_zh(BAKER, output_dir=self.dir / "theirs")
        same_manifests(self, self.dir / "data" / "manifests", self.dir / "theirs", ["all"], "baker_zh")
        said = self.prepare(BAKER, "baker", "--stage", 2, "--dev-count", 4, "--test-count", 2)
        tokenized = self.dir / "data" / "tokenized"
        tables = {}
        for part in re.split(r"^##  ", said, flags=re.M)[1:]:
            name, table = part.split("\n", 1)
            tables[name] = table
        everything = load_manifest(tokenized / "baker_zh_cuts_all.jsonl.gz")
        self.assertEqual(len(everything), 19)
        ids = []
        for part, count in (("train", 13), ("dev", 4), ("test", 2)):
            cuts = load_manifest_lazy(tokenized / f"cuts_{part}.jsonl.gz").to_eager()
            self.assertEqual(len(cuts), count)
            validate(cuts, read_data=importlib.util.find_spec("scipy") is not None)  # which resamples in lhotse
            for cut in cuts:
                codes = cut.load_features()
                self.assertEqual((codes.dtype, codes.shape), (numpy.int64, (cut.features.num_frames, cut.features.num_features)))
                self.assertEqual(cut.features.num_frames, cut.num_frames)
                self.assertGreater(len(cut.supervisions[0].custom["tokens"]["text"]), 3)
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                cuts.describe()
            self.assertEqual(tables[part], printed.getvalue() + "\n\n")
            ids += [cut.id for cut in cuts]
        self.assertEqual(ids, [cut.id for cut in everything])
        self.assertEqual(ids[6], "000008-6")  # 000007 has no recording
        # But for codes and where they lie, the cuts of golden/valle_data, made by lhotse, lifeiteng's tokenizer and pypinyin.
        golden = {cut["id"]: cut for cut in lines(BAKER.parent / "tokenized" / "baker_zh_cuts_batch.jsonl.gz")}
        self.assertEqual([self.plain(cut) for cut in lines(tokenized / "baker_zh_cuts_all.jsonl.gz")], [self.plain(cut) for cut in golden.values()])
        self.assertEqual((tokenized / "unique_text_tokens.k2symbols").read_bytes(), (BAKER.parent / "tokenized" / "unique_text_tokens.k2symbols").read_bytes())
        symbols = dict(line.split() for line in (tokenized / "unique_text_tokens.k2symbols").read_text().splitlines())
        used = {token for cut in everything for token in cut.supervisions[0].custom["tokens"]["text"]}
        self.assertEqual(symbols, {"<eps>": "0", **{token: str(i + 1) for i, token in enumerate(sorted(used))}})

    def test_labelled_pinyin_is_read_as_it_stands(self):
        self.prepare(BAKER, "baker", "--stop-stage", 2, "--text-extractor", "labeled_pinyin")
        tokens = lines(self.dir / "data" / "tokenized" / "baker_zh_cuts_all.jsonl.gz")[0]["supervisions"][0]["custom"]["tokens"]["text"]
        self.assertEqual(tokens[:7], ["k", "a2", "-", "er2", "-", "p", "u3"])  # ka2 er2 pu3, where pypinyin says ka3 er3

    @staticmethod
    def plain(cut):
        for name in ("storage_path", "num_frames", "num_features", "frame_shift"):
            del cut["features"][name]
        source = cut["recording"]["sources"][0]
        source["source"] = pathlib.Path(source["source"]).name
        return cut

    def test_stereo_and_short_clips_are_handled_before_tokenising(self):
        """Seed 001: one stereo file among mono ones, 44.1 kHz among 24, and a clip of less than half a frame."""
        voice = self.dir / "voice"
        left, right = tone(30000, 1), tone(30000, 2)
        both = numpy.stack([left, right], 1)
        both[:, 1] -= (both.sum(1) % 2).astype(numpy.int16)  # so that the mean is whole
        write_wav(voice / "a.wav", (both.astype(int).sum(1) // 2).astype(numpy.int16))
        write_wav(voice / "b.wav", both)
        write_wav(voice / "c.wav", tone(44100, 3), 44100)
        write_wav(voice / "d.wav", tone(2000, 3), 48000)
        write_wav(voice / "e.wav", tone(24000, 4))
        timbre("import", "table", self.table(voice, "abcde"), "--out", self.dir / "corpus", "-q")
        # What half a frame is depends on the codec: this one's manifest is cut by hand to 30 samples at 24 kHz.
        self.prepare(self.dir / "corpus", "custom", "--stop-stage", 1)
        self.shorten("d", 30)
        said = self.prepare(self.dir / "corpus", "custom", "--dev-count", 1, "--test-count", 1)
        self.assertIn("1 recording is left out", said)
        self.assertRegex(said, r"all/d: too short")
        cuts = {cut.recording.id: cut for cut in load_manifest(self.dir / "data" / "tokenized" / "custom_cuts_all.jsonl.gz")}
        self.assertEqual(sorted(cuts), ["a", "b", "c", "e"])
        numpy.testing.assert_array_equal(cuts["b"].load_features(), cuts["a"].load_features())
        self.assertEqual(cuts["b"].load_audio().shape, (1, 30000))
        self.assertEqual({cut.sampling_rate for cut in cuts.values()}, {24000})
        self.assertEqual((cuts["c"].num_samples, cuts["c"].recording.transforms[0].source_sampling_rate), (24000, 44100))
        self.assertEqual([json.loads(line)["recording"] for line in (self.dir / "data" / "tokenized" / "left_out.jsonl").open()], ["all/d"])

    def table(self, folder, names):
        path = folder / "table.csv"
        path.write_text("file\ttext\n" + "".join(f"{name}.wav\thello {name}\n" for name in names))
        return path

    def shorten(self, name, samples):
        for kind in ("recordings", "supervisions"):
            path = self.dir / "data" / "manifests" / f"custom_{kind}_all.jsonl.gz"
            rows = lines(path)
            for row in rows:
                if row["id"] == name:
                    row.update({"duration": samples / 24000} | ({"num_samples": samples, "sampling_rate": 24000} if kind == "recordings" else {}))
            with gzip.open(path, "wt", encoding="utf-8") as out:
                out.writelines(json.dumps(row) + "\n" for row in rows)

    def test_interrupted_tokenising_goes_on(self):
        self.prepare(BAKER, "baker", "--stop-stage", 2)
        tokenized = self.dir / "data" / "tokenized"
        cuts, store = tokenized / "baker_zh_cuts_all.jsonl.gz", tokenized / "baker_zh_encodec_all" / "feats-0.h5"
        before, made = lines(cuts), store.stat().st_mtime_ns
        (tokenized / ".baker.tokenize.done").unlink()  # stopped before the end: shards of codes stay
        cuts.unlink()
        self.prepare(BAKER, "baker", "--stage", 2, "--stop-stage", 2)
        self.assertEqual((lines(cuts), store.stat().st_mtime_ns), (before, made))
        store.with_suffix(".json").unlink()  # stopped within a shard: it is made again
        (tokenized / ".baker.tokenize.done").unlink()
        self.prepare(BAKER, "baker", "--stage", 2, "--stop-stage", 2)
        self.assertEqual(lines(cuts), before)
        self.assertNotEqual(store.stat().st_mtime_ns, made)
        again = self.prepare(BAKER, "baker", "--stop-stage", 2)
        self.assertEqual(again.count("(done before)"), 3)
        other = self.prepare(BAKER, "baker", "--stop-stage", 2, "--codebooks", 1)
        self.assertIn("tokens are made anew", other)
        self.assertEqual({cut["features"]["num_features"] for cut in lines(cuts)}, {1})
        with h5py.File(store) as codes:
            self.assertEqual({codes[name].shape[1] for name in codes}, {1})

    def test_libritts_in_the_split_of_seed_001(self):
        root = self.dir / "LibriTTS"
        for part, count in (("dev-clean", 5), ("test-clean", 4)):
            chapter = root / part / "84" / "121123"
            rows, book = [], []
            for i in range(count):
                name = f"84_121123_00000{i}_00000{len(part) % 10}"
                write_wav(chapter / f"{name}.wav", tone(12000 + 999 * i, i))
                (chapter / f"{name}.normalized.txt").write_text(f"Number {i}.")
                (chapter / f"{name}.original.txt").write_text(f"No {i}.")
                rows.append(f"{name}\tNo {i}.\tNumber {i}.\n")
                book.append(f"{name}\tNo {i}.\tNone\tNone\tNone\t20.5\n")
            (chapter / "84_121123.trans.tsv").write_text("".join(rows))
            (chapter / "84_121123.book.tsv").write_text("".join(book))
        (root / "SPEAKERS.txt").write_text(";ID |SEX| SUBSET |MINUTES| NAME\n84 | F | dev-clean | 8.0 | Somebody\n")
        said = self.prepare(root, "libritts", "--dataset-parts=-p dev-clean -p test-clean", "--dev-count", 3)
        prepare_libritts(root, ["dev-clean", "test-clean"], self.dir / "theirs")
        same_manifests(self, self.dir / "data" / "manifests", self.dir / "theirs", ["dev-clean", "test-clean"], "libritts")
        self.assertIn("dev-clean is train", said)
        tokenized = self.dir / "data" / "tokenized"
        train, dev, test = (lines(tokenized / f"cuts_{part}.jsonl.gz") for part in ("train", "dev", "test"))
        self.assertEqual((len(train), dev, len(test)), (5, test[:3], 4))
        self.assertNotIn("transforms", train[0]["recording"])
        self.assertEqual(sorted(train[0]["supervisions"][0]["custom"]), ["orig_text", "snr", "tokens"])
        # The tree alone, without being told what it is.
        self.prepare(root, "custom", "--dev-count", 1, out="other")
        self.assertEqual(len(load_manifest(self.dir / "other" / "tokenized" / "cuts_test.jsonl.gz")), 4)

    def test_ljspeech_and_aishell_hold_out_what_prepare_sh_does(self):
        root = self.dir / "LJSpeech-1.1"
        root.mkdir()
        names = [f"LJ001-{i:04}" for i in range(1, 9)]
        for i, name in enumerate(names):
            write_wav(root / "wavs" / f"{name}.wav", tone(11025 + i, i), 22050)
        (root / "metadata.csv").write_text("".join(f"{name}|No. {i}|Number {i} \u201cx\u201d\n" for i, name in enumerate(names)))
        self.prepare(root, "ljspeech", "--dev-count", 1, "--test-count", 2)
        prepare_ljspeech(root, self.dir / "theirs")
        same_manifests(self, self.dir / "data" / "manifests", self.dir / "theirs", ["all"], "ljspeech")
        tokenized = self.dir / "data" / "tokenized"
        ids = [[cut["id"] for cut in lines(tokenized / f"cuts_{part}.jsonl.gz")] for part in ("train", "dev", "test")]
        self.assertEqual(ids, [[f"{name}-{i}" for i, name in enumerate(names[:5])], [f"{names[5]}-0"], [f"{names[6]}-0", f"{names[7]}-1"]])
        root = self.dir / "aishell" / "data_aishell"
        texts = []
        for part, count in (("train", 3), ("dev", 4), ("test", 2)):
            for i in range(count):
                name = f"BAC009S000{len(part)}W012{i}"
                texts.append(f"{name} 你好 世界\n")
                write_wav(root / "wav" / part / f"S000{len(part)}" / f"{name}.wav", tone(8000 + i, i), 16000)
        # dev and test must not share a speaker's folder name with train: S0005, S0003, S0004
        (root / "transcript").mkdir()
        (root / "transcript" / "aishell_transcript_v0.8.txt").write_text("".join(texts), encoding="utf-8")
        self.prepare(self.dir / "aishell", "aishell", "--dev-count", 3, out="zh")
        prepare_aishell(self.dir / "aishell", self.dir / "theirs")
        same_manifests(self, self.dir / "zh" / "manifests", self.dir / "theirs", ["train", "dev", "test"], "aishell")
        train, dev, test = (load_manifest(self.dir / "zh" / "tokenized" / f"cuts_{part}.jsonl.gz") for part in ("train", "dev", "test"))
        self.assertEqual((len(train), len(dev), len(test)), (4, 3, 2))
        self.assertEqual(train[0].id, "BAC009S0003W0123-3")

    @unittest.skipUnless(os.environ.get("VALLE_REFS"), "skipped: VALLE_REFS names no checkout of lifeiteng/vall-e")
    def test_lifeitengs_data_module_makes_batches(self):
        import valle_refs  # of the golden scripts, on PYTHONPATH
        valle_refs.import_lifeiteng()
        import argparse
        from valle.data import TtsDataModule
        self.prepare(BAKER, "baker", "--dev-count", 4, "--test-count", 2)
        parser = argparse.ArgumentParser()
        TtsDataModule.add_arguments(parser)
        tokenized = self.dir / "data" / "tokenized"
        args = parser.parse_args(["--manifest-dir", str(tokenized), "--text-tokens", str(tokenized / "unique_text_tokens.k2symbols"),
                                  "--max-duration", "2", "--num-workers", "0"])
        module = TtsDataModule(args)
        cuts = {cut.id: cut for cut in module.train_cuts()}
        seen = 0
        for batch in module.train_dataloaders(module.train_cuts()):
            items = len(batch["utt_id"])
            seen += items
            self.assertEqual(tuple(batch["audio_features"].shape[::2]), (items, 2))
            for i, cut_id in enumerate(batch["utt_id"]):
                codes = cuts[cut_id].load_features()
                got = batch["audio_features"][i, :len(codes)].numpy()
                numpy.testing.assert_array_equal(got, codes)
        self.assertGreater(seen, 0)
        print(f"lifeiteng's data module: {seen} cuts in batches")


if __name__ == "__main__":
    sys.exit(unittest.main())
