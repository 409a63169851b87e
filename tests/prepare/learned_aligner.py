#!/usr/bin/env python3
"""A learned aligner on the same clips and phones as ours, to compare with: what docs/aligner.md's table was measured with.

    timbre prepare corpora/en --for fastspeech2 --front-end arpabet:en --only phonemes
    .venv/bin/python tests/prepare/learned_aligner.py corpora/en grids --epochs 120
    python3 tests/prepare/aligner_accuracy.py grids ../shared/golden/aligner

Phones and mel frames are embedded by small convolutions, their distances give a soft alignment, trained by the forward sum over all monotonic
paths with a beta-binomial prior; a hard path is the best monotonic one (Badlani et al., "One TTS Alignment To Rule Them All", 2021). Writes
TextGrids and prints the CPU seconds. 16 kHz WAV clips.
"""
import argparse
import json
import pathlib
import random
import resource
import sys
import wave

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import columns  # noqa: E402

RATE, HOP, FFT, WINDOW, MELS = 16000, 160, 1024, 400, 80


def cpu_s():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def filters():
    """Triangles on the mel scale, MELS × (FFT / 2 + 1)."""
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, MELS + 2) / 2595) - 1)
    hz = np.linspace(0, RATE / 2, FFT // 2 + 1)
    up = (hz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    down = (edges[2:, None] - hz) / np.diff(edges)[1:, None]
    return torch.tensor(np.maximum(0, np.minimum(up, down)), dtype=torch.float32)


class Aligner(nn.Module):
    """ln p(phone | frame) without the softmax, [B, frames, phones]."""

    def __init__(self, symbols, width=256):
        super().__init__()
        self.embedding = nn.Embedding(symbols, width)
        self.key = nn.Sequential(nn.Conv1d(width, 2 * width, 3, padding=1), nn.ReLU(), nn.Conv1d(2 * width, MELS, 1))
        self.query = nn.Sequential(nn.Conv1d(MELS, 2 * MELS, 3, padding=1), nn.ReLU(), nn.Conv1d(2 * MELS, MELS, 1), nn.ReLU(), nn.Conv1d(MELS, MELS, 1))

    def forward(self, phones, mel):
        k, q = self.key(self.embedding(phones).transpose(1, 2)), self.query(mel)
        return -0.0005 * ((q**2).sum(1)[:, :, None] + (k**2).sum(1)[:, None, :] - 2 * torch.einsum("bcf,bcp->bfp", q, k))


def prior(phones, frames):
    """ln of the beta-binomial prior, frames × phones."""
    x = torch.arange(phones, dtype=torch.float64)[None]
    a = torch.arange(1, frames + 1, dtype=torch.float64)[:, None]
    b, n = frames + 1 - a, torch.tensor(phones - 1.0, dtype=torch.float64)

    def beta(p, q):
        return torch.lgamma(p) + torch.lgamma(q) - torch.lgamma(p + q)

    return (torch.lgamma(n + 1) - torch.lgamma(x + 1) - torch.lgamma(n - x + 1) + beta(x + a, n - x + b) - beta(a, b)).float()


def forward_sum(logits, priors, frames, phones):
    """CTC over the phones in their order, with a blank of ln probability -1."""
    most = logits.shape[2]
    absent = torch.arange(most)[None, :] >= phones[:, None]
    soft = torch.log_softmax(logits.masked_fill(absent[:, None, :], -1e9), -1) + priors
    soft = F.pad(soft, (1, 0), value=-1.0).masked_fill(F.pad(absent, (1, 0))[:, None, :], -1e9)
    targets = torch.arange(1, most + 1)[None].expand(len(phones), -1)
    return F.ctc_loss(torch.log_softmax(soft, -1).transpose(0, 1), targets, frames, phones, zero_infinity=True)


def best_path(score):
    """Frame → phone, each phone at least one frame, on frames × phones."""
    frames, phones = score.shape
    value, moved = np.full(phones, -1e9), np.zeros((frames, phones), bool)
    value[0] = score[0, 0]
    for f in range(1, frames):
        step = np.concatenate([[-1e9], value[:-1]])
        moved[f] = step >= value
        value = np.maximum(value, step) + score[f]
    path, at = np.zeros(frames, int), phones - 1
    for f in range(frames - 1, -1, -1):
        path[f] = at
        at -= int(moved[f, at])
    return path


def read_clips(corpus):
    """(id, phones, word numbers, mel, seconds) of every utterance, mels normalised over the corpus."""
    made, bank, window, clips = columns.read_columns(corpus), filters(), torch.hann_window(WINDOW), []
    for line in (corpus / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        utterance = json.loads(line)
        phones = made["phonemes"][utterance["id"]][2].decode().split()
        words = np.frombuffer(made["phoneme_words"][utterance["id"]][2], "<i8").tolist()
        with wave.open(str(corpus / utterance["audio"])) as sound:
            samples = torch.from_numpy(np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype("f4") / 32768)
        mel = torch.log(torch.clamp(bank @ torch.stft(samples, FFT, HOP, WINDOW, window, return_complex=True).abs(), min=1e-5))
        clips.append((utterance["id"], phones, words, mel, len(samples) / RATE))
    every = torch.cat([clip[3] for clip in clips], 1)
    mean, deviation = every.mean(1, keepdim=True), every.std(1, keepdim=True)
    return [(name, phones, words, (mel - mean) / deviation, seconds) for name, phones, words, mel, seconds in clips]


def train(clips, symbols, epochs, rate):
    net = Aligner(len(symbols))
    optimiser = torch.optim.Adam(net.parameters(), rate)
    for _ in range(epochs):
        order = sorted(clips, key=lambda clip: clip[3].shape[1] + 40 * random.random())
        batches = [order[i:i + 16] for i in range(0, len(order), 16)]
        random.shuffle(batches)
        for batch in batches:
            frames, phones = (torch.tensor([size(clip) for clip in batch]) for size in (lambda c: c[3].shape[1], lambda c: len(c[1])))
            mel, ids = torch.zeros(len(batch), MELS, int(frames.max())), torch.zeros(len(batch), int(phones.max()), dtype=torch.long)
            priors = torch.zeros(len(batch), int(frames.max()), int(phones.max()))
            for row, clip in enumerate(batch):
                mel[row, :, :frames[row]] = clip[3]
                ids[row, :phones[row]] = torch.tensor([symbols[p] for p in clip[1]])
                priors[row, :frames[row], :phones[row]] = prior(int(phones[row]), int(frames[row]))
            loss = forward_sum(net(ids, mel), priors, frames, phones)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
    return net


def textgrid(net, symbols, clip):
    _, phones, word_of_phone, mel, seconds = clip
    with torch.no_grad():
        score = torch.log_softmax(net(torch.tensor([[symbols[p] for p in phones]]), mel[None])[0], -1) + prior(len(phones), mel.shape[1])
    path = best_path(score.numpy())
    ends = [(np.nonzero(path == i)[0].max() + 0.5) * HOP / RATE for i in range(len(phones))]
    ends[-1] = seconds
    spans = list(zip([0.0, *ends[:-1]], ends, phones))
    words = {}
    for (start, end, _), word in zip(spans, word_of_phone):
        if word >= 0:
            words.setdefault(word, [start, end])[1] = end

    def tier(number, name, rows):
        head = f'    item [{number}]:\n        class = "IntervalTier" \n        name = "{name}" \n        xmin = 0 \n        xmax = {seconds} \n'
        body = "".join(f'        intervals [{i}]:\n            xmin = {a} \n            xmax = {b} \n            text = "{label}" \n' for i, (a, b, label) in enumerate(rows, 1))
        return f"{head}        intervals: size = {len(rows)} \n{body}"

    return 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n' + tier(1, "words", [(a, b, f"word {w}") for w, (a, b) in words.items()]) + tier(2, "phones", spans)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--epochs", type=int, default=120)
    parser.add_argument("--rate", type=float, default=5e-3)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    random.seed(0)
    clips = read_clips(arguments.corpus)
    symbols = {phone: i for i, phone in enumerate(sorted({p for clip in clips for p in clip[1]}))}
    began = cpu_s()
    net = train(clips, symbols, arguments.epochs, arguments.rate)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for clip in clips:
        (arguments.out / f"{clip[0]}.TextGrid").write_text(textgrid(net, symbols, clip), encoding="utf-8")
    print(f"{arguments.epochs} epochs and {len(clips)} clips aligned: {cpu_s() - began:.0f} CPU s")


if __name__ == "__main__":
    main()
