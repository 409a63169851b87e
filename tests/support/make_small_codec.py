#!/usr/bin/env python3
"""Makes a tiny small_codec of random weights for tests, without any package:

    make_small_codec.py OUT [--codebooks N] [--rate HZ]

Codebooks have 4^5 = 1,024 entries and a frame 320 samples, as EnCodec at 24 kHz has.
"""
import argparse
import array
import json
import math
import os
import random
import struct

WIDTH, MELS, FFT, HOP, LEVELS = 16, 20, 640, 160, [4, 4, 4, 4, 4]


def tensors(books):
    rng = random.Random(7)

    def some(*shape, shift=0.0):
        scale = 1 / math.sqrt(shape[-1] if len(shape) > 1 else 100)
        return shape, [shift + scale * (2 * rng.random() - 1) for _ in range(math.prod(shape))]

    out = {}

    def linear(name, inputs, outputs, *taps):
        out[name + ".weight"], out[name + ".bias"] = some(outputs, inputs, *taps), some(outputs)

    def norm(name):
        out[name + ".weight"], out[name + ".bias"] = some(WIDTH, shift=1), some(WIDTH)

    for side, inputs in (("encoder", MELS), ("decoder", WIDTH)):
        linear(side + ".in", inputs, WIDTH, 3)
        norm(side + ".in_norm")
        norm(side + ".norm")
        for block in (".fine.0", ".blocks.0"):
            linear(side + block + ".depthwise", 1, WIDTH, 3)
            norm(side + block + ".norm")
            linear(side + block + ".expand", WIDTH, 2 * WIDTH)
            linear(side + block + ".contract", 2 * WIDTH, WIDTH)
            out[side + block + ".scale"] = some(WIDTH, shift=0.5)
    linear("encoder.join", 2 * WIDTH, WIDTH)
    linear("decoder.split", WIDTH, 2 * WIDTH)
    linear("decoder.head", WIDTH, FFT + 2)
    for q in range(books):
        linear(f"quantiser.levels.{q}.project_in", WIDTH, len(LEVELS))
        linear(f"quantiser.levels.{q}.project_out", len(LEVELS), WIDTH)
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--codebooks", type=int, default=8)
    parser.add_argument("--rate", type=int, default=24000)
    options = parser.parse_args()
    os.makedirs(options.out)
    head, data = {}, b""
    for name, (shape, values) in tensors(options.codebooks).items():
        raw = array.array("f", values).tobytes()
        head[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(options.out, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    config = {"rate_hz": options.rate, "fft_samples": FFT, "hop_samples": HOP, "mels": MELS, "encoder_width": WIDTH, "encoder_layers": 1,
              "encoder_fine": 1, "decoder_width": WIDTH, "decoder_layers": 1, "decoder_fine": 1, "kernel": 3, "filter": 2,
              "quantiser": {"codebooks": options.codebooks, "levels": LEVELS}}
    about = {"name": os.path.basename(options.out), "model": {"kind": "small_codec", "config": config, "weights": "model.safetensors"},
             "codec": {"codec": "small_codec", "rate_hz": options.rate, "hop_samples": 2 * HOP, "channels": 1,
                       "codebooks": options.codebooks, "codebook_size": math.prod(LEVELS)}}
    with open(os.path.join(options.out, "voice.json"), "w", encoding="utf-8") as file:
        json.dump(about, file, indent=1)


if __name__ == "__main__":
    main()
