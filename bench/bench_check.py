"""The doctor's pass over the sound, beside the same checks with soundfile and numpy on the same cores."""
import os
import subprocess
import tempfile
import wave

from row import Row

TITLE = "check: 24 hours of 22 kHz WAV, extrapolated from 20 minutes; wall time, median of 5"
MINUTES, CLIP_S, RATE_HZ = 20, 6.0, 22050
BOUND_S = 240


def write_corpus(folder):
    """Voice-like clips with pauses and noise; every sentence differs."""
    import numpy

    rng = numpy.random.default_rng(1)
    os.makedirs(os.path.join(folder, "wavs"))
    t = numpy.arange(int(CLIP_S * RATE_HZ)) / RATE_HZ
    syllables = 0.6 + 0.4 * numpy.sin(31 * t)
    edges = (t > 0.2) & (t < CLIP_S - 0.2)
    count = int(MINUTES * 60 / CLIP_S)
    with open(os.path.join(folder, "metadata.csv"), "w") as table:
        for i in range(count):
            voice = 0.2 * numpy.sin(2 * numpy.pi * (110 + i % 90) * t) * syllables * edges
            samples = voice + 0.001 * rng.standard_normal(len(t))
            with wave.open(os.path.join(folder, "wavs", f"c{i}.wav"), "wb") as out:
                out.setnchannels(1)
                out.setsampwidth(2)
                out.setframerate(RATE_HZ)
                out.writeframes((samples * 32767).astype("<i2").tobytes())
            number = " ".join("zero one two three four five six seven eight nine".split()[int(d)] for d in str(i))
            table.write(f"c{i}|This is the sentence with the number {number} of a long list of sentences.\n")
    return count


def rows(env):
    cores = str(min(2, len(os.sched_getaffinity(0))))
    with tempfile.TemporaryDirectory() as folder:
        try:
            write_corpus(folder)
        except ImportError:
            raise env.Absent("numpy is not here")
        corpus = os.path.join(folder, "corpus")
        env.run([env.timbre, "import", "ljspeech", folder, "--out", corpus, "-q"])
        scale = 24 * 60 / MINUTES
        ours = env.wall_s([env.timbre, "check", corpus, "-q", "--threads", cores], times=5) * scale
        rival = None
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "check_numpy.py")
        command = [env.python, script, os.path.join(corpus, "manifest.jsonl"), cores, "5"]
        done = subprocess.run(command, capture_output=True, text=True)
        note = ""
        if done.returncode == 0:
            rival = float(done.stdout.split()[-1]) * scale
        else:
            note = "no rival: " + (done.stderr.strip().splitlines() or ["?"])[-1]
        yield Row(f"24 h checked with {cores} threads, start included; rival: soundfile + numpy, imports not counted", ours, "s",
                  rival=rival, at_most=BOUND_S, note=note)
        one = env.cpu_s([env.timbre, "check", corpus, "-q", "--threads", "1"]) * scale
        yield Row("the same, CPU seconds on one thread", one, "s")
