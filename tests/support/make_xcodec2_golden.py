"""Makes tests/golden/xcodec2 anew; needs torch, transformers >= 5.23 (Xcodec2Model), safetensors and numpy."""
import json
import os

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import save_file
from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2BertConfig, Xcodec2Config, Xcodec2Model

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "xcodec2")
SIZES = {"semantic_hidden": 16, "hidden_dim": 32, "ngf": 2, "depth": 1, "heads": 2, "semantic_layers": 16,
         "semantic_heads": 2, "semantic_ffn": 16}
extractor = SeamlessM4TFeatureExtractor(feature_size=80, num_mel_bins=80, padding_value=1.0, sampling_rate=16000, stride=2)


def make_model():
    torch.manual_seed(1)
    semantic = Wav2Vec2BertConfig(hidden_size=16, intermediate_size=16, num_attention_heads=2, num_hidden_layers=16,
                                  position_embeddings_type="relative_key", output_hidden_size=16)
    config = Xcodec2Config(hidden_size=32, intermediate_size=128, num_hidden_layers=1, num_attention_heads=2,
                           num_key_value_heads=2, head_dim=16, encoder_hidden_size=2, quantization_dim=48,
                           semantic_model_config=semantic.to_dict())
    model = Xcodec2Model(config).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if ".act." in name or name.endswith("bias"):
                p.uniform_(-0.3, 0.3)
            elif p.dim() == 1:
                p.uniform_(0.5, 1.5)
            else:
                p.normal_(0, (0.6 if name.startswith("acoustic_encoder") else 0.8) / max(1, p[0].numel()) ** 0.5)
    return model


def wave(samples, seed):
    rng = np.random.default_rng(seed)
    t = np.arange(samples) / 16000
    pitch = 110 + 60 * np.sin(2 * np.pi * 1.3 * t + seed)
    voiced = sum(np.sin(k * 2 * np.pi * np.cumsum(pitch) / 16000) / k for k in range(1, 20))
    loud = 0.05 + 0.2 * np.clip(np.sin(2 * np.pi * 2.1 * t), 0, None)
    return torch.tensor((voiced * loud + 0.01 * rng.standard_normal(samples)).astype(np.float32))[None]


def feats(w):
    return torch.tensor(extractor(F.pad(w[0], (160, 160)).numpy(), sampling_rate=16000, return_tensors="np")["input_features"])


@torch.no_grad()
def main():
    model = make_model()
    cases, given, tensors = {}, {}, {}
    quantizer, decoder = model.quantizer, model.acoustic_decoder

    def encode(w, x):
        hidden = model.semantic_encoder(x).last_hidden_state
        semantic = model.semantic_adapter(hidden.transpose(1, 2))
        acoustic = model.acoustic_encoder(w[:, None])
        joined = model.fc_encoder(torch.cat([semantic, acoustic], 1).transpose(1, 2))
        z = quantizer.project_in(joined)
        twice = quantizer.quantizer.bound(quantizer.quantizer.bound(z))
        margin = ((twice - 0.5).round() + 0.5 - twice).abs().amin(-1)
        codes = quantizer(joined)[1].transpose(1, 2).long()
        return {"semantic_hidden16": hidden, "semantic": semantic, "acoustic": acoustic, "fc_prior": joined.transpose(1, 2),
                "fsq_z": z, "fsq_bounded_twice": twice, "fsq_margin": margin, "codes": codes}

    def decode(codes):
        vectors = quantizer.from_codes(codes.transpose(1, 2))
        return {"dequantized": vectors, "fc_post_a": decoder.fc(vectors), "wav_out": decoder(vectors)}

    # Numbers before the tanh that reach all levels.
    padded = F.pad(wave(24000, 0), (0, 320))
    z = encode(padded, feats(padded))["fsq_z"]
    scale = 0.7 / z.std((0, 1))
    quantizer.project_in.bias.copy_((quantizer.project_in.bias - z.mean((0, 1))) * scale)
    quantizer.project_in.weight.mul_(scale[:, None])

    for number, (name, samples) in enumerate({"long": 21000, "multiple_of_320": 2560, "short": 1500}.items()):
        w = wave(samples, number)
        padded = F.pad(w, (0, 320 - samples % 320))
        x = feats(padded)
        entry = {"wav": w, "feats": x, **encode(padded, x)}
        entry.update(decode(entry["codes"]))
        tensors.update({f"{name}.{k}": v for k, v in entry.items()})
        given.update({f"{name}.feats": x, f"{name}.codes": entry["codes"]})
        cases[name] = {"samples": samples, "padded_samples": padded.shape[1], "codes": entry["codes"].shape[2],
                       "distinct_codes": entry["codes"].unique().numel(), "min_fsq_margin": entry["fsq_margin"].min().item()}
    exact = make_model().double().acoustic_encoder(F.pad(wave(21000, 0), (0, 120))[:, None].double())
    print("single precision costs", (exact - tensors["long.acoustic"]).abs().max().item())
    for n in (5, 23):
        codes = torch.randint(0, 65536, (1, 1, n), generator=torch.Generator().manual_seed(n))
        tensors.update({f"decode{n}.codes": codes, f"decode{n}.wav_out": decode(codes)["wav_out"]})
        given[f"decode{n}.codes"] = codes

    waves = [wave(s, 10 + i) for i, s in enumerate((1280, 999))]
    own = [feats(w) for w in waves]
    longest = max(x.shape[1] for x in own)
    padded_wavs = torch.stack([F.pad(w, (0, longest * 320 - w.shape[1]))[:, :longest * 320] for w in waves])
    padded_feats = torch.cat([F.pad(x, (0, 0, 0, longest - x.shape[1])) for x in own])
    together = encode(padded_wavs[:, 0], padded_feats)
    tensors.update({"batch.padded_wavs": padded_wavs, "batch.padded_feats": padded_feats, "batch.codes": together["codes"],
                    "batch.fsq_margin": together["fsq_margin"]})
    given.update({"batch.padded_feats": padded_feats, "batch.codes": together["codes"]})
    for i, (w, x) in enumerate(zip(waves, own)):
        tensors.update({f"batch.wav{i}": w, f"batch.feats{i}": x})
        given[f"batch.feats{i}"] = x
    batch = [{"samples": w.shape[1], "kept": w.shape[1] // 320} for w in waves]

    margins = [v.min().item() for k, v in tensors.items() if k.endswith("fsq_margin")]
    assert min(margins) > 1e-4, margins
    assert all(c["distinct_codes"] > 0.6 * c["codes"] for c in cases.values()), cases
    model.save_pretrained(os.path.join(HERE, "transformers"))
    for name, table in (("cases", tensors), ("given", given)):
        save_file({k: v.contiguous().clone() for k, v in table.items()}, os.path.join(HERE, name + ".safetensors"))
    with open(os.path.join(HERE, "cases.json"), "w") as f:
        json.dump({"parameters": SIZES, "cases": cases, "batch": batch, "transformers": transformers.__version__,
                   "torch": torch.__version__}, f, indent=1)


main()
