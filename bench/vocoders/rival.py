"""HiFi-GAN (jik876) and Vocos (gemelo-ai) with random weights, in eager PyTorch and in onnxruntime.
rival.py make FOLDER           writes FOLDER/<name>/ in the originals' formats, and FOLDER/<name>.onnx
rival.py time FOLDER THREADS   JSON: name → {torch, ort}, each {cpu, wall}: seconds a second of audio, best of some passes
Checkouts under $TIMBRE_REFS: hifi-gan, vocos. Vocos in onnxruntime makes the spectrum; its inverse STFT, which the exporter cannot
write, is torch's, as a user would do it. `small` is Vocos' architecture at the size of our preset small."""
import json
import math
import os
import sys
import time
import types
import warnings

warnings.filterwarnings("ignore")
ACT, FOLDER = sys.argv[1], os.path.abspath(sys.argv[2])
THREADS = int(sys.argv[3]) if ACT == "time" else 1
os.environ["OMP_NUM_THREADS"] = str(THREADS)
import numpy as np
import onnxruntime
import torch

torch.set_num_threads(THREADS)
torch.manual_seed(0)
REFS = os.environ.get("TIMBRE_REFS", "")
FRAMES, PASSES = 431, 7
VOCOS = {"vocos": dict(rate=24000, mels=100, width=512, hidden=1536), "small": dict(rate=16000, mels=80, width=256, hidden=768)}


def module(name, **members):
    """What a reference imports and does not need here."""
    made = types.ModuleType(name)
    made.__dict__.update(members)
    sys.modules[name] = made
    return made


def hifigan(version):
    folder = os.path.join(REFS, "hifi-gan")
    module("matplotlib", use=lambda *_: None)
    module("matplotlib.pylab")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    from env import AttrDict
    from models import Generator
    with open(os.path.join(folder, f"config_{version}.json"), encoding="utf-8") as file:
        config = json.load(file)
    torch.manual_seed(0)
    return config, Generator(AttrDict(config)).eval()


class Polar(torch.nn.Module):
    """Backbone and head up to the spectrum."""

    def __init__(self, backbone, head):
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, mel):
        magnitude, phase = self.head.out(self.backbone(mel)).transpose(1, 2).chunk(2, dim=1)
        magnitude = torch.clip(torch.exp(magnitude), max=1e2)
        return magnitude * torch.cos(phase), magnitude * torch.sin(phase)


def vocos(name):
    for gone in [key for key in sys.modules if key in ("models", "utils", "env")]:
        del sys.modules[gone]
    module("torchaudio")
    module("torchaudio.functional")
    module("torchaudio.functional.functional", _hz_to_mel=lambda f, mel_scale="htk": 2595 * math.log10(1 + f / 700), _mel_to_hz=None)
    module("encodec", EncodecModel=object)
    module("vocos.pretrained", Vocos=object)
    if os.path.join(REFS, "vocos") not in sys.path:
        sys.path.insert(0, os.path.join(REFS, "vocos"))
    from vocos.heads import ISTFTHead
    from vocos.models import VocosBackbone
    size = VOCOS[name]
    torch.manual_seed(0)
    backbone = VocosBackbone(input_channels=size["mels"], dim=size["width"], intermediate_dim=size["hidden"], num_layers=8).eval()
    return backbone, ISTFTHead(dim=size["width"], n_fft=1024, hop_length=256, padding="center").eval()


def export(model, mel, path, outputs):
    with torch.no_grad():
        torch.onnx.export(model, (mel,), path, dynamo=False, opset_version=17, input_names=["mel"], output_names=outputs,
                          dynamic_axes={"mel": {2: "T"}, **{name: {2: "N"} for name in outputs}})


def make():
    for version in ("v1", "v2", "v3"):
        folder = os.path.join(FOLDER, version)
        os.makedirs(folder)
        config, generator = hifigan(version)
        with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
            json.dump(config, file)
        torch.save({"generator": generator.state_dict()}, os.path.join(folder, "g_00000000"))
        generator.remove_weight_norm()
        export(generator, torch.randn(1, 80, FRAMES), os.path.join(FOLDER, version + ".onnx"), ["wav"])
    for name, size in VOCOS.items():
        folder = os.path.join(FOLDER, name)
        os.makedirs(folder)
        backbone, head = vocos(name)
        state = {f"backbone.{key}": value for key, value in backbone.state_dict().items()}
        state |= {f"head.{key}": value for key, value in head.state_dict().items()}
        state["feature_extractor.mel_spec.spectrogram.window"] = torch.hann_window(1024)
        state["feature_extractor.mel_spec.mel_scale.fb"] = torch.zeros(513, size["mels"])
        torch.save(state, os.path.join(folder, "pytorch_model.bin"))
        with open(os.path.join(folder, "config.yaml"), "w", encoding="utf-8") as file:
            file.write(f"""feature_extractor:
  class_path: vocos.feature_extractors.MelSpectrogramFeatures
  init_args:
    sample_rate: {size["rate"]}
    n_fft: 1024
    hop_length: 256
    n_mels: {size["mels"]}
    padding: center
backbone:
  class_path: vocos.models.VocosBackbone
  init_args:
    input_channels: {size["mels"]}
    dim: {size["width"]}
    intermediate_dim: {size["hidden"]}
    num_layers: 8
head:
  class_path: vocos.heads.ISTFTHead
  init_args:
    dim: {size["width"]}
    n_fft: 1024
    hop_length: 256
    padding: center
""")
        export(Polar(backbone, head), torch.randn(1, size["mels"], FRAMES), os.path.join(FOLDER, name + ".onnx"), ["re", "im"])


def session(name):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
    return onnxruntime.InferenceSession(os.path.join(FOLDER, name + ".onnx"), options, providers=["CPUExecutionProvider"])


def best(calls, audio_s):
    """All in turn, so that what else the machine does falls on all; the first pass is not counted."""
    seen = {name: [(1e300, 1e300)] for name in calls}
    for number in range(PASSES + 1):
        for name, call in calls.items():
            cpu, wall = time.process_time(), time.perf_counter()
            call()
            if number:
                seen[name].append((time.process_time() - cpu, time.perf_counter() - wall))
    return {name: dict(cpu=min(c for c, _ in rows) / audio_s, wall=min(w for _, w in rows) / audio_s) for name, rows in seen.items()}


@torch.inference_mode()
def times():
    out = {}
    for version in ("v1", "v2", "v3"):
        _, generator = hifigan(version)
        generator.remove_weight_norm()
        mel, onnx = torch.randn(1, 80, FRAMES), session(version)
        out[version] = best({"torch": lambda: generator(mel), "ort": lambda: onnx.run(None, {"mel": mel.numpy()})}, FRAMES * 256 / 22050)
    for name, size in VOCOS.items():
        backbone, head = vocos(name)
        mel, onnx = torch.randn(1, size["mels"], FRAMES), session(name)

        def by_onnx():
            re, im = onnx.run(None, {"mel": mel.numpy()})
            return head.istft(torch.complex(torch.from_numpy(re), torch.from_numpy(im)))

        assert np.abs((head(backbone(mel)) - by_onnx()).numpy()).max() < 1e-4
        out[name] = best({"torch": lambda: head(backbone(mel)), "ort": by_onnx}, FRAMES * 256 / size["rate"])
    print(json.dumps(out))


make() if ACT == "make" else times()
