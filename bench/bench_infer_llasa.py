"""Llasa speaking: tokens a CPU second with 256 and 1,500 tokens behind them, in fp32 and bf16, one thread, beside transformers in PyTorch (which scores the whole vocabulary) and
beside what the memory can be read with. Two layers of the 1B shape and 40,000 tokens; TIMBRE_BENCH_FULL=1 takes all of Llasa-1B (7 GB of memory, some minutes).
$TIMBRE_REFS_PYTHON names a Python with torch and transformers."""
import json
import os
import subprocess

from row import Row

TITLE = "Llasa, tokens a CPU second, one thread"
CONTEXTS, STEPS = "256,1500", 16


def free_gb():
    with open("/proc/meminfo") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("MemAvailable")) / 1e6


def rows(env):
    full = bool(os.environ.get("TIMBRE_BENCH_FULL"))
    layers, vocabulary, codes = (16, 193800, 65536) if full else (2, 40000, 32768)
    if full and free_gb() < 8:
        yield Row("Llasa-1B", skipped=True, note=f"{free_gb():.0f} GB of memory are free, 8 are needed")
        return
    alone = {**os.environ, "TIMBRE_THREADS": "1", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    python = os.environ.get("TIMBRE_REFS_PYTHON", env.python)
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "infer_llasa", "rival.py")
    for dtype in ("fp32", "bf16"):
        words = [env.timbre, "bench-llasa-speak", "--layers", str(layers), "--vocabulary", str(vocabulary), "--codes", str(codes), "--dtype", dtype,
                 "--contexts", CONTEXTS, "--tokens", str(STEPS), "--json", "-q"]
        ours = json.loads(env.run(words, env=alone))["contexts"]
        answer = subprocess.run([python, script, dtype, str(layers), str(vocabulary), CONTEXTS, str(STEPS)], capture_output=True, text=True, env=alone)
        theirs = json.loads(answer.stdout.splitlines()[-1]) if answer.returncode == 0 else [{}] * len(ours)
        note = "" if answer.returncode == 0 else "no rival: " + (answer.stderr.strip().splitlines() or ["?"])[-1]
        for mine, rival in zip(ours, theirs):
            behind = f"{dtype}, {mine['context']} behind: "
            has_rival = bool(rival)
            yield Row(behind + "tokens", mine["tokens_per_cpu_s"], "tokens/CPU s", rival=rival.get("tokens_per_cpu_s"), better="more",
                      at_least=1.0 if has_rival else None, note=note)
            yield Row(behind + "weights and cache read; rival: what one thread can read", mine["reads_gb_per_cpu_s"], "GB/CPU s",
                      rival=mine["memory_gb_per_cpu_s"], better="more", at_least=0.9)
            yield Row(f"{dtype}, {mine['prefill_tokens']} tokens of a prompt", mine["prefill_cpu_s"], "CPU s", rival=rival.get("prefill_cpu_s"),
                      at_least=1.0 if has_rival and dtype == "fp32" else None, note=note)
