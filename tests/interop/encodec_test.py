"""EnCodec against the programs it came from: the encodec package ($TIMBRE_REFS holds a checkout in encodec/) and transformers load what we
wrote and give the golden codes. Each half is skipped by name where its program is not installed."""
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import types
import unittest

import torch

BUILD = os.environ.get("TIMBRE_BUILD", "build")
GOLDEN = pathlib.Path("tests/golden/encodec")
REFS = os.environ.get("TIMBRE_REFS", "")

try:
    from transformers import EncodecModel as Transformers
except ImportError:
    Transformers = None
if os.path.isdir(os.path.join(REFS, "encodec")):
    sys.path.insert(0, os.path.join(REFS, "encodec"))
    sys.modules.setdefault("torchaudio", types.ModuleType("torchaudio"))  # only its resampler is used, and not here


def load_file(path):
    """The tensors of a .safetensors file, all of them f32 or i64 here."""
    data = bytearray(pathlib.Path(path).read_bytes())
    begin = 8 + struct.unpack("<Q", data[:8])[0]
    out = {}
    for name, entry in json.loads(data[8:begin]).items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            kind = {"F32": torch.float32, "I64": torch.int64}[entry["dtype"]]
            out[name] = torch.frombuffer(data[begin + first:begin + last], dtype=kind).reshape(entry["shape"])
    return out


def convert(*words):
    subprocess.run([os.path.join(BUILD, "timbre"), "convert", *map(str, words)], check=True, capture_output=True)


def expect_same(test, ours, theirs):
    test.assertEqual(sorted(ours), sorted(theirs))
    for name in theirs:
        test.assertTrue(torch.equal(ours[name], theirs[name]), name)


class Weights(unittest.TestCase):
    def setUp(self):
        self.cases = load_file(GOLDEN / "cases_24khz.safetensors")

    def test_every_form_from_every_form(self):
        for kind in ("24khz", "48khz"):
            with tempfile.TemporaryDirectory() as folder:
                convert(GOLDEN / f"hf_{kind}", f"{folder}/a")
                convert(f"{folder}/a", f"{folder}/th", "--to", "encodec")
                convert(GOLDEN / f"encodec_{kind}.th", f"{folder}/b")
                convert(f"{folder}/b", f"{folder}/hf", "--to", "encodec-hf")
                expect_same(self, torch.load(f"{folder}/th/encodec.th", weights_only=True), torch.load(GOLDEN / f"encodec_{kind}.th", weights_only=True))
                expect_same(self, load_file(f"{folder}/hf/model.safetensors"), load_file(GOLDEN / f"hf_{kind}/model.safetensors"))

    @unittest.skipIf(Transformers is None, "transformers is not installed")
    def test_transformers_loads_what_we_write(self):
        for option in ("names=parametrizations", "names=weight_g"):
            with tempfile.TemporaryDirectory() as folder:
                # From its own folder: the .th cannot say the bandwidths of a small network, which transformers counts codebooks by.
                convert(GOLDEN / "hf_24khz", f"{folder}/ours")
                convert(f"{folder}/ours", f"{folder}/hf", "--to", "encodec-hf", "--option", option)
                model, seen = Transformers.from_pretrained(f"{folder}/hf", output_loading_info=True)
                self.assertFalse(any(seen.values()), seen)
                with torch.no_grad():
                    codes = model.eval().encode(self.cases["one.wav"], bandwidth=12.0).audio_codes[0]
                self.assertTrue(torch.equal(codes, self.cases["one.codes"]))

    @unittest.skipUnless(os.path.isdir(os.path.join(REFS, "encodec")), "no checkout of encodec under $TIMBRE_REFS")
    def test_the_encodec_package_loads_what_we_write(self):
        from encodec import modules, quantization
        from encodec.model import EncodecModel
        sizes = dict(channels=1, dimension=3, n_filters=2, ratios=[4, 5, 2, 2], norm="weight_norm", causal=True)
        books = quantization.ResidualVectorQuantizer(dimension=3, n_q=4, bins=1024)
        model = EncodecModel(modules.SEANetEncoder(**sizes), modules.SEANetDecoder(**sizes), books, [3.0, 6.0, 12.0], 24000, 1)
        with tempfile.TemporaryDirectory() as folder:
            convert(GOLDEN / "hf_24khz", f"{folder}/ours")
            convert(f"{folder}/ours", f"{folder}/th", "--to", "encodec")
            model.load_state_dict(torch.load(f"{folder}/th/encodec.th", weights_only=True))
        with torch.no_grad():
            self.assertTrue(torch.equal(model.eval().encode(self.cases["one.wav"])[0][0], self.cases["one.codes"]))


if __name__ == "__main__":
    unittest.main()
