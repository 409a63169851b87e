"""From the start of a process to the first sample on its standard output, with a voice of demo/work/run or $TIMBRE_BENCH_VOICE. The
rival says the same with LibTorch; the last row is what a Python program with PyTorch (or, in $TIMBRE_RIVALS_PYTHON, with onnxruntime)
needs before its first own line, loading no network yet."""
import os
import resource
import statistics
import subprocess
import tempfile
import time

from row import Env, Row

TITLE = "process start to first audio, median of 9"
BOUND_MS = 200
TEXT = "Hello there, how are you?"
HEADER_BYTES = 44


def first_sample_s(command, environment):
    """Wall seconds until the pipe holds more than a WAV header, and CPU seconds of the whole process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    got = 0
    while got <= HEADER_BYTES:
        part = os.read(process.stdout.fileno(), 65536)
        if not part:
            raise RuntimeError(f"{' '.join(command)}: no audio\n{process.stderr.read().decode()[-2000:]}")
        got += len(part)
    first = time.perf_counter() - began
    process.communicate()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return first, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def rows(env):
    voice = os.environ.get("TIMBRE_BENCH_VOICE") or os.path.join(env.repo, "demo", "work", "run")
    if not os.path.isdir(voice):
        raise Env.Absent("no voice: make demo, or name one by TIMBRE_BENCH_VOICE")
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "XDG_CACHE_HOME": cache}
        words = [env.timbre, "say", TEXT, "--voice", voice, "-o", "-", "--engine"]

        def timed(engine, times):
            seen = [first_sample_s([*words, engine], environment) for _ in range(times)]
            return 1000 * statistics.median(s for s, _ in seen), 1000 * min(cpu for _, cpu in seen)

        first, _ = timed("native", 1)  # the first start of all: the probe sentences are read, the file cache filled
        torch, torch_cpu = timed("torch", 5)
        native, native_cpu = timed("native", 9)
        yield Row("say -o -, engines", native, "ms", rival=torch, at_most=BOUND_MS, at_least=3)
        yield Row("the same, CPU time of the whole process", native_cpu, "ms", rival=torch_cpu)
        yield Row("the same, the very first start", first, "ms", at_most=BOUND_MS)
    for package, python in (("torch", env.python), ("onnxruntime", os.environ.get("TIMBRE_RIVALS_PYTHON"))):
        if python:
            yield Row(f"python: import {package}", 1000 * env.wall_s([python, "-c", f"import {package}"], times=3), "ms")
