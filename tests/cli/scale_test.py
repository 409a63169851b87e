#!/usr/bin/env python3
"""Import, the doctor's text rules and statistics need so little memory an utterance that a million fit into 1 GiB.

    tests/cli/scale_test.py --utterances 1000000     measures the million itself
"""
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import wave

TIMBRE = pathlib.Path(os.environ.get("TIMBRE_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build")) / "timbre"
WORDS = "the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which one you were all her she there".split()


def make_table(folder, utterances):
    """A table of so many utterances whose clips are eight files, again and again."""
    rng = random.Random(5)
    (folder / "wavs").mkdir(parents=True)
    for i in range(8):
        with wave.open(str(folder / f"wavs/c{i}.wav"), "wb") as w:
            w.setparams((1, 2, 16000, 0, "NONE", ""))
            w.writeframes(struct.pack("<h", 1000 + i) * (16000 + 4000 * i))
    with open(folder / "table.tsv", "w", encoding="utf-8") as out:
        out.write("file\tid\tspeaker\ttext\n")
        for i in range(utterances):
            out.write(f"wavs/c{i % 8}.wav\tu{i:07}\tspeaker{rng.randrange(500):03}\t{' '.join(rng.choices(WORDS, k=rng.randint(6, 18)))}.\n")
    return folder / "table.tsv"


def measure(*words):
    """Seconds, CPU seconds, peak bytes and standard output of one call."""
    started = time.monotonic()
    process = subprocess.Popen([str(w) for w in (TIMBRE, *words)], stdout=subprocess.PIPE, text=True)
    text = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{words}: exit code {process.returncode}\n{text}")
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, text


def measure_all(folder, utterances):
    """Verb → measurements."""
    table = make_table(folder, utterances)
    verbs = {"import": ("import", "table", table, "--out", folder / "corpus", "--language", "en", "-q"), "check": ("check", folder / "corpus", "--no-audio", "--json", "-q"),
             "stats": ("stats", folder / "corpus", "--json")}
    return {name: measure(*words) for name, words in verbs.items()}


class Scale(unittest.TestCase):
    def test_a_million_fits_into_a_gibibyte(self):
        with tempfile.TemporaryDirectory(prefix="timbre-scale-") as folder:
            few, many = 10_000, 50_000
            small, large = (measure_all(pathlib.Path(folder) / str(n), n) for n in (few, many))
            self.assertEqual(json.loads(large["check"][3])["utterances"], many)
            self.assertEqual(json.loads(large["stats"][3])["duration_s"]["count"], many)
            for verb in large:
                each = (large[verb][2] - small[verb][2]) / (many - few)
                million = small[verb][2] + each * (1_000_000 - few)
                print(f"{verb}: {each:.0f} bytes an utterance, {million / 2**20:.0f} MiB for a million")
                self.assertLess(million, 2**30, verb)
                self.assertGreater(large[verb][2], 1e6)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--utterances":
        with tempfile.TemporaryDirectory(prefix="timbre-scale-") as place:
            for name, (wall_s, cpu_s, peak, _) in measure_all(pathlib.Path(place) / "x", int(sys.argv[2])).items():
                print(f"{name}: {wall_s:.1f} s, {cpu_s:.1f} CPU s, peak {peak / 2**20:.0f} MiB")
    else:
        unittest.main()
