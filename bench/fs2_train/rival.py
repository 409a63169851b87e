#!/usr/bin/env python3
"""The rival of the training benchmark: ming024/FastSpeech2 in PyTorch, its default LJSpeech configuration, its own batching
(groups of four batches of 16, sorted by length inside a group), its own step (loss, backward, clip, ScheduledOptim).

  rival.py LENGTHS.json [--threads 1] [--groups 4]      needs $TIMBRE_REFS/FastSpeech2 (commit d4e79eb) with torch, numpy, scipy, pyyaml, inflect, unidecode

Prints one JSON line: real frames, padded frames, CPU seconds of the steps, real frames per CPU second."""
import argparse
import json
import os
import random
import sys
import time
import types


def load_reference():
    root = os.path.join(os.environ.get("TIMBRE_REFS", "refs"), "FastSpeech2")
    if not os.path.isdir(root):
        sys.exit(f"no checkout of ming024/FastSpeech2 at {root}: set TIMBRE_REFS")
    os.chdir(root)
    sys.path.insert(0, root)
    for name in ("matplotlib", "matplotlib.pyplot"):  # imported by its utilities, not used here
        module = types.ModuleType(name)
        module.use = lambda *_: None
        sys.modules[name] = module


def batches(lengths, batch_size, group):
    """The order of the reference's DataLoader and collate: shuffled, groups sorted by text length, cut into batches."""
    order = list(range(len(lengths)))
    random.Random(0).shuffle(order)
    for start in range(0, len(order), batch_size * group):
        part = sorted(order[start:start + batch_size * group], key=lambda i: -len(lengths[i]))
        for at in range(0, len(part) - batch_size + 1, batch_size):
            yield part[at:at + batch_size]


def make_batch(torch, np, lengths, ids, symbols, rng):
    text_lens = np.array([len(lengths[i]) for i in ids])
    width = int(text_lens.max())
    texts, durations = np.zeros((len(ids), width), np.int64), np.zeros((len(ids), width), np.int64)
    pitches, energies = np.zeros((len(ids), width), np.float32), np.zeros((len(ids), width), np.float32)
    for row, i in enumerate(ids):
        n = len(lengths[i])
        texts[row, :n] = rng.integers(1, symbols, n)
        durations[row, :n] = lengths[i]
        pitches[row, :n] = rng.standard_normal(n)
        energies[row, :n] = rng.standard_normal(n)
    mel_lens = durations.sum(1)
    mels = np.zeros((len(ids), int(mel_lens.max()), 80), np.float32)
    for row, n in enumerate(mel_lens):
        mels[row, :n] = rng.standard_normal((n, 80)) * 2 - 5
    t = torch.from_numpy
    return (["x"] * len(ids), ["x"] * len(ids), torch.zeros(len(ids), dtype=torch.long), t(texts), t(text_lens), width,
            t(mels), t(mel_lens), int(mel_lens.max()), t(pitches), t(energies), t(durations))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lengths")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batches", type=int, default=0, help="stop after so many steps; 0 = all")
    args = parser.parse_args()
    lengths = json.load(open(args.lengths))
    load_reference()
    import numpy as np
    import torch
    import yaml
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    from model import FastSpeech2, FastSpeech2Loss, ScheduledOptim
    from text.symbols import symbols
    preprocess, model_config, train_config = (yaml.safe_load(open(f"config/LJSpeech/{n}.yaml")) for n in ("preprocess", "model", "train"))
    stats = os.path.join(preprocess["path"]["preprocessed_path"], "stats.json")
    if not os.path.exists(stats):
        sys.exit(f"the checkout lacks {stats}")
    model = FastSpeech2(preprocess, model_config)
    model.train()
    optimizer = ScheduledOptim(model, train_config, model_config, 0)
    loss_of = FastSpeech2Loss(preprocess, model_config)
    rng = np.random.default_rng(1)
    todo = list(batches(lengths, 16, 4))
    if args.batches:
        todo = todo[:args.batches]
    real = padded = 0
    seconds = 0.0
    for number, ids in enumerate([todo[0]] + todo):  # the first one twice: a warm-up that is not counted
        batch = make_batch(torch, np, lengths, ids, len(symbols), rng)
        start = time.process_time()
        output = model(*batch[2:])
        loss = loss_of(batch, output)[0]
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step_and_update_lr()
        optimizer.zero_grad()
        if number:
            seconds += time.process_time() - start
            real += int(batch[7].sum())
            padded += batch[8] * len(ids)
    print(json.dumps({"real_frames": real, "padded_frames": padded, "cpu_s": seconds, "frames_per_cpu_s": real / seconds, "steps": len(todo)}))


if __name__ == "__main__":
    main()
