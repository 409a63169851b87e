"""VALL-E speaking at 1024 × 12 × 16, fp32, one thread: 225 frames of prompt, 120 text tokens, 375 new frames, beside the references' loops
with and without a cache, and beside what the memory can be read with. $TIMBRE_REFS holds checkouts VALL-E-X and vall-e;
$TIMBRE_REFS_PYTHON names a Python with torch."""
import json
import os
import subprocess

from row import Row

TITLE = "VALL-E, new frames a CPU second"
TOKENS = 375


def rival(env, which):
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "infer_valle", "rival.py")
    done = subprocess.run([os.environ.get("TIMBRE_REFS_PYTHON", env.python), script, which, str(TOKENS)], capture_output=True, text=True)
    if done.returncode:
        raise env.Absent(f"rivals cannot run: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def ours(env, *more):
    return json.loads(env.run([env.timbre, "bench-valle", "--threads", "1", "--tokens", str(TOKENS), "--times", "1", "--json", *more]))


def rows(env):
    # In turn, so that what else runs on the machine meets both.
    before, cached, after = ours(env), rival(env, "cached"), ours(env, "--no-nar")
    mine = {key: max(before[key], after[key]) for key in before if "per" in key}
    yield Row("AR; rival: VALL-E X with its cache", mine["frames_per_cpu_s"], "frames/CPU s", rival=cached["frames_per_cpu_s"], better="more",
              at_least=1.0)
    yield Row("AR, best tenth of the steps", mine["frames_per_s_best_tenth"], "frames/s", rival=cached["frames_per_cpu_s_best_tenth"],
              better="more")
    best = max((before, after), key=lambda one: one["reads_gb_per_s"] / one["memory_gb_per_s"])
    yield Row("weights and cache read in those steps; rival: what one thread can read", best["reads_gb_per_s"], "GB/s",
              rival=best["memory_gb_per_s"], better="more", at_least=0.9)
    yield Row("before the first frame, 345 rows", before["prefill_cpu_s"], "CPU s", rival=cached["prefill_cpu_s"])
    yield Row("NAR, seven passes", before["nar_cpu_s"], "CPU s", rival=cached["nar_cpu_s"])
    yield Row("AR; rival: lifeiteng/vall-e without a cache", mine["frames_per_cpu_s"], "frames/CPU s",
              rival=rival(env, "uncached")["frames_per_cpu_s"], better="more", at_least=25.0)
