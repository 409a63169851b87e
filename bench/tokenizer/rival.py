"""`tokenizers` on one thread. rival.py REPO OUT TIMES [TOKENIZER] → JSON; leaves OUT/texts.json, and OUT/tokenizer.json where none is
given. The faster of encode() and encode_batch_fast() counts."""
import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
import glob
import json
import random
import re
import sys
import time

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

repo, out, times, given = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else ""
REGEX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
VOCABULARY, CODES = 30000, 65536


def texts():
    """The pages of this repository and the sources of Python's library: prose enough for sentences, and both at length."""
    pages = sorted(glob.glob(os.path.join(repo, "docs", "*.md"))) + [os.path.join(repo, "README.md"), os.path.join(repo, "DESIGN.md")]
    prose = "\n".join(open(page, encoding="utf-8").read() for page in pages)
    library = "\n".join(open(f, encoding="utf-8", errors="ignore").read()
                        for f in sorted(glob.glob(os.path.join(os.path.dirname(os.__file__), "*.py"))))
    sentences = [s.strip() for s in re.split(r"(?<=[.!?])\s+", prose) if 20 < len(s) < 200]
    rng = random.Random(1)
    scripts = ["Größe über Straßen", "être où déjà l'homme", "съешь ещё этих мягких", "今天天气很好，我们去公园。", "안녕하세요 반갑습니다", "مرحبا بالعالم",
               "नमस्ते दुनिया", "ñandú ¿qué tal?", "3.14 km, 25 %", "naïve café…"]
    mixed = [" ".join(rng.choice(scripts) for _ in range(6)) for _ in range(2000)]
    speech = ["".join(f"<|s_{rng.randrange(CODES)}|>" for _ in range(1500)) for _ in range(40)]
    return {"sentences": sentences, "long": [(prose + library)[i:i + 1000000] for i in range(0, 4000000, 1000000)], "mixed": mixed,
            "speech": speech}


def train(made):
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(REGEX), "isolated"),
                                                       pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(made["long"] + made["mixed"], trainers.BpeTrainer(
        vocab_size=VOCABULARY, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in ("<|begin_of_text|>", "<|eot_id|>")])
    tokenizer.add_tokens([f"<|s_{c}|>" for c in range(CODES)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))])
    tokenizer.save(os.path.join(out, "tokenizer.json"))


def best(work):
    seen = []
    for _ in range(times):
        began = time.process_time()
        result = work()
        seen.append(time.process_time() - began)
    return min(seen), result


made = texts()
json.dump(made, open(os.path.join(out, "texts.json"), "w"))
if not given:
    train(made)
path = os.path.join(given or out, "tokenizer.json")
times, all_times = min(times, 3), times
read_s, tokenizer = best(lambda: Tokenizer.from_file(path))
times = all_times
result = {"read_s": read_s}
for name, some in made.items():
    megabytes = sum(len(text.encode()) for text in some) * 1e-6
    one_s, encoded = best(lambda: [tokenizer.encode(text, add_special_tokens=False).ids for text in some])
    batch_s, _ = best(lambda: [e.ids for e in tokenizer.encode_batch_fast(some, add_special_tokens=False)])
    decode_s, _ = best(lambda: [tokenizer.decode(ids, skip_special_tokens=False) for ids in encoded])
    result[name] = {"tokens": sum(map(len, encoded)), "encode_mb_s": megabytes / min(one_s, batch_s), "decode_mb_s": megabytes / decode_s}
print(json.dumps(result))
