"""Features in Python, one thread: seconds of audio a CPU second, best of some passes. rival.py FOLDER HOP FRAME TIMES → JSON."""
import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"
import json
import sys
import time
import warnings
import wave

warnings.filterwarnings("ignore")
import numpy as np

folder, hop, frame, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
clips = []
for name in sorted(os.listdir(folder)):
    with wave.open(os.path.join(folder, name)) as file:
        rate = file.getframerate()
        clips.append(np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768)


def speed(compute, some=None, passes=times):
    """The first call is not counted: numba compiles in it."""
    compute(clips[0])
    chosen = clips[:some]
    best = 1e300
    for _ in range(passes):
        began = time.process_time()
        for clip in chosen:
            compute(clip)
        best = min(best, time.process_time() - began)
    return sum(map(len, chosen)) / rate / best


def mel_filters():
    """Any matrix of the right shape and sparsity takes the same time."""
    edges = np.linspace(0, frame // 2, 82)
    bins = np.arange(frame // 2 + 1)
    return np.stack([np.clip(np.minimum((bins - a) / (b - a), (c - bins) / (c - b)), 0, None)
                     for a, b, c in zip(edges, edges[1:], edges[2:])]).astype(np.float32)


def torch_mel():
    import torch

    torch.set_num_threads(1)
    window, filters = torch.hann_window(frame), torch.from_numpy(mel_filters())

    def compute(clip):
        spectrum = torch.stft(torch.from_numpy(clip), frame, hop, frame, window, return_complex=True).abs()
        return torch.log(torch.clamp(filters @ spectrum, min=1e-5)), torch.norm(spectrum, dim=0)

    return speed(compute)


def world():
    import pyworld

    def compute(clip):
        x = clip.astype(np.float64)
        f0, t = pyworld.dio(x, rate, frame_period=hop / rate * 1000)
        return pyworld.stonemask(x, f0, t, rate)

    return speed(compute)


def pyin():
    import librosa

    return speed(lambda clip: librosa.pyin(clip, fmin=65, fmax=600, sr=rate, frame_length=frame, hop_length=hop), some=2, passes=2)


def fbank():
    import torch
    from lhotse.features.kaldi.extractors import Fbank, FbankConfig

    torch.set_num_threads(1)
    extractor = Fbank(FbankConfig(sampling_rate=rate, num_filters=80, dither=0.0, snip_edges=False))
    return speed(lambda clip: extractor.extract(clip, rate))


answer = {}
for key, measure in (("mel", torch_mel), ("dio_stonemask", world), ("pyin", pyin), ("fbank", fbank)):
    try:
        answer[key] = measure()
    except ImportError as error:
        answer[key] = str(error)
print(json.dumps(answer))
