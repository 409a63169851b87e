#!/usr/bin/env python3
"""Makes a tiny VALL-E voice of random weights for tests, without any package:

    make_valle_voice.py OUT [--ending KIND] [--bos] [--languages en,zh,ja] [--codec NAME --rate HZ --hop SAMPLES]

Its AR part says the same at every step, as KIND wants: `speech` draws among eight codes and ends with probability 1/40 a
frame, `immediate` ends at once, `loop` repeats one code for ever, `runaway` draws codes and never ends, `mostly-immediate` ends with
probability 0.7 a frame (voices with languages listen to that only when it is drawn), `broken` says NaN.
"""
import argparse
import array
import json
import math
import os
import random
import struct

DIM, ROWS, CODES, BOOKS = 16, 96, 1024, 4
SYMBOLS = ["<pad>", "<bos>", "<eos>", "<eps>", "sil", "sp"] + list("abdefhijklmnoprstuvwzæðŋɑɔəɛɜɡɪɹʃʊʌʒθɐɚɾᵻː") + \
    ["aɪ", "eɪ", "oʊ", "aʊ", "iː", "uː", "ɑː", "ɔː", "tʃ", "dʒ", "oːɹ", "ɛɹ", "ɪɹ", "ɑːɹ", "ɔːɹ"]


def tensors(options):
    rng = random.Random(5)

    def some(*shape, scale=0.3, shift=0.0):
        return shape, [shift + scale * (2 * rng.random() - 1) for _ in range(math.prod(shape))]

    out = {}
    for side in ("ar", "nar"):
        out[f"{side}_text_embedding.word_embeddings.weight"] = some(ROWS, DIM)
        for what in ("text", "audio"):
            out[f"{side}_{what}_position.alpha"] = ((1,), [1.0])
        if options.languages:
            out[f"{side}_language_embedding.word_embeddings.weight"] = some(len(options.languages), DIM)
        layer = f"{side}_decoder.layers.0."
        out[layer + "self_attn.in_proj_weight"], out[layer + "self_attn.in_proj_bias"] = some(3 * DIM, DIM), some(3 * DIM)
        out[layer + "self_attn.out_proj.weight"], out[layer + "self_attn.out_proj.bias"] = some(DIM, DIM), some(DIM)
        out[layer + "linear1.weight"], out[layer + "linear1.bias"] = some(4 * DIM, DIM), some(4 * DIM)
        out[layer + "linear2.weight"], out[layer + "linear2.bias"] = some(DIM, 4 * DIM), some(DIM)
        for norm in (layer + "norm1", layer + "norm2", f"{side}_decoder.norm"):
            plain = norm
            if side == "nar":
                plain = norm + ".norm"
                out[norm + ".project_layer.weight"], out[norm + ".project_layer.bias"] = some(2 * DIM, DIM), some(2 * DIM, shift=0.5)
            out[plain + ".weight"], out[plain + ".bias"] = some(DIM, shift=1), some(DIM)
    # The last norm makes the same vector of everything, (1, 0, 0 …): the head's first column says what is drawn.
    out["ar_decoder.norm.weight"] = ((DIM,), [0.0] * DIM)
    out["ar_decoder.norm.bias"] = ((DIM,), [1.0] + [0.0] * (DIM - 1))
    out["ar_audio_embedding.word_embeddings.weight"] = some(CODES + 1 + options.bos, DIM)
    column = {"speech": {CODES: 6.46} | {code: 8 for code in range(10, 18)}, "immediate": {CODES: 40}, "loop": {5: 40}, "runaway": {CODES: -40},
              "mostly-immediate": {CODES: math.log(CODES * 7 / 3)}, "broken": {CODES: math.nan}}[options.ending]
    head = [0.0] * ((CODES + 1) * DIM)
    for code, value in column.items():
        head[code * DIM] = value
    out["ar_predict_layer.weight"] = ((CODES + 1, DIM), head)
    for book in range(BOOKS):
        out[f"nar_audio_embeddings.{book}.word_embeddings.weight"] = some(CODES + (book == 0), DIM)
    for stage in range(BOOKS - 1):
        out[f"nar_predict_layers.{stage}.weight"] = some(CODES, DIM)
        out[f"nar_stage_embeddings.{stage}.word_embeddings.weight"] = some(1, DIM)
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--ending", default="speech")
    parser.add_argument("--bos", action="store_true")
    parser.add_argument("--languages", type=lambda text: text.split(","), default=[])
    parser.add_argument("--codec", default="encodec")
    parser.add_argument("--rate", type=int, default=24000)
    parser.add_argument("--hop", type=int, default=80)
    options = parser.parse_args()
    os.makedirs(options.out)
    head, data = {}, b""
    for name, (shape, values) in tensors(options).items():
        raw = array.array("f", values).tobytes()
        head[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(options.out, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    config = {"model_name": "valle", "decoder_dim": DIM, "nhead": 2, "num_decoder_layers": 1, "num_quantizers": BOOKS,
              "codebook_size": CODES, "text_rows": ROWS, "prepend_bos": options.bos, "share_embedding": False, "prompt_frames": 200,
              "languages": options.languages, "front_end": "espeak:en-us"}
    about = {"format": "timbre voice 1", "name": os.path.basename(options.out), "front_end": "espeak:en-us", "language": "en",
             "text": {"normalize": "words"}, "symbols": SYMBOLS, "model": {"kind": "valle", "config": config, "weights": "model.safetensors"},
             "codec": {"codec": options.codec, "rate_hz": options.rate, "hop_samples": options.hop, "channels": 1,
                       "codebooks": BOOKS, "codebook_size": CODES}}
    with open(os.path.join(options.out, "voice.json"), "w", encoding="utf-8") as file:
        json.dump(about, file, ensure_ascii=False, indent=1)


if __name__ == "__main__":
    main()
