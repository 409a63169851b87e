#!/usr/bin/env python3
"""Many processes that prepare a shard each give the columns that one process gives; deploy/ runs them on clusters.

    tests/cli/shards_test.py --corpus C --shards 64 --parallel 4 [--only phonemes]     the same by hand for any corpus
"""
import argparse
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tests" / "kill")]
import columns  # noqa: E402
import corpus as synthetic  # noqa: E402

TIMBRE = pathlib.Path(os.environ.get("TIMBRE_BUILD", ROOT / "build")) / "timbre"


def prepare_shards(folder, shards, parallel, words):
    """Rounds until no shard waits for the others; the number of rounds."""
    for rounds in range(1, 10):
        waiting, running, postponed = list(range(shards)), [], 0
        while waiting or running:
            while waiting and len(running) < parallel:
                shard = waiting.pop(0)
                running.append(subprocess.Popen([TIMBRE, "prepare", folder, *words, "--shard", f"{shard}/{shards}", "--json", "-q"], stdout=subprocess.PIPE, text=True,
                                                env={**os.environ, "TIMBRE_THREADS": "1"}))
            out = running.pop(0)
            text, _ = out.communicate()
            if out.returncode != 0:
                raise RuntimeError(f"a shard ended with {out.returncode}")
            postponed += any(stage["postponed"] for stage in json.loads(text)["stages"])
        if not postponed:
            return rounds
    raise RuntimeError("the shards never end")


def without_columns(corpus, to):
    shutil.copytree(corpus, to, ignore=shutil.ignore_patterns("columns"))
    return to


def make_corpus(folder, clips):
    """Imported, without the TextGrids, so that the aligner is trained."""
    synthetic.make_source(folder / "source", clips)
    for grid in (folder / "source").rglob("*.TextGrid"):
        grid.unlink()
    subprocess.run([TIMBRE, "import", "lab", folder / "source", "--out", folder / "corpus", "--language", "en-US", "-q"], check=True, stdout=subprocess.DEVNULL)
    return folder / "corpus"


class Shards(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="timbre-shards-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.tmp = pathlib.Path(cls.folder.name)
        cls.corpus = make_corpus(cls.tmp, 40)
        cls.words = ["--for", "fastspeech2", "--preset", "debug"]
        one = without_columns(cls.corpus, cls.tmp / "one")
        subprocess.run([TIMBRE, "prepare", one, *cls.words, "-q"], check=True, stdout=subprocess.DEVNULL)
        cls.expected = columns.read_columns(one)

    def assert_same(self, folder):
        got = columns.read_columns(folder)
        self.assertEqual(sorted(got), sorted(self.expected))
        for name, values in self.expected.items():
            self.assertGreater(len(values), 1)
            for key in values:
                self.assertEqual(got[name].get(key), values[key], f"{name} of {key}")
            self.assertEqual(len(got[name]), len(values))

    def test_eight_processes_at_once(self):
        folder = without_columns(self.corpus, self.tmp / "eight")
        # The aligner waits for all phonemes, the statistics for all pitches; then nothing is left to wait for.
        self.assertEqual(prepare_shards(folder, 8, 8, self.words), 3)
        self.assertEqual(len(list((folder / "columns/mel").glob("*.safetensors"))), 8)
        self.assert_same(folder)
        subprocess.run([TIMBRE, "prepare", folder, *self.words, "--compact", "-q"], check=True, stdout=subprocess.DEVNULL)
        self.assertEqual(len(list((folder / "columns/mel").glob("*.safetensors"))), 1)
        self.assert_same(folder)

    def test_compacting_unfinished_columns_is_refused(self):
        folder = without_columns(self.corpus, self.tmp / "unfinished")
        done = subprocess.run([TIMBRE, "prepare", folder, *self.words, "--shard", "0/4", "--compact"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("missing: ", done.stderr)

    def environment(self, folder):
        """A PATH with timbre and an sbatch that runs arrays here, one task after the other."""
        bin_folder = folder / "bin"
        bin_folder.mkdir(parents=True)
        sbatch = bin_folder / "sbatch"
        sbatch.write_text(FAKE_SBATCH)
        sbatch.chmod(sbatch.stat().st_mode | stat.S_IXUSR)
        return {**os.environ, "PATH": f"{bin_folder}:{TIMBRE.parent}:{os.environ['PATH']}", "SBATCH_LOG": str(folder / "sbatch.log"), "TIMBRE_THREADS": "1"}

    def test_slurm(self):
        folder = without_columns(self.corpus, self.tmp / "slurm/corpus")
        environment = {**self.environment(self.tmp / "slurm"), "PREPARE_ARGS": "--preset debug -q"}
        done = subprocess.run([ROOT / "deploy/slurm_submit.sh", folder, "fastspeech2", "3"], env=environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        log = (self.tmp / "slurm/sbatch.log").read_text().splitlines()
        self.assertEqual(log, ["1 array 0-2", "2 array 0-2 after 1", "3 single after 2, 3 parts of mel"])
        self.assert_same(folder)
        self.assertEqual(len(list((folder / "columns/mel").glob("*.safetensors"))), 1)

    def test_slurm_tasks_that_do_not_fit(self):
        environment = {**self.environment(self.tmp / "slurm2"), "SLURM_ARRAY_TASK_ID": "17", "SLURM_ARRAY_TASK_COUNT": "1", "CORPUS": "x"}
        done = subprocess.run(["bash", ROOT / "deploy/slurm_prepare.sbatch"], env=environment, capture_output=True, text=True)
        self.assertEqual((done.returncode, "number the array from 0" in done.stderr), (2, True), done.stderr)
        del environment["CORPUS"]
        self.assertNotEqual(subprocess.run(["bash", ROOT / "deploy/slurm_prepare.sbatch"], env=environment, capture_output=True).returncode, 0)

    def test_scripts_are_shell(self):
        scripts = [*(ROOT / "deploy").glob("*.sh"), *(ROOT / "deploy").glob("*.sbatch")]
        self.assertGreaterEqual(len(scripts), 3)
        for script in scripts:
            subprocess.run(["bash", "-n", script], check=True)


# What is asked of a real one here: --parsable, --array=0-N, --dependency, and the variables of its tasks.
FAKE_SBATCH = r"""#!/bin/bash
set -eu
array= after=
for word in "$@"; do
  case $word in
    --array=*) array=${word#*=} ;;
    --dependency=afterok:*) after=" after ${word##*:}" ;;
    --*) ;;
    *) script=$word ;;
  esac
done
job=$(($(cat "$SBATCH_LOG" 2> /dev/null | wc -l) + 1))
if [[ $array ]]; then
  echo "$job array $array$after" >> "$SBATCH_LOG"
  for ((task = 0; task <= ${array#0-}; ++task)); do
    SLURM_ARRAY_TASK_ID=$task SLURM_ARRAY_TASK_COUNT=$((${array#0-} + 1)) SLURM_CPUS_PER_TASK=1 bash "$script" > /dev/null
  done
else
  echo "$job single$after, $(ls "$CORPUS"/columns/mel/*.safetensors | wc -l) parts of mel" >> "$SBATCH_LOG"
  SLURM_CPUS_PER_TASK=1 bash "$script" > /dev/null
fi
echo "$job"
"""


def by_hand():
    parser = argparse.ArgumentParser()
    parser.add_argument("--corpus", type=pathlib.Path, required=True)
    parser.add_argument("--shards", type=int, default=64)
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--only", default="")
    parser.add_argument("--preset", default="small")
    arguments = parser.parse_args()
    words = ["--for", "fastspeech2", "--preset", arguments.preset, *(["--only", arguments.only] if arguments.only else [])]
    with tempfile.TemporaryDirectory(prefix="timbre-shards-", dir=arguments.corpus.parent) as folder:
        one, many = (without_columns(arguments.corpus, pathlib.Path(folder) / name) for name in ("one", "many"))
        started = time.monotonic()
        subprocess.run([TIMBRE, "prepare", one, *words, "-q"], check=True, stdout=subprocess.DEVNULL)
        single = time.monotonic()
        rounds = prepare_shards(many, arguments.shards, arguments.parallel, words)
        print(f"one process {single - started:.1f} s; {arguments.shards} processes, {arguments.parallel} at a time, {rounds} rounds {time.monotonic() - single:.1f} s")
        expected, got = columns.read_columns(one), columns.read_columns(many)
        for name in sorted(set(expected) | set(got)):
            print(f"  {name}: {len(expected.get(name, {}))} values, {'the same' if expected.get(name) == got.get(name) else 'NOT THE SAME'}")
        return 0 if expected == got else 1


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--corpus":
        sys.exit(by_hand())
    unittest.main()
