"""Ids, places and texts held to Hugging Face's `tokenizers` on random texts, and tokenizers that we wrote read by it and by
`transformers`, and vocabularies that both train.

    tokenizer_test.py [--texts N] [--tokenizer FOLDER]

Each part is skipped by name where its package is not installed (tokenizers 0.22, transformers 4.57). Without --tokenizer the golden
set's.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

os.environ["TOKENIZERS_PARALLELISM"] = "false"
REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TIMBRE = os.path.abspath(os.path.join(os.environ.get("TIMBRE_BUILD", os.path.join(REPO, "build")), "timbre"))
PIECES = ["the", "The", " there", "'s", "'S", "'ſ", "'ll", "'RE", "don't", "12", "3456", "½", "٣٤", "Ⅷ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u2028",
          "\u3000", "\x1c", "\u200b", "…", "!?", "—", "é", "e\u0301", "ß", "Привет", "你好", "한국어", "مرحبا", "हिन्दी", "🎉", "👩\u200d👩\u200d👧", "<|eot_id|>",
          "<|s_0|>", "<|s_12|>", "<|s_99999|>", "<|FAST|>", "<|begin_of_text|>", "<|", "|>", "<|s_1", "_", "\x00", "\ud7ff", "\U00010d4a", "\U0010fffd"]


def random_texts(rng, count):
    def anything():
        while True:
            c = rng.choice([rng.randrange(0x80), rng.randrange(0x800), rng.randrange(0x10000), rng.randrange(0x110000)])
            if not 0xD800 <= c < 0xE000:
                return chr(c)

    texts = []
    for _ in range(count):
        kind = rng.randrange(4)
        if kind == 0:
            texts.append("".join(anything() for _ in range(rng.randrange(1, 40))))
        elif kind == 1:
            texts.append("".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 30))))
        elif kind == 2:
            texts.append("".join(rng.choice([rng.choice(PIECES), anything(), " ", rng.choice("aeiou nrst")]) for _ in range(rng.randrange(1, 60))))
        else:
            texts.append("".join(rng.choice("abcdefgh") for _ in range(rng.randrange(60, 200))))
    return texts


def ours(tokenizer, texts, folder):
    path = os.path.join(folder, "texts.jsonl")
    with open(path, "w") as out:
        out.writelines(json.dumps(text) + "\n" for text in texts)
    made = subprocess.run([TIMBRE, "tokens", "--file", path, "--tokenizer", tokenizer, "--json"], stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in made.stdout.decode().splitlines()]


def report(name, wrong, count):
    for text, got, want in wrong[:5]:
        print(f"{name}: {text!r}\n  ours   {got}\n  theirs {want}")
    print(f"{name}: {count - len(wrong)} of {count} agree")
    return not wrong


def against_tokenizers(folder, tokenizer, texts, rng):
    try:
        import tokenizers
    except ImportError:
        print("SKIPPED tokenizers: the Python package is not installed")
        return True
    theirs = tokenizers.Tokenizer.from_file(os.path.join(tokenizer, "tokenizer.json"))
    want = [theirs.encode(text, add_special_tokens=False) for text in texts]
    got = ours(tokenizer, texts, folder)
    held = report("ids", [(t, g, w.ids) for t, g, w in zip(texts, got, want) if g != w.ids], len(texts))
    wrong, some = [], [i for i in range(len(texts)) if texts[i].strip() and "\x00" not in texts[i]][:60]
    for i in some:
        made = subprocess.run([TIMBRE, "tokens", "--json", "--tokenizer", tokenizer, "--", texts[i]], stdout=subprocess.PIPE, check=True)
        shown = json.loads(made.stdout)
        if shown["text"] == texts[i]:
            places = [tuple(place) for place in shown["places"]]
            if places != want[i].offsets or shown["tokens"] != [theirs.id_to_token(id) for id in want[i].ids]:
                wrong.append((texts[i], places, want[i].offsets))
    held &= report("places", wrong, len(some))
    wrong = []
    for _ in range(40):
        ids = [rng.randrange(theirs.get_vocab_size()) for _ in range(rng.randrange(1, 30))]
        command = [TIMBRE, "tokens", "--json", "--tokenizer", tokenizer, "--ids", ",".join(map(str, ids))]
        text = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)["text"]
        if text != theirs.decode(ids, skip_special_tokens=False):
            wrong.append((ids, text, theirs.decode(ids, skip_special_tokens=False)))
    return report("decoded", wrong, 40) and held


def written_for_others(folder, tokenizer, texts):
    """A tokenizer with tokens that we added gives both libraries the ids it gives us."""
    made = os.path.join(folder, "made")
    subprocess.run([TIMBRE, "tokens", "--tokenizer", tokenizer, "--add", "<|whisper|>", "--add", "ſ", "--out", made, "-q"], check=True,
                   stdout=subprocess.DEVNULL)
    texts = [text + "<|whisper|>ſ" for text in texts[:200]]
    got = ours(made, texts, folder)
    held = True
    try:
        import tokenizers

        theirs = tokenizers.Tokenizer.from_file(os.path.join(made, "tokenizer.json"))
        want = [theirs.encode(text, add_special_tokens=False).ids for text in texts]
        held &= report("written, by tokenizers", [(t, g, w) for t, g, w in zip(texts, got, want) if g != w], len(texts))
    except ImportError:
        pass
    try:
        import transformers
    except ImportError:
        print("SKIPPED transformers: the Python package is not installed")
        return held
    theirs = transformers.AutoTokenizer.from_pretrained(made)
    want = [theirs.encode(text, add_special_tokens=False) for text in texts]
    return report("written, by transformers", [(t, g, w) for t, g, w in zip(texts, got, want) if g != w], len(texts)) and held


def trained_as_theirs(folder, texts):
    """The same texts give the vocabulary and the merges of BpeTrainer."""
    try:
        from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
    except ImportError:
        return True
    made, path = os.path.join(folder, "trained"), os.path.join(folder, "plain.txt")
    lines = [line for text in texts for line in text.split("\n")]
    with open(path, "w", newline="") as out:
        out.write("\n".join(lines))
    subprocess.run([TIMBRE, "tokens", "--train", path, "--vocabulary", "600", "--out", made, "-q"], check=True, stdout=subprocess.DEVNULL)
    with open(os.path.join(made, "tokenizer.json"), encoding="utf-8") as file:
        ours_made = json.load(file)
    split, byte_level = ours_made["pre_tokenizer"]["pretokenizers"]
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(split["pattern"]["Regex"]), "isolated"),
                                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    theirs.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                                          show_progress=False))
    want = json.loads(theirs.to_str())["model"]
    same = want["vocab"] == ours_made["model"]["vocab"] and want["merges"] == ours_made["model"]["merges"]
    print(f"trained: vocabulary and merges {'agree' if same else 'DIFFER'}, {len(want['merges'])} merges")
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--tokenizer", default=os.path.join(REPO, "tests", "golden", "llasa_tokenizer", "speed"))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    texts = random_texts(rng, options.texts)
    with tempfile.TemporaryDirectory() as folder:
        held = against_tokenizers(folder, options.tokenizer, texts, rng)
        held &= written_for_others(folder, options.tokenizer, texts)
        held &= trained_as_theirs(folder, texts)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
