#!/usr/bin/env python3
"""Makes a small corpus of synthetic speech with known phone boundaries, imports and prepares it: what tests train on.

    tests/kill/corpus.py OUT [--clips 24]      makes OUT/source (wav, lab, TextGrid) and OUT/corpus, ready for fastspeech2
"""
import argparse
import math
import os
import pathlib
import random
import struct
import subprocess
import wave

RATE = 16000
# Phones of espeak-ng's American English with two resonances each; "" is silence.
SOUNDS = {"d": (300, 1700), "ʌ": (620, 1200), "v": (220, 1100), "ɡ": (200, 2000), "ʊ": (440, 1020), "w": (300, 610), "ɪ": (390, 1990), "ŋ": (280, 2200),
          "ɛ": (530, 1840), "h": (700, 1500), "ə": (500, 1400), "l": (380, 1000), "oʊ": (450, 800), "m": (250, 1000), "uː": (300, 870), "n": (250, 1500), "iː": (280, 2250),
          "b": (200, 900), "æ": (660, 1700), "t": (3000, 4000), "s": (4500, 6000)}
WORDS = {"hello": ["h", "ə", "l", "oʊ"], "moon": ["m", "uː", "n"], "bee": ["b", "iː"], "bat": ["b", "æ", "t"], "seen": ["s", "iː", "n"], "low": ["l", "oʊ"],
         "tool": ["t", "uː", "l"], "mass": ["m", "æ", "s"]}
OTHER_WORDS = {"dove": ["d", "ʌ", "v"], "good": ["ɡ", "ʊ", "d"], "wing": ["w", "ɪ", "ŋ"], "see": ["s", "iː"], "bell": ["b", "ɛ", "l"]}
ARPABET = {"h": "HH", "ə": "AH0", "l": "L", "oʊ": "OW1", "m": "M", "uː": "UW1", "n": "N", "iː": "IY1", "b": "B", "æ": "AE1", "t": "T", "s": "S"}


def speak(words, rng, sounds_of, pitch_hz):
    """Samples and (start, end, phone) intervals: a pulse train shaped by two resonances a phone."""
    samples, phones, phase = [], [], 0.0
    pieces = [("", 0.15)] + [(p, rng.uniform(0.06, 0.16)) for w in words for p in sounds_of[w]] + [("", 0.15)]
    pitch = rng.uniform(*pitch_hz)
    for phone, seconds in pieces:
        start = len(samples) / RATE
        f1, f2 = SOUNDS.get(phone, (0, 0))
        for i in range(int(seconds * RATE)):
            phase += (pitch + 12 * math.sin(2 * math.pi * 3 * len(samples) / RATE)) / RATE
            t = (phase % 1.0) / pitch
            value = 0.001 * rng.gauss(0, 1)
            if phone:
                value += 0.35 * math.exp(-90 * t) * math.sin(2 * math.pi * f1 * t) + 0.2 * math.exp(-120 * t) * math.sin(2 * math.pi * f2 * t)
                if phone in ("s", "t"):
                    value = 0.08 * rng.gauss(0, 1)
            samples.append(value)
        phones.append((start, len(samples) / RATE, phone or "sil"))
    return samples, phones


def textgrid(phones, words, end, sounds_of):
    def tier(number, name, intervals):
        lines = [f"    item [{number}]:", '        class = "IntervalTier" ', f'        name = "{name}" ', "        xmin = 0 ", f"        xmax = {end:.6f} ",
                 f"        intervals: size = {len(intervals)} "]
        for i, (a, b, label) in enumerate(intervals, 1):
            lines += [f"        intervals [{i}]:", f"            xmin = {a:.6f} ", f"            xmax = {b:.6f} ", f'            text = "{label}" ']
        return lines

    spans, at = [(phones[0][0], phones[0][1], "")], 1
    for word in words:
        count = len(sounds_of[word])
        spans.append((phones[at][0], phones[at + count - 1][1], word))
        at += count
    spans.append((phones[-1][0], phones[-1][1], ""))
    head = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0 ", f"xmax = {end:.6f} ", "tiers? <exists> ", "size = 2 ", "item []: "]
    return "\n".join(head + tier(1, "words", spans) + tier(2, "phones", phones)) + "\n"


def make_source(folder, clips, speaker="anna", sounds_of=WORDS, pitch_hz=(170, 220), rename=None):
    """FOLDER/SPEAKER: wav, lab and TextGrid of each clip; `rename` maps phones to the names the TextGrids use."""
    rng = random.Random(3)
    speaker = folder / speaker
    speaker.mkdir(parents=True)
    for i in range(clips):
        words = [rng.choice(sorted(sounds_of)) for _ in range(rng.randint(2, 5))]
        samples, phones = speak(words, rng, sounds_of, pitch_hz)
        phones = [(start, end, (rename or {}).get(phone, phone)) for start, end, phone in phones]
        with wave.open(str(speaker / f"clip{i:03}.wav"), "wb") as out:
            out.setparams((1, 2, RATE, 0, "NONE", ""))
            out.writeframes(b"".join(struct.pack("<h", max(-32768, min(32767, round(32767 * s)))) for s in samples))
        (speaker / f"clip{i:03}.lab").write_text(" ".join(words) + "\n")
        (speaker / f"clip{i:03}.TextGrid").write_text(textgrid(phones, words, len(samples) / RATE, sounds_of), encoding="utf-8")


def make(out, timbre, clips=24, prepare_for=("fastspeech2", "--preset", "debug"), **source):
    """OUT/corpus, prepared for fastspeech2's debug preset unless told otherwise; made once."""
    out = pathlib.Path(out)
    corpus = out / "corpus"
    if not (out / "ready").exists():
        make_source(out / "source", clips, **source)
        for words in (["import", "lab", out / "source", "--out", corpus, "--language", "en-US", "-q"], ["prepare", corpus, "--for", *prepare_for, "-q"]):
            subprocess.run([timbre, *map(str, words)], check=True)
        (out / "ready").touch()
    return corpus


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--clips", type=int, default=24)
    arguments = parser.parse_args()
    build = pathlib.Path(os.environ.get("TIMBRE_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
    print(make(arguments.out, build / "timbre", arguments.clips))
