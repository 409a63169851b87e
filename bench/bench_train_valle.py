"""Training steps of VALL-E beside lifeiteng/vall-e in PyTorch, one thread, CPU seconds a step, ScaledAdam and dropout on both sides: a batch of four clips of 375 frames
and 60 tokens. The rival's source comes from $TIMBRE_REFS/lifeiteng_vall-e. TIMBRE_BENCH_FULL=1 adds the published size (a minute a step)."""
import json
import os
import subprocess
import tempfile

from row import Row

TITLE = "VALL-E training step, CPU seconds, one thread"


def rows(env):
    here = os.path.dirname(os.path.abspath(__file__))
    sizes = [(256, 8, 4, 1, 1.4, 7), (256, 8, 4, 2, None, 7)]
    if os.environ.get("TIMBRE_BENCH_FULL"):
        sizes.append((1024, 16, 12, 1, 1.1, 1))
    python = os.environ.get("TIMBRE_REFS_PYTHON", env.python)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([env.python, os.path.join(here, "valle_train", "data.py"), folder, "4"], check=True)
        for dim, heads, layers, stage, asked, steps in sizes:
            words = [env.timbre, "bench-step", "valle", "--preset", "lifeiteng", "--items", "4", "--steps", str(steps), "--json", "-q"]
            for setting in (f"decoder_dim={dim}", f"nhead={heads}", f"num_decoder_layers={layers}", f"train_stage={stage}", f"manifest_dir={folder}"):
                words += ["--with", setting]
            alone = {**os.environ, "TIMBRE_THREADS": "1", "OMP_NUM_THREADS": "1"}
            ours = json.loads(subprocess.run(words, check=True, capture_output=True, text=True, env=alone).stdout)["median_cpu_s"]
            rival, note = None, ""
            if os.path.isdir(os.path.join(os.environ.get("TIMBRE_REFS", ""), "lifeiteng_vall-e")):
                words = [python, os.path.join(here, "valle_train", "rival.py"), "--stage", str(stage), "--dim", str(dim), "--heads", str(heads), "--layers", str(layers),
                         "--steps", str(steps)]
                answer = subprocess.run(words, capture_output=True, text=True, env=alone)
                if answer.returncode == 0:
                    rival = json.loads(answer.stdout)["cpu_s"]
                else:
                    note = "rival failed: " + answer.stderr.strip().splitlines()[-1]
            else:
                note = "no rival: set TIMBRE_REFS to a folder with lifeiteng_vall-e"
            yield Row(f"{'AR' if stage == 1 else 'NAR'} {dim} × {layers}, 4 clips of 5 s", ours, "s", rival=rival, at_least=asked if rival else None, note=note)
