"""VALL-E's checkpoints there and back: PyTorch finds every tensor, tie and run parameter as it was, and where VALLE_REFS names the references'
checkouts (with what their trainers import), lifeiteng's own model loads what we wrote with strict=True."""
import importlib.util
import os
import pathlib
import subprocess
import tempfile
import unittest

import torch

BUILD = os.environ.get("TIMBRE_BUILD", "build")
GOLDEN = pathlib.Path("tests/golden")
REFS = os.environ.get("VALLE_REFS", "")


def convert(*words):
    subprocess.run([os.path.join(BUILD, "timbre"), "convert", *map(str, words)], check=True, capture_output=True)


def ties(state):
    return sorted((a, b) for a in state for b in state if a < b and state[a].data_ptr() == state[b].data_ptr())


def k2symbols(folder):
    path = pathlib.Path(folder, "unique_text_tokens.k2symbols")
    path.write_text("<eps> 0\n! 1\n_ 2\na 3\nuː 4\n")
    return path


class ThereAndBack(unittest.TestCase):
    def same(self, here, there, at=""):
        if isinstance(here, torch.Tensor):
            self.assertEqual((here.dtype, here.shape), (there.dtype, there.shape), at)
            self.assertTrue(torch.equal(here, there), at)
        elif isinstance(here, dict):
            self.assertEqual(list(here), list(there), at)
            for key in here:
                self.same(here[key], there[key], f"{at}/{key}")
        else:
            here = str(here) if isinstance(here, pathlib.PurePath) else here
            self.assertEqual((type(here), here), (type(there), there), at)

    def round_trip(self, source, form, written, option):
        with tempfile.TemporaryDirectory() as folder:
            convert(source, f"{folder}/voice", "--from", form, "--option", option)
            convert(f"{folder}/voice", f"{folder}/theirs", "--to", form)
            here = torch.load(source, weights_only=False)
            there = torch.load(f"{folder}/theirs/{written}", weights_only=True)
            self.same(here, there)
            self.assertEqual(ties(here["model"]), ties(there["model"]))
            return there

    def test_lifeiteng(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("valle_postnorm_prenet_bos_noshare_half", "transformer_scaling"):
                source = GOLDEN / "valle_lifeiteng" / name / "epoch-1.pt"
                there = self.round_trip(source, "lifeiteng", "epoch-1.pt", f"text_tokens={k2symbols(folder)}")
                self.assertEqual(there["exp_dir"], "exp/valle")

    def test_vallex(self):
        golden = GOLDEN / "valle_x"
        there = self.round_trip(golden / "vallex-checkpoint.pt", "vallex", "vallex-checkpoint.pt", f"tokenizer={golden}/tokenizer.json")
        self.assertIn(("nar_audio_embeddings.2.word_embeddings.weight", "nar_predict_layers.0.weight"), ties(there["model"]))

    @unittest.skipUnless(REFS and importlib.util.find_spec("valle_refs"), "no checkouts of the references (VALLE_REFS, PYTHONPATH)")
    def test_lifeiteng_loads_what_we_wrote(self):
        import valle_refs
        valle_refs.import_lifeiteng()
        import valle.models
        from icefall.utils import AttributeDict
        with tempfile.TemporaryDirectory() as folder:
            for name in ("valle_postnorm_prenet_bos_noshare_half", "transformer_scaling"):
                convert(GOLDEN / "valle_lifeiteng" / name / "epoch-1.pt", f"{folder}/{name}", "--option", f"text_tokens={k2symbols(folder)}")
                convert(f"{folder}/{name}", f"{folder}/{name}_back", "--to", "lifeiteng")
                ours = torch.load(f"{folder}/{name}_back/epoch-1.pt", weights_only=False)
                rows = next(tensor for key, tensor in ours["model"].items() if "text_embedding" in key).shape[0]
                for module in (valle.models.macros, valle.models.valle, valle.models.transformer):
                    module.NUM_TEXT_TOKENS = rows
                model = valle.models.get_model(AttributeDict(ours))
                missing, unexpected = model.load_state_dict(ours["model"], strict=True)
                self.assertEqual((missing, unexpected), ([], []))


if __name__ == "__main__":
    unittest.main()
