#!/usr/bin/env python3
"""The aligner from the command line: trained once for all shards, taken to another corpus, used on one clip; wrong texts are found.

    tests/cli/aligner_test.py --swap CORPUS [--front-end espeak:en-us]     swaps 5 % of the texts of any corpus and says how many are found
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / folder) for folder in ("support", "kill", "prepare")]
import aligner_accuracy  # noqa: E402
import columns  # noqa: E402
import corpus as synthetic  # noqa: E402

TIMBRE = pathlib.Path(os.environ.get("TIMBRE_BUILD", ROOT / "build")) / "timbre"
FOR = ("--for", "fastspeech2", "--preset", "debug")


def timbre(*words, code=0):
    """Standard output of a call that must end with `code`."""
    done = subprocess.run([str(w) for w in (TIMBRE, *words)], capture_output=True, text=True)
    if done.returncode != code:
        raise RuntimeError(f"{' '.join(map(str, words))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def stages(text):
    return {stage["stage"]: stage for stage in json.loads(text)["stages"]}


def import_source(folder, clips, speaker, **source):
    """A corpus of synthetic speech without TextGrids; FOLDER/source keeps them."""
    synthetic.make_source(folder / "source", clips, speaker=speaker, **source)
    shutil.copytree(folder / "source", folder / "bare", ignore=shutil.ignore_patterns("*.TextGrid"))
    timbre("import", "lab", folder / "bare", "--out", folder / "corpus", "--language", "en-US", "-q")
    return folder / "corpus"


def swap_texts(manifest, share, seed):
    """Gives that share of the utterances the text of another; their ids."""
    lines = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    chosen = random.Random(seed).sample(range(len(lines)), max(2, round(share * len(lines))))
    texts = [lines[i]["text"] for i in chosen]
    swapped = set()
    for i, text in zip(chosen, texts[1:] + texts[:1]):
        if lines[i]["text"] != text:
            swapped.add(lines[i]["id"])
        lines[i]["text"] = text
    manifest.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return swapped


def suspects(corpus):
    """The ids that the rule text-misfit names."""
    report = json.loads(subprocess.run([TIMBRE, "check", corpus, "--no-audio", "--examples", "10000", "--json", "-q"], stdout=subprocess.PIPE, text=True).stdout)
    return {example["id"] for finding in report["findings"] if finding["rule"] == "text-misfit" for example in finding["worst"]}


class OneAligner(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="timbre-aligner-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.tmp = pathlib.Path(cls.folder.name)
        cls.corpus = import_source(cls.tmp / "a", 40, "anna")
        cls.bare = shutil.copytree(cls.corpus, cls.tmp / "untouched")
        timbre("prepare", cls.corpus, *FOR, "-q")

    def test_a_saved_aligner_serves_every_shard(self):
        shards = shutil.copytree(self.bare, self.tmp / "shards")
        timbre("prepare", shards, *FOR, "--only", "phonemes", "-q")
        self.assertEqual(stages(timbre("prepare", shards, *FOR, "--only", "aligner", "--json", "-q"))["aligner"]["skipped"], [])
        for shard in range(3):
            made = stages(timbre("prepare", shards, *FOR, "--stop-stage", 2, "--shard", f"{shard}/3", "--json", "-q"))
            self.assertEqual(made["aligner"]["made"], 0)  # found, not trained
            self.assertGreater(made["alignment"]["made"], 10)
        got, want = columns.read_columns(shards), columns.read_columns(self.corpus)
        for name in ("aligner", "alignment", "alignment_phones", "confidence"):
            self.assertEqual(got[name], want[name])

    def test_another_corpus_takes_it(self):
        few = import_source(self.tmp / "few", 3, "anna")
        timbre("prepare", few, *FOR, "--take-aligner", self.corpus, "-q")
        taken = columns.read_columns(few)
        self.assertEqual(taken["aligner"], columns.read_columns(self.corpus)["aligner"])
        self.assertEqual(len(taken["durations"]), 3)
        timbre("prepare", few, *FOR, "--take-aligner", self.corpus, "-q")  # goes on: it is there
        other = import_source(self.tmp / "other", 12, "otto")
        timbre("prepare", other, *FOR, "-q")
        before = columns.read_columns(other)
        timbre("prepare", other, *FOR, "--take-aligner", self.corpus, "-q", code=2)
        self.assertEqual(columns.read_columns(other), before)
        timbre("prepare", other, *FOR, "--take-aligner", self.corpus, "--redo", "-q")
        after = columns.read_columns(other)
        self.assertEqual(after["aligner"], taken["aligner"])
        self.assertNotEqual(after["alignment"], before["alignment"])
        self.assertEqual(timbre("prepare", other, *FOR, "--dry-run").count(" complete "), 8)

    def test_one_clip_alone(self):
        planted = self.tmp / "a/source/anna/clip007"
        text = planted.with_suffix(".lab").read_text().strip()
        grid = self.tmp / "one.TextGrid"
        timbre("align", planted.with_suffix(".wav"), "--text", text, "--aligner", self.corpus, "--speaker", "anna", "--out", grid, "-q")
        found = json.loads(timbre("align", planted.with_suffix(".wav"), "--text", text, "--aligner", self.corpus, "--json", "-q"))
        self.assertEqual(found["words"], text.split())
        self.assertGreater(found["confidence"], 0.5)
        wrong = json.loads(timbre("align", planted.with_suffix(".wav"), "--text", "mass bat tool", "--aligner", self.corpus, "--json", "-q"))
        self.assertLess(wrong["confidence"], 0.5)
        timbre("export", self.corpus, "--format", "textgrid", "--out", self.tmp / "grids", "-q")
        (exported,) = (self.tmp / "grids").rglob("*clip007.TextGrid")
        self.assertEqual(grid.read_text(), exported.read_text())

    def test_planted_boundaries(self):
        """Every phone boundary inside a clip, against where the synthesiser put it."""
        timbre("export", self.corpus, "--format", "textgrid", "--out", self.tmp / "planted", "-q")
        errors_s = []
        for path in sorted((self.tmp / "planted").rglob("*.TextGrid")):
            (planted,) = (self.tmp / "a/source").rglob(f"{path.stem.removeprefix('anna_')}.TextGrid")
            found, want = ([row for row in aligner_accuracy.tier(grid, "phones") if row[2] not in ("sil", "sp", "")] for grid in (path, planted))
            self.assertEqual(len(found), len(want), path)
            errors_s += [abs(a[1] - b[1]) for a, b in zip(found[:-1], want)]
        near = sum(error <= 0.03 for error in errors_s) / len(errors_s)
        print(f"{len(errors_s)} boundaries, median {1000 * statistics.median(errors_s):.1f} ms, {100 * near:.1f} % within 30 ms")
        self.assertGreater(len(errors_s), 300)
        self.assertLessEqual(statistics.median(errors_s), 0.015)
        self.assertGreaterEqual(near, 0.8)

    def test_swapped_texts_are_found(self):
        wrong = shutil.copytree(self.bare, self.tmp / "swapped")
        swapped = swap_texts(wrong / "manifest.jsonl", 0.1, 1)
        timbre("prepare", wrong, *FOR, "--stop-stage", 2, "-q")
        named = suspects(wrong)
        self.assertGreaterEqual(len(named & swapped), len(swapped) - 1, f"{swapped} were swapped, {named} are named")
        self.assertLessEqual(len(named - swapped), 1)
        self.assertLessEqual(len(suspects(self.corpus)), 1)


def by_hand():
    parser = argparse.ArgumentParser()
    parser.add_argument("--swap", type=pathlib.Path, required=True)
    parser.add_argument("--front-end", default="espeak:en-us")
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="timbre-swap-") as folder:
        named = []
        for share in (0, arguments.share):
            corpus = pathlib.Path(folder) / f"{share}"
            corpus.mkdir()
            for name in ("manifest.jsonl", "corpus.json"):
                shutil.copy(arguments.swap / name, corpus / name)
            (corpus / "audio").symlink_to((arguments.swap / "audio").resolve())
            swapped = swap_texts(corpus / "manifest.jsonl", share, arguments.seed) if share else set()
            timbre("prepare", corpus, "--for", "fastspeech2", "--front-end", arguments.front_end, "--stop-stage", 2, "-q")
            named.append(suspects(corpus))
        found, alarms = len(named[1] & swapped), named[1] - swapped
        print(f"{len(swapped)} texts swapped, {found} found (recall {found / len(swapped):.3f}); {len(alarms)} others named (precision {found / len(named[1]):.3f}), "
              f"of which {len(alarms & named[0])} are named without any swap (precision against these {found / (found + len(alarms - named[0])):.3f})")


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--swap":
        by_hand()
    else:
        unittest.main()
