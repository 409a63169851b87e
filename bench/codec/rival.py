"""EnCodec 24 kHz in PyTorch, random weights: rival.py SECONDS CODEBOOKS TIMES WEIGHTS. Writes the weights, as the encodec package would,
for the other side; prints {"encode", "decode"}: the fastest CPU seconds a second of audio. $TIMBRE_REFS holds a checkout of
facebookresearch/encodec in encodec/."""
import json
import os
import sys
import time
import types

import torch

SECONDS, CODEBOOKS, TIMES, WEIGHTS = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
torch.set_num_threads(1)
torch.manual_seed(0)
sys.path.insert(0, os.path.join(os.environ["TIMBRE_REFS"], "encodec"))
sys.modules["torchaudio"] = types.ModuleType("torchaudio")  # only its resampler is used, and not here
from encodec.model import EncodecModel  # noqa: E402

model = EncodecModel.encodec_model_24khz(pretrained=False).eval()
for layer in model.quantizer.vq.layers:
    layer._codebook.inited.fill_(1)
    layer._codebook.embed.normal_()
torch.save(model.state_dict(), WEIGHTS)
model.bandwidth = CODEBOOKS * 0.75
wave = torch.rand(1, 1, int(24000 * SECONDS)) * 0.2 - 0.1


def fastest(act):
    best = float("inf")
    for _ in range(TIMES):
        began = time.process_time()
        act()
        best = min(best, time.process_time() - began)
    return best / SECONDS


with torch.inference_mode():
    frames = model.encode(wave)
    model.decode(frames)
    print(json.dumps({"encode": fastest(lambda: model.encode(wave)), "decode": fastest(lambda: model.decode(frames))}))
