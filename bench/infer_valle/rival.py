"""VALL-E's references at 1024 × 12 × 16 with random weights, one thread, fp32: frames a CPU second of their autoregressive loops.
rival.py cached TOKENS     Plachtaa's VALL-E X, which keeps keys and values: whole utterance, then its NAR passes
rival.py uncached TOKENS   lifeiteng's vall-e, which computes everything anew for every frame: steps timed at the beginning, the middle
                           and the end of the utterance and integrated (Simpson), as a whole one takes many minutes
225 frames of prompt, 120 tokens of text; the end of speech is never drawn. Checkouts under $TIMBRE_REFS: VALL-E-X, vall-e."""
import contextlib
import io
import json
import os
import sys
import time
import types

os.environ["OMP_NUM_THREADS"] = "1"
import torch

WHICH, TOKENS = sys.argv[1], int(sys.argv[2])
DIM, HEADS, LAYERS, PROMPT, TEXT, END = 1024, 16, 12, 225, 120, 1024
torch.set_num_threads(1)
torch.manual_seed(0)


def module(name, **members):
    """What a reference imports and does not need here."""
    made = types.ModuleType(name)
    made.__dict__.update(members)
    made.__getattr__ = lambda _: None
    sys.modules[name] = made


class Accuracy(torch.nn.Module):
    def __init__(self, *_, **__):
        super().__init__()


def pad_mask(lengths, longest=0):
    return torch.arange(max(int(longest), int(lengths.max())))[None] >= lengths[:, None]


def network():
    module("matplotlib", use=lambda *_: None)
    module("matplotlib.pyplot")
    module("torchmetrics")
    module("torchmetrics.classification", BinaryAccuracy=Accuracy, MulticlassAccuracy=Accuracy)
    features = type("PromptedFeatures", (), {})
    sys.path.insert(0, os.path.join(os.environ.get("TIMBRE_REFS", ""), "VALL-E-X" if WHICH == "cached" else "vall-e"))
    if WHICH == "cached":
        module("data")
        module("data.input_strategies", PromptedFeatures=features)
        module("utils", Transpose=torch.nn.Identity, make_pad_mask=pad_mask)
        import models.vallex as code
    else:
        module("icefall")
        module("icefall.utils", make_pad_mask=pad_mask, AttributeDict=dict, str2bool=bool)
        module("lhotse")
        module("lhotse.utils", fix_random_seed=lambda _: None)
        module("valle.data")
        module("valle.data.input_strategies", PromptedFeatures=features)
        import valle.models.valle as code
    made = code.VALLE(DIM, HEADS, LAYERS, norm_first=True, add_prenet=False, prefix_mode=1, share_embedding=True, nar_scale_factor=1.0,
                      prepend_bos=True, num_quantizers=8).eval()
    return code, made.requires_grad_(False)


class Watch:
    """Stands before the reference's own draw: notes the time of every frame, never lets the end be drawn before `limit` frames."""

    def __init__(self, code, limit):
        self.draw, self.limit, self.cpu = code.topk_sampling, limit, [time.process_time()]
        code.topk_sampling = self

    def __call__(self, logits, *words, **more):
        logits[..., END] = -1e9  # what the loop looks at besides the draw
        drawn = self.draw(logits, *words, **more)
        tokens = drawn[0] if isinstance(drawn, tuple) else drawn
        self.cpu.append(time.process_time())
        tokens.clamp_(max=END - 1)
        if len(self.cpu) > self.limit + 1:
            tokens.fill_(END)
        return drawn


def speak(code, made, prompt, limit):
    """CPU times of the frames, and of the end."""
    text, lengths = torch.randint(1, 500, (1, TEXT)), torch.tensor([TEXT])
    languages = dict(prompt_language="en", text_language="en") if WHICH == "cached" else {}
    original = code.topk_sampling
    watch = Watch(code, limit)
    with torch.inference_mode(), contextlib.redirect_stdout(io.StringIO()):
        made.inference(text, lengths, torch.randint(0, 1024, (1, prompt, 8)), torch.tensor([TEXT // 2]), top_k=-100, temperature=1.0,
                       **languages)
    code.topk_sampling = original
    return watch.cpu, time.process_time()


code, made = network()
if WHICH == "cached":
    cpu, end = speak(code, made, PROMPT, TOKENS)
    steps = [b - a for a, b in zip(cpu[1:], cpu[2:])]
    print(json.dumps({"frames_per_cpu_s": len(steps) / sum(steps), "prefill_cpu_s": cpu[1] - cpu[0], "nar_cpu_s": end - cpu[-1],
                      "frames_per_cpu_s_best_tenth": 1 / sorted(steps)[len(steps) // 10]}))
else:
    made.num_quantizers = 1  # the AR part alone
    mean = 0
    for frames, weight in ((PROMPT, 1), (PROMPT + TOKENS // 2, 4), (PROMPT + TOKENS, 1)):
        cpu, _ = speak(code, made, frames, 2)
        mean += weight / 6 * min(b - a for a, b in zip(cpu[1:], cpu[2:]))
    print(json.dumps({"frames_per_cpu_s": 1 / mean}))
