"""Training FastSpeech 2 (ming024's default size) on the same 256 utterances of realistic lengths, batch 16, one thread, each side
batching its own way: real frames per CPU second. The rival is the reference in PyTorch, from $TIMBRE_REFS/FastSpeech2."""
import json
import os
import subprocess
import tempfile

from row import Row

TITLE = "FastSpeech 2 training, real frames per CPU second, one thread"


def rows(env):
    here = os.path.dirname(os.path.abspath(__file__))
    batches = os.environ.get("TIMBRE_BENCH_BATCHES", "0")  # a shorter run while developing
    with tempfile.TemporaryDirectory() as folder:
        lengths = os.path.join(folder, "lengths.json")
        subprocess.run([env.python, os.path.join(here, "fs2_train", "lengths.py"), lengths], check=True)

        def ours(preset):
            words = [env.timbre, "bench", lengths, "--preset", preset, "--threads", "1", "--batches", batches, "--json", "-q"]
            return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)

        full = ours("ming024")
        note = f"padding {100 * (full['padded_frames'] / full['real_frames'] - 1):.1f} %"
        rival = None
        if os.path.isdir(os.path.join(os.environ.get("TIMBRE_REFS", ""), "FastSpeech2")):
            python = os.environ.get("TIMBRE_REFS_PYTHON", env.python)
            words = [python, os.path.join(here, "fs2_train", "rival.py"), lengths, "--batches", batches]
            answer = subprocess.run(words, capture_output=True, text=True)
            if answer.returncode == 0:
                theirs = json.loads(answer.stdout)
                rival = theirs["frames_per_cpu_s"]
                note += f", rival's {100 * (theirs['padded_frames'] / theirs['real_frames'] - 1):.1f} %"
            else:
                note += ", rival failed: " + answer.stderr.strip().splitlines()[-1]
        else:
            note += ", no rival: set TIMBRE_REFS to a folder with ming024's FastSpeech2"
        yield Row("ming024 preset, 35 M", full["frames_per_cpu_s"], "frames/s", rival=rival, better="more",
                  at_least=1.2 if rival else None, note=note)
        yield Row("small preset, beside the ming024 preset", ours("small")["frames_per_cpu_s"], "frames/s", rival=full["frames_per_cpu_s"],
                  better="more", at_least=5)
