"""CPU seconds of a training step of lifeiteng/vall-e in PyTorch, one thread: its network, its ScaledAdam, dropout on, a batch of 375 frames and 60 tokens.
    rival.py --stage 1 --dim 256 --heads 8 --layers 4 --batch 4 --steps 3      $TIMBRE_REFS/lifeiteng_vall-e is the checkout"""
import argparse
import json
import os
import random
import sys
import time
import types
from unittest.mock import MagicMock

import torch

options = argparse.ArgumentParser()
for name, value in (("stage", 1), ("dim", 256), ("heads", 8), ("layers", 4), ("batch", 4), ("steps", 3)):
    options.add_argument("--" + name, type=int, default=value)
o = options.parse_args()
torch.set_num_threads(1)
torch.manual_seed(0)


class Accuracy(torch.nn.Module):
    """Ten best of the classes, as torchmetrics counts them."""

    def __init__(self, *_, top_k=10, ignore_index=1024, **__):
        super().__init__()
        self.top_k, self.ignore = top_k, ignore_index

    def forward(self, logits, targets):
        hits = (logits.transpose(1, 2).topk(self.top_k, -1).indices == targets[..., None]).any(-1)
        keep = targets != self.ignore
        return hits[keep].float().mean()


def stub(name, **what):
    module = types.ModuleType(name)
    module.__dict__.update(what)
    sys.modules[name] = module


def pad_mask(lengths, most=0):
    return torch.arange(max(int(most), int(lengths.max())))[None] >= lengths[:, None]


stub("icefall"), stub("icefall.utils", make_pad_mask=pad_mask, AttributeDict=dict, str2bool=bool)
stub("torchmetrics"), stub("torchmetrics.classification", MulticlassAccuracy=Accuracy, BinaryAccuracy=Accuracy)
stub("lhotse"), stub("lhotse.utils", fix_random_seed=lambda seed: None)
for missing in ("matplotlib", "matplotlib.pyplot"):
    sys.modules[missing] = MagicMock()
stub("valle.data"), stub("valle.data.input_strategies", PromptedFeatures=type("PromptedFeatures", (), {}))
sys.path.insert(0, os.path.join(os.environ["TIMBRE_REFS"], "lifeiteng_vall-e"))
import valle.models  # noqa: E402
from valle.modules.optim import ScaledAdam  # noqa: E402

network = sys.modules["valle.models.valle"].VALLE(o.dim, o.heads, o.layers, norm_first=True, add_prenet=False, prefix_mode=1, share_embedding=True, nar_scale_factor=1.0,
                                                  prepend_bos=False, num_quantizers=8)
network.train()
named = list(network.stage_named_parameters(o.stage))
rule = ScaledAdam([p for _, p in named], lr=0.05, betas=(0.9, 0.95), clipping_scale=2.0, parameters_names=[[n for n, _ in named]], show_dominant_parameters=False,
                  clipping_update_period=1000)
text, text_lens = torch.randint(3, 100, (o.batch, 60)), torch.full((o.batch,), 60)
codes, code_lens = torch.randint(0, 1024, (o.batch, 375, 8)), torch.full((o.batch,), 375)


def step():
    network.rng = random.Random(0)
    _, loss, _ = network(x=text, x_lens=text_lens, y=codes, y_lens=code_lens, train_stage=o.stage)
    loss.backward()
    rule.step()
    rule.zero_grad()


step()
seconds = []
for _ in range(o.steps):
    begin = time.process_time()
    step()
    seconds.append(time.process_time() - begin)
print(json.dumps({"cpu_s": sorted(seconds)[len(seconds) // 2], "best_cpu_s": min(seconds)}))
