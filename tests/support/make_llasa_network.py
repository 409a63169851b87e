#!/usr/bin/env python3
"""Makes a tiny Llasa of random weights for tests as a Hugging Face folder with its tokenizer, without any package:

    make_llasa_network.py OUT [--ending KIND] [--codes 1000] [--code N] [--row-length 2048] [--no-speech] [--no-speeds]

What it says depends little on what it hears, as KIND wants: `speech` draws among eight codes and ends with probability 1/50 a frame, `immediate`
ends at once, `short` with probability 1/2 a frame, `loop` repeats --code for ever, `runaway` draws codes and never ends, `broken` says NaN.
"""
import argparse
import array
import json
import math
import os
import random
import struct
import subprocess
import sys

DIM, HEADS, KEY_HEADS, WIDTH, INNER = 16, 2, 1, 8, 24


def tensors(options, tokens, first, end):
    rng = random.Random(5)

    def some(*shape, scale=0.3, shift=0.0):
        return shape, [shift + scale * (2 * rng.random() - 1) for _ in range(math.prod(shape))]

    out = {"model.embed_tokens.weight": some(tokens, DIM, scale=1), "model.norm.weight": some(DIM, scale=0, shift=1)}
    layer = "model.layers.0."
    for name, rows, columns in (("self_attn.q_proj", HEADS * WIDTH, DIM), ("self_attn.k_proj", KEY_HEADS * WIDTH, DIM),
                                ("self_attn.v_proj", KEY_HEADS * WIDTH, DIM), ("self_attn.o_proj", DIM, HEADS * WIDTH),
                                ("mlp.gate_proj", INNER, DIM), ("mlp.up_proj", INNER, DIM), ("mlp.down_proj", DIM, INNER)):
        out[f"{layer}{name}.weight"] = some(rows, columns, scale=0.8)
    for norm in ("input_layernorm", "post_attention_layernorm"):
        out[f"{layer}{norm}.weight"] = some(DIM, scale=0, shift=1)
    # The first number of every embedding is large, so that after the last norm it is nearly √DIM whatever was heard:
    # the head's first column says what is drawn, the others stir it a little.
    embedding = out["model.embed_tokens.weight"][1]
    for row in range(tokens):
        embedding[row * DIM] = 6.0
    eight = {first + code: 8 for code in range(200, 208)}
    column = {"speech": eight | {end: 8 + math.log(8 / 50)}, "immediate": {end: 60}, "short": eight | {end: 8 + math.log(8)},
              "loop": {first + options.code: 60}, "runaway": eight | {end: -60}, "broken": {first: math.nan}}[options.ending]
    shape, head = some(tokens, DIM, scale=0.2)
    for row in range(tokens):
        head[row * DIM] = column.get(row, 0) / math.sqrt(DIM)
    out["lm_head.weight"] = (shape, head)
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--ending", default="speech")
    parser.add_argument("--codes", type=int, default=1000)
    parser.add_argument("--code", type=int, default=5)
    for flag in ("--no-speech", "--no-speeds"):
        parser.add_argument(flag, action="store_true")
    o = parser.parse_args()
    here = os.path.dirname(os.path.abspath(__file__))
    subprocess.run([sys.executable, os.path.join(here, "make_small_tokenizer.py"), o.out, "--codes", str(o.codes),
                    *(["--no-speech"] if o.no_speech else []), *(["--no-speeds"] if o.no_speeds else [])], check=True)
    with open(os.path.join(o.out, "tokenizer.json"), encoding="utf-8") as file:
        ids = {token["content"]: token["id"] for token in json.load(file)["added_tokens"]}
    tokens = max(ids.values()) + 1
    end = ids.get("<|SPEECH_GENERATION_END|>", 0)
    head, data = {}, b""
    for name, (shape, values) in tensors(o, tokens, ids.get("<|s_0|>", 0), end).items():
        raw = array.array("f", values).tobytes()
        head[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(o.out, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    with open(os.path.join(o.out, "config.json"), "w", encoding="utf-8") as file:
        json.dump({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": False, "mlp_bias": False, "hidden_act": "silu",
                   "vocab_size": tokens, "hidden_size": DIM, "intermediate_size": INNER, "num_hidden_layers": 1, "num_attention_heads": HEADS,
                   "num_key_value_heads": KEY_HEADS, "head_dim": WIDTH, "rope_theta": 10000.0, "rope_scaling": None,
                   "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "tie_word_embeddings": False, "initializer_range": 0.02,
                   "bos_token_id": ids["<|begin_of_text|>"], "eos_token_id": end, "torch_dtype": "float32"}, file)


if __name__ == "__main__":
    main()
