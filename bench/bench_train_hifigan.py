"""A training step of HiFi-GAN V1 (generator, MPD, MSD, AdamW) on one segment of 8192 samples, one thread: CPU seconds. The rival is the
reference in PyTorch, from $TIMBRE_REFS/hifi-gan; the two take turns, the best of each counts."""
import json
import os
import subprocess
import tempfile

from row import Row

TITLE = "HiFi-GAN V1 training step, CPU seconds, one thread"


def rows(env):
    here = os.path.dirname(os.path.abspath(__file__))
    rounds = int(os.environ.get("TIMBRE_BENCH_ROUNDS", "2"))
    refs = os.path.join(os.environ.get("TIMBRE_REFS", ""), "hifi-gan")
    python = os.environ.get("TIMBRE_REFS_PYTHON", env.python)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([env.python, os.path.join(here, "hifigan_train", "corpus.py"), os.path.join(folder, "source")], check=True)
        corpus = os.path.join(folder, "corpus")
        subprocess.run([env.timbre, "import", "lab", os.path.join(folder, "source"), "--out", corpus, "--language", "en-US", "-q"], check=True)
        for items in (1, 4):
            ours, theirs, note = [], [], ""
            for _ in range(rounds):
                words = [env.timbre, "bench-step", "hifigan", "--preset", "v1", "--corpus", corpus, "--items", str(items), "--steps", "2", "--threads", "1",
                         "--json", "-q"]
                ours.append(json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)["best_cpu_s"])
                if not os.path.isdir(refs):
                    note = "no rival: set TIMBRE_REFS to a folder with jik876's hifi-gan"
                    continue
                answer = subprocess.run([python, os.path.join(here, "hifigan_train", "rival.py"), refs, str(items), "2"], capture_output=True, text=True)
                if answer.returncode == 0:
                    theirs.append(json.loads(answer.stdout)["best_cpu_s"])
                else:
                    note = "rival failed: " + answer.stderr.strip().splitlines()[-1]
            rival = min(theirs) if theirs else None
            yield Row(f"V1 step, {items} × 8192 samples", min(ours), "s", rival=rival, at_least=1.3 if rival else None, note=note)
