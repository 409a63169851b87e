"""X-Codec 2 of half the published widths (16 layers of w2v-BERT, acoustic encoder and depths whole, random weights), noise, one thread: CPU
seconds a second of sound beside transformers' Xcodec2Model in the same run, from $TIMBRE_REFS_PYTHON (else the .venv's Python)."""
import json
import os
import subprocess
import tempfile

from row import Row

TITLE = "X-Codec 2, CPU seconds a second of sound, one thread"
SECONDS = "10"


def rows(env):
    python = os.environ.get("TIMBRE_REFS_PYTHON", env.python)
    rival = [python, os.path.join(os.path.dirname(os.path.abspath(__file__)), "xcodec2", "rival.py")]
    with tempfile.TemporaryDirectory() as folder:
        weights, codec = os.path.join(folder, "theirs"), os.path.join(folder, "ours")
        if subprocess.run([*rival, "make", weights], capture_output=True).returncode != 0:
            raise env.Absent("no transformers with Xcodec2Model: set TIMBRE_REFS_PYTHON")
        env.run([env.timbre, "convert", weights, codec, "-q"])
        ours = json.loads(env.run([env.timbre, "bench-codec", codec, "--seconds", SECONDS, "--codebooks", "1", "--clips", "1", "--times", "2",
                                   "--threads", "1", "--json", "-q"]))
        theirs = json.loads(env.run([*rival, "code", weights, SECONDS]).splitlines()[-1])
        for what in ("encode", "decode"):
            yield Row(f"{what}; rival: transformers", ours[what], "s/s", rival=theirs[what])
