"""Writes FOLDER/cuts_train.jsonl, cuts_dev.jsonl, unique_text_tokens.k2symbols and codes as .npy: clips of 375 frames and 60 tokens, as the rival trains on.
    data.py FOLDER CLIPS"""
import json
import os
import sys

import numpy

FRAMES, TOKENS, BOOKS = 375, 58, 8  # the collater adds <bos> and <eos>


def main(folder, clips):
    random = numpy.random.default_rng(0)
    os.makedirs(os.path.join(folder, "codes"), exist_ok=True)
    symbols = [f"p{i}" for i in range(100)]
    with open(os.path.join(folder, "unique_text_tokens.k2symbols"), "w") as out:
        out.write("<eps> 0\n" + "".join(f"{s} {i + 1}\n" for i, s in enumerate(symbols)))
    for side in ("train", "dev"):
        with open(os.path.join(folder, f"cuts_{side}.jsonl"), "w") as out:
            for n in range(clips):
                name = f"{side}-{n}"
                numpy.save(os.path.join(folder, "codes", name + ".npy"), random.integers(0, 1024, (FRAMES, BOOKS)))
                tokens = [symbols[int(i)] for i in random.integers(0, len(symbols), TOKENS)]
                out.write(json.dumps({
                    "id": name, "start": 0, "duration": FRAMES / 75, "channel": 0, "type": "MonoCut",
                    "supervisions": [{"id": name, "recording_id": name, "start": 0, "duration": FRAMES / 75, "channel": 0, "text": "x", "language": "English", "speaker": "s",
                                      "custom": {"tokens": {"text": tokens}}}],
                    "features": {"type": "encodec", "num_frames": FRAMES, "num_features": BOOKS, "frame_shift": 1 / 75, "sampling_rate": 24000, "start": 0,
                                 "duration": FRAMES / 75, "storage_type": "numpy_files", "storage_path": os.path.join(folder, "codes"), "storage_key": name + ".npy",
                                 "recording_id": name, "channels": 0}}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
