"""X-Codec 2 of half the published widths (16 layers of w2v-BERT, acoustic encoder and depth whole, random weights), one thread: CPU
seconds a second of sound. Ours is the difference of a long and a short recording, so that reading the weights does not count."""
import json
import os
import random
import struct
import subprocess
import tempfile
import wave

from row import Row

TITLE = "X-Codec 2, CPU seconds a second of sound, one thread, beside transformers' Xcodec2Model"
SHORT_S, LONG_S = 2, 12


def write_noise(path, seconds):
    noise = random.Random(1)
    with wave.open(path, "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(b"".join(struct.pack("<h", int(noise.gauss(0, 3000))) for _ in range(16000 * seconds)))


def rows(env):
    here = os.path.dirname(os.path.abspath(__file__))
    python = os.environ.get("TIMBRE_REFS_PYTHON", env.python)
    rival = [python, os.path.join(here, "xcodec2", "rival.py")]
    with tempfile.TemporaryDirectory() as folder:
        theirs, ours = os.path.join(folder, "theirs"), os.path.join(folder, "ours")
        if subprocess.run([*rival, "make", theirs], capture_output=True).returncode != 0:
            raise env.Absent("no transformers with Xcodec2Model: set TIMBRE_REFS_PYTHON")
        env.run([env.timbre, "convert", theirs, ours])
        seconds = {}
        for length in (SHORT_S, LONG_S):
            sound, codes = os.path.join(folder, f"{length}.wav"), os.path.join(folder, f"{length}.npy")
            write_noise(sound, length)
            common = ["--codec", ours, "--threads", "1", "-q", "--out"]
            seconds["encode", length] = env.cpu_s([env.timbre, "codec", "encode", sound, *common, codes])
            seconds["decode", length] = env.cpu_s([env.timbre, "codec", "decode", codes, *common, os.path.join(folder, f"{length}-out.wav")])
        answer = json.loads(env.run([*rival, "code", theirs, str(LONG_S)]).splitlines()[-1])
        for what in ("encode", "decode"):
            yield Row(what, (seconds[what, LONG_S] - seconds[what, SHORT_S]) / (LONG_S - SHORT_S), "s", rival=answer[what])
