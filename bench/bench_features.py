"""Mel, pitch and filter bank of the clips of golden/speech_features (22.05 kHz, frames of 1024, hop 256), one thread each, beside
torch.stft, pyworld, librosa and lhotse in the same run: seconds of audio a CPU second. $TIMBRE_REFS_PYTHON names a Python that has
them; without it the .venv's, which lacks pyworld and librosa."""
import json
import os
import shutil
import subprocess
import tempfile

from row import Row

TITLE = "features, seconds of audio a CPU second, one thread"
HOP, FRAME, TIMES = "256", "1024", "7"
ROWS = (("mel", "mel and energy; rival: torch.stft", 1.5), ("dio_stonemask", "DIO + StoneMask; rival: pyworld", 1.5),
        ("pyin", "pYIN 65 to 600 Hz; rival: librosa.pyin", 6.0), ("fbank", "Kaldi filter bank, 80; rival: lhotse", None))


def rows(env):
    clips = os.path.join(env.golden("speech_features"), "clips")
    with tempfile.TemporaryDirectory() as folder:
        for name in os.listdir(clips):
            if name.endswith("_22k.wav"):
                shutil.copy(os.path.join(clips, name), folder)
        ours = json.loads(env.run([env.timbre, "bench-features", folder, "--hop-samples", HOP, "--frame-samples", FRAME, "--times", TIMES,
                                   "--threads", "1", "--json", "-q"]))
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "features", "rival.py")
        python = os.environ.get("TIMBRE_REFS_PYTHON", env.python)
        done = subprocess.run([python, script, folder, HOP, FRAME, TIMES], capture_output=True, text=True)
    theirs = json.loads(done.stdout) if done.returncode == 0 else {}
    failed = (done.stderr.strip().splitlines() or ["?"])[-1] if done.returncode else ""
    for key, what, asked in ROWS:
        rival = theirs.get(key, failed)
        known = isinstance(rival, float)
        yield Row(what, ours[key], "s/s", rival=rival if known else None, better="more", at_least=asked if known else None,
                  note="" if known else f"no rival: {rival}")
