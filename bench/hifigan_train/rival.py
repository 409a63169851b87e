"""rival.py REFERENCE ITEMS STEPS: CPU seconds of the reference's training step, as its train.py takes it (its mel in today's torch.stft)."""
import itertools
import json
import os
import sys
import time
import types

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.manual_seed(0)
root, items, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sys.path.insert(0, root)
for name in ("matplotlib", "matplotlib.pylab"):  # its utils.py draws pictures
    sys.modules.setdefault(name, types.ModuleType(name))
sys.modules["matplotlib"].use = lambda *words: None
sys.modules["matplotlib"].pylab = sys.modules["matplotlib.pylab"]
from env import AttrDict  # noqa: E402
import models  # noqa: E402

h = AttrDict(json.load(open(os.path.join(root, "config_v1.json"))))
generator, mpd, msd = models.Generator(h), models.MultiPeriodDiscriminator(), models.MultiScaleDiscriminator()
optim_g = torch.optim.AdamW(generator.parameters(), h.learning_rate, betas=(h.adam_b1, h.adam_b2))
optim_d = torch.optim.AdamW(itertools.chain(msd.parameters(), mpd.parameters()), h.learning_rate, betas=(h.adam_b1, h.adam_b2))
y = torch.randn(items, 1, h.segment_size) * 0.1
x = torch.randn(items, 80, h.segment_size // h.hop_size)
filters, window = torch.rand(80, h.n_fft // 2 + 1), torch.hann_window(h.win_size)


def mel(wave):
    wave = F.pad(wave, ((h.n_fft - h.hop_size) // 2,) * 2, mode="reflect").squeeze(1)
    spectrum = torch.view_as_real(torch.stft(wave, h.n_fft, h.hop_size, h.win_size, window, center=False, return_complex=True))
    return torch.log(torch.clamp(filters @ torch.sqrt(spectrum.pow(2).sum(-1) + 1e-9), min=1e-5))


y_mel = mel(y)


def step():
    fake = generator(x)
    fake_mel = mel(fake)
    optim_d.zero_grad()
    real_p, fake_p, _, _ = mpd(y, fake.detach())
    real_s, fake_s, _, _ = msd(y, fake.detach())
    (models.discriminator_loss(real_s, fake_s)[0] + models.discriminator_loss(real_p, fake_p)[0]).backward()
    optim_d.step()
    optim_g.zero_grad()
    loss = F.l1_loss(y_mel, fake_mel) * 45
    _, fake_p, features_pr, features_pf = mpd(y, fake)
    _, fake_s, features_sr, features_sf = msd(y, fake)
    loss = loss + models.feature_loss(features_pr, features_pf) + models.feature_loss(features_sr, features_sf)
    (loss + models.generator_loss(fake_p)[0] + models.generator_loss(fake_s)[0]).backward()
    optim_g.step()


step()
best = float("inf")
for _ in range(steps):
    begin = time.process_time()
    step()
    best = min(best, time.process_time() - begin)
print(json.dumps({"best_cpu_s": best}))
