"""What timbre writes of Llasa, in the programs it is for: transformers loads our folders and gives the logits it gave before, merged adapters give what peft's give, and peft's
folders go in. Skipped where transformers or peft is not installed."""
import importlib.util
import os
import subprocess
import tempfile
import unittest

TIMBRE = os.path.join(os.environ.get("TIMBRE_BUILD", "build"), "timbre")
GOLDEN = "tests/golden/llasa_lm"
IDS = [[200, 3, 5, 8, 220, 301, 44, 209]]


def timbre(*words):
    done = subprocess.run([TIMBRE, *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"timbre {' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}")


def logits(folder, adapter=None):
    import torch
    from transformers import AutoModelForCausalLM
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    if adapter:
        from peft import PeftModel
        model = PeftModel.from_pretrained(model, adapter).eval()
    with torch.no_grad():
        return model(input_ids=torch.tensor(IDS)).logits[0]


@unittest.skipUnless(importlib.util.find_spec("transformers"), "transformers is not installed")
class HuggingFace(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.tokenizer = os.path.join(self.folder.name, "tokenizer")
        subprocess.run(["python3", "tests/support/make_small_tokenizer.py", self.tokenizer], check=True)

    def tearDown(self):
        self.folder.cleanup()

    def there_and_back(self, name, *options):
        work = tempfile.mkdtemp(dir=self.folder.name)
        voice, back = os.path.join(work, "voice"), os.path.join(work, "back")
        timbre("convert", f"{GOLDEN}/{name}", voice, "--option", f"tokenizer={self.tokenizer}", *options)
        timbre("convert", voice, back, "--to", "hf")
        return back

    def test_same_logits(self):
        for name in ("fp32", "bf16", "sharded", "untied_bf16"):
            with self.subTest(name):
                want, got = logits(f"{GOLDEN}/{name}"), logits(self.there_and_back(name))
                self.assertEqual((want - got).abs().max().item(), 0)

    @unittest.skipUnless(importlib.util.find_spec("peft"), "peft is not installed")
    def test_merged_adapters(self):
        for adapter in ("lora_qv", "lora_all_rslora"):
            with self.subTest(adapter):
                want = logits(f"{GOLDEN}/fp32", f"{GOLDEN}/{adapter}")
                back = self.there_and_back("fp32", "--option", f"adapter={GOLDEN}/{adapter}")
                difference = (want - logits(back)).abs().max().item()
                print(f"{adapter}: largest difference {difference:.2g} of logits that deviate by {want.std():.2g}")
                self.assertLess(difference, 3e-4)
                self.assertGreater((want - logits(f"{GOLDEN}/fp32")).abs().max().item(), 1e-2)

    def test_grown(self):
        back = self.there_and_back("fp32", "--option", "vocab_size=323")
        self.assertEqual(tuple(logits(back).shape), (len(IDS[0]), 323))
        self.assertLess((logits(back)[:, :320] - logits(f"{GOLDEN}/fp32")).abs().max().item(), 1e-4)


if __name__ == "__main__":
    unittest.main()
