"""A training step of 4 of Llasa-1B's 16 layers (640 M parameters with the embedding of 193,800 tokens) beside transformers in PyTorch: fp32, one row of 512 tokens, AdamW on
both sides, one thread, CPU seconds a step. Half of the tokens, then all but the first, have a target. Needs 11 GB of memory and a minute a side; without transformers or the
memory it is skipped, and a small slice is measured unless TIMBRE_BENCH_FULL=1."""
import json
import os
import subprocess

from row import Row

TITLE = "Llasa training step, CPU seconds, one thread"


def free_gb():
    with open("/proc/meminfo") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("MemAvailable")) / 1e6


def rows(env):
    here = os.path.dirname(os.path.abspath(__file__))
    alone = {**os.environ, "TIMBRE_THREADS": "1", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    python = os.environ.get("TIMBRE_REFS_PYTHON", env.python)
    full = bool(os.environ.get("TIMBRE_BENCH_FULL"))
    layers, vocabulary, steps = (4, 193800, 3) if full else (1, 20000, 3)
    if full and free_gb() < 12:
        yield Row("4 layers × 512 tokens", skipped=True, note=f"{free_gb():.0f} GB of memory are free, 12 are needed")
        return
    for targets, asked in ((256, 1.5), (511, None)):
        sizes = ["--layers", str(layers), "--vocabulary", str(vocabulary), "--tokens", "512", "--targets", str(targets), "--steps", str(steps)]
        words = [env.timbre, "bench-llasa", *sizes, "--json", "-q"]
        ours = json.loads(subprocess.run(words, check=True, capture_output=True, text=True, env=alone).stdout)
        answer = subprocess.run([python, os.path.join(here, "llasa_train_rival.py"), *sizes], capture_output=True, text=True, env=alone)
        rival, note = None, f"{ours['peak_mb']:.0f} MB"
        if answer.returncode == 0:
            theirs = json.loads(answer.stdout)
            rival, note = theirs["cpu_s"], f"{ours['peak_mb']:.0f} MB, transformers {theirs['peak_mb']:.0f} MB"
        else:
            note = "no rival: " + (answer.stderr.strip().splitlines() or ["?"])[-1]
        yield Row(f"{layers} layers, {vocabulary:,} tokens, {targets} of 512 with a target", ours["median_cpu_s"], "s", rival=rival, at_least=asked if rival else None, note=note)
