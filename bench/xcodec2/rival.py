#!/usr/bin/env python3
"""The rival of the X-Codec 2 benchmark: transformers' Xcodec2Model, one recording at a time.

  rival.py make FOLDER            a model of half the published widths with random weights, and its files
  rival.py code FOLDER SECONDS    codes and decodes made-up recordings of so many seconds with it, on one thread

`code` prints one JSON line: CPU seconds a second of sound of encoding (features included) and of decoding."""
import json
import sys
import time
import types

if "torchaudio" not in sys.modules:  # only its Python part is needed; its library may be built for another torch
    library = types.ModuleType("torchaudio._extension")
    library._IS_TORCHAUDIO_EXT_AVAILABLE = library._IS_ALIGN_AVAILABLE = False
    library._load_lib = lambda *_, **__: False
    library.fail_if_no_align = lambda function: function
    sys.modules["torchaudio._extension"] = library

import torch  # noqa: E402
from transformers import Wav2Vec2BertConfig, Xcodec2Config, Xcodec2FeatureExtractor, Xcodec2Model  # noqa: E402


def make(folder):
    torch.manual_seed(0)
    semantic = Wav2Vec2BertConfig(hidden_size=512, intermediate_size=2048, num_attention_heads=8, num_hidden_layers=16,
                                  output_hidden_size=512)
    config = Xcodec2Config(hidden_size=512, intermediate_size=2048, num_hidden_layers=12, num_attention_heads=8,
                           num_key_value_heads=8, encoder_hidden_size=48, quantization_dim=1024,
                           semantic_model_config=semantic.to_dict())
    Xcodec2Model(config).eval().save_pretrained(folder)


@torch.no_grad()
def code(folder, seconds):
    torch.set_num_threads(1)
    model, extractor = Xcodec2Model.from_pretrained(folder).eval(), Xcodec2FeatureExtractor()

    def encode(wave):
        inputs = extractor(wave, sampling_rate=16000, return_tensors="pt")
        return model.encode(inputs["input_values"], inputs["input_features"]).audio_codes

    wave = torch.randn(16000 * seconds) * 0.1
    codes = encode(wave)  # warm

    def fastest(act):
        spent = []
        for _ in range(2):
            begun = time.process_time()
            act()
            spent.append(time.process_time() - begun)
        return min(spent) / seconds

    print(json.dumps({"encode": fastest(lambda: encode(wave)), "decode": fastest(lambda: model.decode(codes))}))


if sys.argv[1] == "make":
    make(sys.argv[2])
else:
    code(sys.argv[2], int(sys.argv[3]))
