"""From start to exit: what a user waits for when nothing heavy was asked."""
import json
import math
import os
import struct
import tempfile
import wave

from row import Row

TITLE = "start to exit, wall time, median of 11"
BOUND_MS = 10


def write_clip(path, seconds=2.0, rate_hz=16000):
    """A voice-like tone with silence around it: what a doctor has nothing to say against."""
    samples = []
    for i in range(int(seconds * rate_hz)):
        t = i / rate_hz
        loud = 0.3 if 0.2 < t < seconds - 0.2 else 0.0005
        samples.append(int(32767 * loud * math.sin(2 * math.pi * 150 * t) * (0.6 + 0.4 * math.sin(2 * math.pi * 4 * t))))
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))


def write_safetensors(path):
    data = struct.pack("<12f", *range(12))
    header = json.dumps({"a": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, len(data)]}}).encode()
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(header)) + header + data)


def rows(env):
    timbre = env.timbre
    with tempfile.TemporaryDirectory() as folder:
        def timed(what, *words):
            return Row(what, 1000 * env.wall_s([timbre, *words]), "ms", at_most=BOUND_MS)

        yield timed("timbre --help", "--help")
        small = os.path.join(folder, "small.safetensors")
        write_safetensors(small)
        yield timed("timbre info of a small file", "info", small)
        source = os.path.join(folder, "wavs")
        os.makedirs(source)
        write_clip(os.path.join(source, "clip.wav"))
        table = os.path.join(folder, "list.txt")
        with open(table, "w") as out:
            out.write("wavs/clip.wav|A short sentence.\n")
        corpus = os.path.join(folder, "corpus")
        env.run([timbre, "import", "table", table, "--out", corpus])
        yield timed("timbre check of a one-clip WAV corpus", "check", corpus)
        torch = os.path.join(env.build, "timbre-torch")
        if os.access(torch, os.X_OK):
            yield Row("timbre-torch --help (what the two programs save)", 1000 * env.wall_s([torch, "--help"], times=5), "ms")
