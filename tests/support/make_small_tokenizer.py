#!/usr/bin/env python3
"""Makes the tokenizer of a tiny Llasa for tests, without any package: 256 bytes without a merge, Llama 3's marks, Llasa's, CODES speech tokens, speeds.

    make_small_tokenizer.py OUT [--codes 49] [--no-speech] [--no-speeds]

With 49 codes it has 320 tokens, as many as the networks of tests/golden/llasa_lm know.
"""
import argparse
import json
import os

REGEX = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
LLASA = [f"<|{what}_{end}|>" for what in ("TEXT_GENERATION", "TEXT_UNDERSTANDING", "SPEECH_GENERATION", "SPEECH_UNDERSTANDING") for end in ("START", "END")]


def spelling(byte):
    """How GPT-2's byte level writes a byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return chr(byte) if byte in plain else chr(256 + [b for b in range(256) if b not in plain].index(byte))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--codes", type=int, default=49)
    parser.add_argument("--no-speech", action="store_true")
    parser.add_argument("--no-speeds", action="store_true")
    o = parser.parse_args()
    words = list(LLAMA)
    if not o.no_speech:
        words += LLASA + [f"<|s_{code}|>" for code in range(o.codes)]
    if not o.no_speeds:
        words += ["<|FAST|>", "<|SLOW|>", "<|MEDIUM|>"]
    added = [{"id": 256 + i, "content": word, "single_word": False, "lstrip": False, "rstrip": False, "normalized": word not in LLAMA,
              "special": word in LLAMA} for i, word in enumerate(words)]
    os.makedirs(o.out)
    with open(os.path.join(o.out, "tokenizer.json"), "w", encoding="utf-8") as file:
        json.dump({"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
                   "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                       {"type": "Split", "pattern": {"Regex": REGEX}, "behavior": "Isolated", "invert": False},
                       {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]},
                   "post_processor": None, "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
                   "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                             "fuse_unk": False, "byte_fallback": False, "ignore_merges": True,
                             "vocab": {spelling(byte): byte for byte in range(256)}, "merges": []}}, file, ensure_ascii=False)
    with open(os.path.join(o.out, "tokenizer_config.json"), "w", encoding="utf-8") as file:
        json.dump({"bos_token": LLAMA[0], "eos_token": LLAMA[3], "clean_up_tokenization_spaces": False, "tokenizer_class": "PreTrainedTokenizerFast"}, file)


if __name__ == "__main__":
    main()
