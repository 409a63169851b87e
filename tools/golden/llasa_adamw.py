"""Adds runs of torch.optim.AdamW(fused=True) to a golden set of the kind llasa_lm, with other sizes and settings than the whole set. Usage: llasa_adamw.py SET
(set.json is not changed)."""
import json
import math
import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import get_cosine_schedule_with_warmup

STEPS, WARM = 5, 1
SETTINGS = {"lr": 4e-3, "betas": [0.85, 0.97], "eps": 1e-7, "weight_decay_p": 0.1, "weight_decay_q": 0.03, "warmup_steps": WARM, "total_steps": STEPS}


def run(kind, dtype, out):
    generator = torch.Generator().manual_seed(21)
    values = {"p": torch.randn(13, 11, generator=generator).to(dtype).requires_grad_(), "q": torch.randn(70, generator=generator).to(dtype).requires_grad_()}
    optimiser = torch.optim.AdamW([{"params": [value], "weight_decay": SETTINGS["weight_decay_" + name]} for name, value in values.items()], lr=SETTINGS["lr"],
                                  betas=SETTINGS["betas"], eps=SETTINGS["eps"], fused=True)
    schedule = get_cosine_schedule_with_warmup(optimiser, WARM, STEPS)
    used = []
    for name, value in values.items():
        out[f"adamw.{kind}.{name}0"] = value.detach().clone()
    for step in range(STEPS):
        used.append(optimiser.param_groups[0]["lr"])
        for name, value in values.items():
            # From far below to far above 1, and some zeros: a moment that is tiny in bf16 counts as well.
            grad = torch.randn(value.shape, generator=generator) * 10 ** (6 * torch.rand(value.shape, generator=generator) - 4)
            value.grad = torch.where(torch.rand(value.shape, generator=generator) < 0.05, torch.zeros(()), grad).to(dtype)
            out[f"adamw.{kind}.{name}g{step}"] = value.grad.clone()
        optimiser.step()
        schedule.step()
        for name, value in values.items():
            out[f"adamw.{kind}.{name}{step + 1}"] = value.detach().clone()
    for moment in ("exp_avg", "exp_avg_sq"):
        out[f"adamw.{kind}.{moment}{STEPS}"] = optimiser.state[values["p"]][moment].clone()
    assert all(math.isfinite(value.detach().float().sum()) for value in values.values())
    return {**SETTINGS, "lr_used": used}


def main():
    root = sys.argv[1]
    torch.set_num_threads(1)
    tensors, cases = load_file(f"{root}/gradients_and_adamw.safetensors"), json.load(open(f"{root}/cases.json"))
    for kind, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        cases["adamw_" + kind] = run(kind, dtype, tensors)
    save_file(tensors, f"{root}/gradients_and_adamw.safetensors")
    json.dump(cases, open(f"{root}/cases.json", "w"), indent=1)


if __name__ == "__main__":
    main()
