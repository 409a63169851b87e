"""HiFi-GAN V1, V2, V3, Vocos 24 kHz and a vocoder of the size of our preset small, 5 to 7 s of audio, beside PyTorch and onnxruntime in
the same run: seconds a second of audio, CPU seconds at one thread and seconds on the clock at two. Random weights, converted from the
originals' files. $TIMBRE_REFS holds checkouts of hifi-gan and vocos; $TIMBRE_REFS_PYTHON names a Python with torch, onnx and onnxruntime."""
import json
import os
import subprocess
import tempfile

from row import Row

TITLE = "vocoders, seconds a second of audio"
FRAMES, TIMES = "431", "7"
ROWS = (("v1", "HiFi-GAN V1", 1.1), ("v2", "HiFi-GAN V2", None), ("v3", "HiFi-GAN V3", None), ("vocos", "Vocos 24 kHz", 1.1),
        ("small", "Vocos of preset small, 16 kHz", None))


def rival(env, *words):
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vocoders", "rival.py")
    done = subprocess.run([os.environ.get("TIMBRE_REFS_PYTHON", env.python), script, *words], capture_output=True, text=True)
    if done.returncode:
        raise env.Absent(f"rivals cannot run: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return done.stdout


def ours(env, folder, threads):
    """name → {cpu, wall}."""
    out = {}
    for name, _, _ in ROWS:
        told = json.loads(env.run([env.timbre, "bench-vocoder", os.path.join(folder, "ours", name), "--frames", FRAMES, "--times", TIMES,
                                   "--engine", "native", "--threads", str(threads), "--json", "-q"]))
        out[name] = dict(cpu=told["cpu_s_per_s"], wall=told["wall_s_per_s"])
    return out


def rows(env):
    with tempfile.TemporaryDirectory() as folder:
        rival(env, "make", folder)
        for name, _, _ in ROWS:
            env.run([env.timbre, "convert", os.path.join(folder, name), os.path.join(folder, "ours", name), "-q"])
        for threads, clock in ((1, "cpu"), (2, "wall")):
            # In turn, twice each: what else runs on the machine meets both. HiFi-GAN's code prints before our line.
            turns = [(ours(env, folder, threads), json.loads(rival(env, "time", folder, str(threads)).splitlines()[-1])) for _ in range(2)]
            seconds = {name: min(mine[name][clock] for mine, _ in turns) for name, _, _ in ROWS}
            theirs = {name: {who: {clock: min(other[name][who][clock] for _, other in turns)} for who in ("torch", "ort")} for name, _, _ in ROWS}
            unit = "CPU s/s" if clock == "cpu" else "s/s"
            for name, what, asked in ROWS:
                torch, ort = theirs[name]["torch"][clock], theirs[name]["ort"][clock]
                yield Row(f"{what}, {threads} thread{'s' if threads > 1 else ''}; rival: " + ("PyTorch" if torch < ort else "onnxruntime"),
                          seconds[name], unit, rival=min(torch, ort), at_least=asked if threads == 1 else None,
                          note=f"PyTorch {torch:.3g}, onnxruntime {ort:.3g}")
            if threads == 1:
                yield Row("preset small beside Vocos 24 kHz in PyTorch", seconds["small"], unit, rival=theirs["vocos"]["torch"][clock],
                          at_least=3.0)
