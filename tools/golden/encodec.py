"""Makes tests/golden/encodec: the golden set `encodec` with networks small enough for the repository, of other sizes than
that set's. Needs facebookresearch/encodec, transformers and torchaudio: python encodec.py OUT"""
import copy
import json
import math
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import EncodecConfig
from transformers import EncodecModel as Transformers

from encodec import modules, quantization
from encodec.model import EncodecModel
from encodec.utils import convert_audio

KINDS = {
    "24khz": dict(channels=1, rate=24000, filters=2, dimension=3, ratios=[4, 5, 2, 2], books=4, bins=1024, bandwidths=[3.0, 6.0, 12.0], norm="weight_norm", causal=True, segment=None),
    "48khz": dict(channels=2, rate=48000, filters=2, dimension=2, ratios=[5, 4, 2], books=3, bins=1024, bandwidths=[12.0, 24.0, 36.0], norm="time_group_norm", causal=False, segment=0.1),
}
out = Path(sys.argv[1])
torch.manual_seed(5)
torch.set_num_threads(1)


def build(k):
    more = dict(channels=k["channels"], dimension=k["dimension"], n_filters=k["filters"], ratios=k["ratios"], norm=k["norm"], causal=k["causal"])
    quantizer = quantization.ResidualVectorQuantizer(dimension=k["dimension"], n_q=k["books"], bins=k["bins"])
    model = EncodecModel(modules.SEANetEncoder(**more), modules.SEANetDecoder(**more), quantizer, k["bandwidths"], k["rate"], k["channels"], normalize=not k["causal"], segment=k["segment"])
    state = model.state_dict()
    for name, tensor in state.items():
        if name.endswith("weight_g") or name.endswith("norm.weight"):
            tensor.mul_(1 + 0.3 * torch.randn_like(tensor)).mul_(1.6)
        elif name.endswith("norm.bias"):
            tensor.add_(0.1 * torch.randn_like(tensor))
        elif name.endswith("inited"):
            tensor.fill_(1)
        elif name.endswith("cluster_size"):
            tensor.copy_(torch.rand_like(tensor) * 50)
        elif name.endswith("embed") or name.endswith("embed_avg"):
            level = int(name.split(".")[3])
            tensor.copy_(torch.randn_like(tensor) * 0.7**level)
    return model.eval()


def transformers_twin(k, state, folder):
    config = EncodecConfig(target_bandwidths=k["bandwidths"], sampling_rate=k["rate"], audio_channels=k["channels"], normalize=not k["causal"], chunk_length_s=k["segment"], overlap=0.01 if k["segment"] else None,
                           hidden_size=k["dimension"], num_filters=k["filters"], upsampling_ratios=k["ratios"], norm_type=k["norm"], use_causal_conv=k["causal"], codebook_size=k["bins"], codebook_dim=k["dimension"])
    twin = Transformers(config)
    names = {}
    for name in state:
        new = name.replace(".model.", ".layers.").replace("quantizer.vq.", "quantizer.").replace("._codebook.", ".codebook.")
        for word in ("conv", "convtr"):
            new = new.replace(f".{word}.{word}.", ".conv.").replace(f".{word}.norm.", ".norm.")
        names[name] = new.replace("weight_g", "parametrizations.weight.original0").replace("weight_v", "parametrizations.weight.original1")
    wanted = set(twin.state_dict())
    twin.load_state_dict({names[n]: t for n, t in state.items() if names[n] in wanted})
    twin.save_pretrained(folder)
    old = {n.replace("parametrizations.weight.original0", "weight_g").replace("parametrizations.weight.original1", "weight_v"): t for n, t in twin.state_dict().items() if "quantizer" not in n}
    if k["causal"]:
        save_file({n: t.contiguous() for n, t in old.items()}, folder / "model_weight_g_noquant.safetensors")


def tones(channels, samples, seed):
    g = torch.Generator().manual_seed(seed)
    t = torch.arange(samples) / 24000
    parts = [0.3 * torch.sin(2 * math.pi * f * t) for f in (220 + 7 * seed, 1330, 3100)]
    return sum(parts) + 0.1 * torch.randn(1, channels, samples, generator=g)


def margins(model, emb, n_q):
    """float64: how much farther the second best codeword is, for every row."""
    rest, found = emb.double().transpose(1, 2), []
    for layer in model.quantizer.vq.layers[:n_q]:
        book = layer._codebook.embed.double()
        distances = torch.cdist(rest, book[None].expand(len(rest), -1, -1)) ** 2
        two = distances.topk(2, largest=False)
        found.append(two.values[..., 1] - two.values[..., 0])
        rest = rest - book[two.indices[..., 0]]
    return torch.stack(found, 1).float()


@torch.no_grad()
def make_24(model, cases):
    tensors, given, hop, k = {}, {}, int(model.encoder.hop_length), KINDS["24khz"]
    for i, (name, samples) in enumerate({"one": 2400, "odd": 1234, "short_1": 1, "short_3": 3, "short_hop": hop + 1}.items()):
        wav = tones(1, samples, i)
        emb = model.encoder(wav)
        codes = model.encode(wav)[0][0]
        tensors |= {f"{name}.wav": wav, f"{name}.emb": emb, f"{name}.codes": codes, f"{name}.margin": margins(model, emb, k["books"])}
        given[f"{name}.codes"] = codes.clone()
        for bandwidth in (3.0, 12.0) if name == "one" else (6.0,):
            rows = int(bandwidth * 1000 // (math.log2(k["bins"]) * model.frame_rate)) or 1
            quantized = model.quantizer.decode(codes[:, :rows].transpose(0, 1))
            tensors[f"{name}.quantized_bw{bandwidth:g}"] = quantized
            tensors[f"{name}.decoded_bw{bandwidth:g}"] = model.decoder(quantized)
        cases["cases"][name] = {"batch": 1, "samples": samples, "frames": codes.shape[-1], "valle_frames": (samples + hop // 2) // hop}
    lengths = [700, 411, 9]
    batch = torch.zeros(3, 1, 700)
    for i, length in enumerate(lengths):
        batch[i, :, :length] = tones(1, length, 20 + i)[0]
        model.set_target_bandwidth(6.0)
        tensors[f"batch.item{i}_alone_codes"] = model.encode(batch[i:i + 1, :, :length])[0][0]
        model.bandwidth = None
    tensors |= {"batch.wav": batch, "batch.emb": model.encoder(batch), "batch.codes": model.encode(batch)[0][0]}
    tensors["batch.margin"] = margins(model, tensors["batch.emb"], k["books"])
    given["batch.codes"] = tensors["batch.codes"].clone()
    cases["cases"]["batch"] = {"batch": 3, "samples": 700, "lengths": lengths, "valle_frames": [(n + hop // 2) // hop for n in lengths]}
    seen = []
    for half in ("encoder", "decoder"):
        for i, layer in enumerate(getattr(model, half).model):
            seen.append(layer.register_forward_hook(lambda _m, _x, y, at=f"layers.{half}.{i}": tensors.__setitem__(at, y.clone())))
    wav = tones(1, 240, 40)
    model.set_target_bandwidth(6.0)
    tensors |= {"layers.wav": wav, "layers.forward": model(wav)}
    model.bandwidth = None
    for hook in seen:
        hook.remove()
    cases["cases"]["layers"] = {"samples": 240, "bandwidth": 6.0}
    return tensors, given


@torch.no_grad()
def make_48(model, cases):
    tensors, given = {}, {}
    for i, (name, (samples, bandwidths)) in enumerate({"two_segments": (5300, (12.0, 36.0)), "short": (500, (24.0,)), "exact": (4800, (24.0,))}.items()):
        wav = tones(2, samples, 60 + i) * torch.tensor([1.0, 0.5])[None, :, None]
        tensors[f"{name}.wav"] = wav
        record = cases["cases_48k"][name] = {"batch": 1, "samples": samples, "bandwidths": {}}
        first = wav[..., : model.segment_length]
        scale = 1e-8 + first.mean(1, keepdim=True).pow(2).mean(2, keepdim=True).sqrt()
        tensors[f"{name}.emb0"] = model.encoder(first / scale)
        tensors[f"{name}.margin0"] = margins(model, tensors[f"{name}.emb0"], KINDS["48khz"]["books"])
        for bandwidth in bandwidths:
            model.set_target_bandwidth(bandwidth)
            frames = model.encode(wav)
            decoded = model.decode(frames)
            tensors[f"{name}.decoded_bw{bandwidth:g}"] = decoded
            for j, (codes, scale) in enumerate(frames):
                tensors[f"{name}.codes_bw{bandwidth:g}_{j}"] = codes
                given[f"{name}.codes_bw{bandwidth:g}_{j}"] = codes.clone()
                tensors[f"{name}.scale{j}"] = scale
                given[f"{name}.scale{j}"] = scale.clone()
            counts = [codes.shape[-1] for codes, _ in frames]
            record["segments"] = len(counts)
            record["bandwidths"][f"{bandwidth:g}"] = {"n_q": frames[0][0].shape[1], "segment_frames": counts, "decoded_samples": decoded.shape[-1], "hf_last_frame_pad_length": counts[0] - counts[-1]}
    return tensors, given


def make_resample():
    tensors = {}
    for a, b, n in ((16000, 24000, 401), (22050, 24000, 300), (24000, 16000, 301), (8000, 24000, 77)):
        tensors[f"rs{a}to{b}.wav"] = tones(1, n, 80)[0]
        tensors[f"rs{a}to{b}.out"] = convert_audio(tensors[f"rs{a}to{b}.wav"], a, b, 1)
    stereo = tones(2, 501, 90)[0]
    tensors |= {"stereo.wav": stereo, "stereo.to_mono_24000": convert_audio(stereo, 44100, 24000, 1), "stereo.to_stereo_48000": convert_audio(stereo, 44100, 48000, 2),
                "mono.to_stereo_48000": convert_audio(stereo[:1], 44100, 48000, 2), "stereo.same_rate_to_mono": convert_audio(stereo, 44100, 44100, 1)}
    return tensors


cases = {"cases": {}, "cases_48k": {}}
models = {kind: build(k) for kind, k in KINDS.items()}
for kind, k in KINDS.items():
    state = models[kind].state_dict()
    torch.save(state, out / f"encodec_{kind}.th")
    transformers_twin(k, copy.deepcopy(state), out / f"hf_{kind}")
    cases[f"model_{kind}"] = {"sample_rate": k["rate"], "target_bandwidths": k["bandwidths"]} | ({"segment_s": k["segment"], "overlap": 0.01} if k["segment"] else {})
made = {"24khz": make_24(models["24khz"], cases), "48khz": make_48(models["48khz"], cases)}
for kind, (tensors, given) in made.items():
    save_file({n: t.contiguous() for n, t in tensors.items()}, out / f"cases_{kind}.safetensors")
    save_file({n: t.contiguous() for n, t in given.items()}, out / f"given_{kind}.safetensors")
save_file({n: t.contiguous() for n, t in make_resample().items()}, out / "cases_resample.safetensors")
(out / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")
