"""What timbre says with a Llasa voice and what transformers' generate() says, called as the model cards and as the speed fork's script call it: the same codes,
prompts included, after the way there and back through `timbre convert`. Skipped where transformers is not installed."""
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import unittest
import wave

TIMBRE = os.path.join(os.environ.get("TIMBRE_BUILD", "build"), "timbre")
CODEC = "voices/small_codec"
DATE = "26 Jul 2024"


def timbre(*words):
    done = subprocess.run([TIMBRE, *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"timbre {' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


@unittest.skipUnless(importlib.util.find_spec("transformers"), "transformers is not installed")
class Saying(unittest.TestCase):
    def setUp(self):
        from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        network, self.voice, back = (os.path.join(self.folder, name) for name in ("network", "voice", "back"))
        subprocess.run([sys.executable, "tests/support/make_llasa_network.py", network, "--ending", "runaway"], check=True)
        timbre("convert", network, self.voice, "--option", "codec=small_codec")
        timbre("convert", self.voice, back, "--to", "hf")
        self.model = AutoModelForCausalLM.from_pretrained(back).eval()
        self.tokenizer = PreTrainedTokenizerFast(tokenizer_file=os.path.join(back, "tokenizer.json"), bos_token="<|begin_of_text|>", eos_token="<|eot_id|>")
        with open("tests/golden/llasa_tokenizer/speed/tokenizer_config.json", encoding="utf-8") as file:
            self.tokenizer.chat_template = json.load(file)["chat_template"]
        # A prompt of 41 codes of a sound.
        self.clip = os.path.join(self.folder, "clip.wav")
        with wave.open(self.clip, "wb") as file:
            file.setnchannels(1), file.setsampwidth(2), file.setframerate(16000)
            file.writeframes(b"".join(int(9000 * ((i % 100) / 50 - 1) * (1 - i / 13120)).to_bytes(2, "little", signed=True) for i in range(13120)))
        timbre("codec", "encode", self.clip, "--codec", CODEC, "--codebooks", 1, "-o", self.path("prompt.npy"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def said_by_transformers(self, text, codes, frames, how):
        import numpy
        import torch
        ids = {name: self.tokenizer.convert_tokens_to_ids(name) for name in ("<|s_0|>", "<|SPEECH_GENERATION_END|>", "<|eot_id|>")}
        chat = [{"role": "user", "content": f"Convert the text to speech:<|TEXT_UNDERSTANDING_START|>{text}<|TEXT_UNDERSTANDING_END|>"},
                {"role": "assistant", "content": "<|SPEECH_GENERATION_START|>" + "".join(f"<|s_{code}|>" for code in codes)}]
        given = self.tokenizer.apply_chat_template(chat, tokenize=True, return_tensors="pt", continue_final_message=True, date_string=DATE)
        given = given if torch.is_tensor(given) else given["input_ids"]
        first = ids["<|s_0|>"]
        others = [i for i in range(self.model.config.vocab_size) if not first <= i < first + 1000 and i != ids["<|SPEECH_GENERATION_END|>"]]
        pads = {"pad_token_id": ids["<|eot_id|>"]} if how == "script" else {}
        out = self.model.generate(given, max_new_tokens=frames, do_sample=False, eos_token_id=ids["<|SPEECH_GENERATION_END|>"], suppress_tokens=others,
                                  **pads)
        numpy.save(self.path("said.npy"), (out[0, given.shape[1]:].numpy() - first).astype(numpy.int32)[:, None])
        timbre("codec", "decode", self.path("said.npy"), "--codec", CODEC, "-o", self.path("said.wav"))
        return self.samples("said.wav")

    def samples(self, name):
        with wave.open(self.path(name)) as file:
            return file.readframes(file.getnframes())

    def said_by_timbre(self, *words):
        timbre("say", *words, "--voice", self.voice, "--codec", CODEC, "--top-k", 1, "--longest-s", 0.6, "--loop-s", 0, "--retries", 0, "--silence-s", 0,
               "--shortest-share", 0, "-o", self.path("own.wav"), "-q")
        return self.samples("own.wav")

    def test_the_same_codes(self):
        import numpy
        codes = numpy.load(self.path("prompt.npy")).reshape(-1).tolist()
        prompt = ["--prompt", self.clip, "--prompt-text", "a prompt"]
        heard = set()
        for how in ("card", "script"):
            mask = ["--prompt-mask", how]
            for words, text, given in ((["Hello you there"], "Hello you there", []), (["Hello you there", *prompt], "a prompt Hello you there", codes),
                                       (["Hello you", "--speed", "slow", *prompt], "a prompt<|SLOW|>Hello you", codes),
                                       (["--markup", "Hello <fast>you</fast>", *prompt], "a prompt Hello<|FAST|>you", codes)):
                with self.subTest(f"{how}: {text}"):
                    own = self.said_by_timbre(*words, *mask)
                    self.assertEqual(own, self.said_by_transformers(text, given, 30, how))
                    heard.add(own)
        self.assertGreater(len(heard), 4)  # the network does listen


if __name__ == "__main__":
    unittest.main()
