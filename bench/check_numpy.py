"""The rival of bench_check.py: what a careful person writes with soundfile and numpy.

    check_numpy.py MANIFEST PROCESSES TIMES     prints the median seconds of a pass

Per clip: decoding, samples that are no numbers, peak, offset, clipped runs, level of the speech, silence at the ends and inside,
mains hum from a spectrum, a hash. Per corpus: duplicates by sound and by text, pace outliers, digits, unreadable symbols.
"""
import collections
import hashlib
import json
import multiprocessing
import re
import statistics
import sys
import time

import numpy
import soundfile


def frame_powers(samples, frame, hop):
    sums = numpy.concatenate([[0.0], numpy.cumsum(samples.astype(numpy.float64) ** 2)])
    starts = numpy.arange(0, len(samples) + 1, hop) - frame // 2
    return (sums[numpy.clip(starts + frame, 0, len(samples))] - sums[numpy.clip(starts, 0, len(samples))]) / frame


def clipped(samples, peak):
    if peak < 0.98:
        return 0
    top = numpy.concatenate([[0], (numpy.abs(samples) >= peak - 1.5 / 32768).astype(numpy.int8), [0]])
    change = numpy.flatnonzero(numpy.diff(top))
    runs = change[1::2] - change[::2]
    return int(runs[runs >= 3].sum())


def hum(samples, rate):
    size = rate // 2
    if len(samples) < size:
        return 0.0
    windows = numpy.lib.stride_tricks.sliding_window_view(samples, size)[:: size // 2]
    power = numpy.abs(numpy.fft.rfft(windows * numpy.hanning(size).astype(numpy.float32), axis=1)) ** 2
    low = numpy.quantile(power, 0.2, axis=0)
    bin_hz = rate / size
    lines = [low[round(hz / bin_hz)] / max(low[round((hz - 9) / bin_hz)], low[round((hz + 9) / bin_hz)], 1e-14)
             for hz in (50, 100, 150, 60, 120, 180)]
    return float(max(lines))


def facts(path):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    channels = samples.shape[1]
    samples = samples[:, 0] if channels == 1 else samples.mean(axis=1)
    if not numpy.isfinite(samples).all():
        return path, None
    peak = float(numpy.abs(samples).max())
    powers = frame_powers(samples, rate // 40, rate // 160)
    loud = numpy.flatnonzero(powers > powers.max() * 1e-4)
    levels = frame_powers(samples, rate // 50, rate // 50)
    speech = levels[levels > levels.max() * 1e-4].mean()
    sounds = numpy.flatnonzero(levels > levels.max() * 1e-4)
    inner = int(numpy.diff(sounds).max()) if len(sounds) > 1 else 0
    return path, (len(samples), rate, channels, peak, float(samples.mean()), clipped(samples, peak), float(speech), int(loud[0]),
                  int(len(powers) - loud[-1]), inner, hum(samples, rate), hashlib.blake2b(samples.tobytes(), digest_size=8).digest())


def check(pool, utterances):
    found = collections.Counter()
    measured = pool.map(facts, [u["audio"] for u in utterances], chunksize=8)
    sounds, texts, paces = set(), set(), []
    for u, (_, f) in zip(utterances, measured):
        if f is None:
            found["bad"] += 1
            continue
        count, rate, channels, peak, mean, clips, speech, first, last, inner, line, digest = f
        found["stereo"] += channels > 1
        found["clipped"] += clips > 1e-4 * count
        found["dc"] += abs(mean) > 0.01
        found["quiet"] += speech < 10 ** -3.5
        found["edges"] += max(first, last) / 160 > 0.8
        found["inner"] += inner / 50 > 2
        found["hum"] += line > 10
        found["length"] += not 0.3 <= count / rate <= 20
        found["twice"] += digest in sounds
        sounds.add(digest)
        key = re.sub(r"\W+", " ", u["text"].lower()).strip()
        found["text"] += key in texts
        texts.add(key)
        found["digits"] += any(c.isdigit() for c in u["text"])
        found["symbols"] += any(not (c.isalpha() or c in " .,;:!?'\"()-") for c in u["text"])
        paces.append(count / rate / max(1, len(key)))
    paces = numpy.log(numpy.array(paces))
    away = numpy.abs(paces - numpy.median(paces))
    found["pace"] = int((away > numpy.maximum(5 * 1.4826 * numpy.median(away), numpy.log(1.8))).sum())
    return found


def main():
    manifest, processes, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with open(manifest) as lines:
        utterances = [json.loads(line) for line in lines]
    with multiprocessing.Pool(processes) as pool:
        check(pool, utterances)  # warm
        seen = []
        for _ in range(times):
            began = time.perf_counter()
            check(pool, utterances)
            seen.append(time.perf_counter() - began)
    print(statistics.median(seen))


if __name__ == "__main__":
    main()
