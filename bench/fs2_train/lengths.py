#!/usr/bin/env python3
"""Writes the phone durations of 256 made-up utterances of realistic length, which both sides of the training benchmark use.

  lengths.py OUT.json [--utterances 256] [--seed 7]

Lengths follow LJSpeech's (mean 6.6 s, deviation 2.2 s, 1.1 to 10.1 s) at 22.05 kHz, hop 256, with 3 to 9 frames a phone."""
import argparse
import json
import random

FRAMES_PER_SECOND = 22050 / 256


def utterance(draw):
    seconds = min(10.1, max(1.1, draw.gauss(6.6, 2.2)))
    frames, durations = round(seconds * FRAMES_PER_SECOND), []
    while sum(durations) < frames:
        durations.append(draw.randint(3, 9))
    return durations


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--utterances", type=int, default=256)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    draw = random.Random(args.seed)
    with open(args.out, "w") as file:
        json.dump([utterance(draw) for _ in range(args.utterances)], file)


if __name__ == "__main__":
    main()
