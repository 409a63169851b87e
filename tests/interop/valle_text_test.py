"""Texts as lifeiteng's VALL-E reads them, held to phonemizer and pypinyin themselves.

    valle_text_test.py [--sentences N]

Each half is skipped by name where its package is not installed (phonemizer 3.2.1, pypinyin 0.48.0).
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys

TIMBRE = os.path.abspath(os.path.join(os.environ.get("TIMBRE_BUILD", "build"), "timbre"))
MARKS = ';:,.!?¡¿—…"«»“”'
WORDS = {
    "en-us": "the quick half-baked it's café 1999 3.14 $3.50 Dr. NASA (see) [page] e-mail a O'Neill week-end naïve of to 100%",
    "fr-fr": "le week-end qu'est-ce été où 21 l'homme football œuvre (voir) aujourd'hui Noël très",
    "de": "der Straßenbahn 25 für größer (siehe) Computer schön e-Mail zwölf",
    "es": "el niño 15 ¿qué mañana pingüino (ver) software corazón",
    "ru": "мама мыла раму 42 ёлка website подъезд",
    "it": "città 8 l'amico perché computer",
}
HANS = "你好这是测试今天天气银行行长重庆重要长大女儿绿色一二三的地得了吗嗯哼哪儿不是大舅子电子词典金晃晃着了知道中国人民"
OTHERS = [" ", " ", ", ", ",", ".", "。", "，", "！", "...", "WiFi", "2023", "a", " hello ", "(", ")", "-", "“", "…"]


def sentence(rng, language):
    words = WORDS[language].split()
    out = rng.choice(["", "", "", '"', "¿", "… ", "- "])
    for _ in range(rng.randrange(0, 9)):
        out += rng.choice(words) + rng.choice([" "] * 8 + [", ", "; ", " — ", "! ", "?! ", '" ', "... ", " . , ", "«", "  ", "\t"])
    return (out + rng.choice(["", ".", "!?", '"', " "])).strip()


def tokens_of(phonemized):
    fields = []
    for word in phonemized.split("_"):
        fields += [t for t in re.findall(r"\w+|[^\w\s]", word) if t != "|"] + ["_"]
    return fields[:-1]


def ours(timbre, front_end, text):
    made = subprocess.run([timbre, "phones", "--json", "--front-end", front_end, "--", text], stdout=subprocess.PIPE, check=True)
    return json.loads(made.stdout)["phones"]


def compare(name, pairs):
    wrong = [(text, got, want) for text, got, want in pairs if got != want]
    for text, got, want in wrong[:5]:
        print(f"{name}: {text!r}\n  ours   {' '.join(got)}\n  theirs {' '.join(want)}")
    print(f"{name}: {len(pairs) - len(wrong)} of {len(pairs)} texts agree")
    return not wrong


def by_phonemizer(timbre, count, rng):
    try:
        from phonemizer.backend import EspeakBackend
        from phonemizer.separator import Separator
    except ImportError:
        print("skipped: phonemizer is not installed")
        return True
    fine = True
    for language in WORDS:
        backend = EspeakBackend(language, punctuation_marks=MARKS, preserve_punctuation=True)
        pairs = []
        while len(pairs) < count:
            text = sentence(rng, language)
            if not text:
                continue
            said = backend.phonemize([text], separator=Separator(word="_", syllable="-", phone="|"), strip=True)
            pairs.append((text, ours(timbre, f"phonemizer:{language}", text), tokens_of(said[0])))
        fine &= compare(language, pairs)
    return fine


def pinyin_pieces(text, pinyin, Style):
    text = re.sub(" +", " ", text.strip()).replace(" ", "_")
    return [piece[0] for piece in pinyin(text, style=Style.TONE3, neutral_tone_with_five=True)]


def by_pypinyin(timbre, count, rng):
    try:
        import pypinyin
        from pypinyin import Style, pinyin
    except ImportError:
        print("skipped: pypinyin is not installed")
        return True
    if pypinyin.__version__ != "0.48.0":
        print(f"skipped: pypinyin is {pypinyin.__version__}, not 0.48.0")
        return True
    pairs = []
    while len(pairs) < count:
        phrases = rng.choice(list(pypinyin.constants.PHRASES_DICT)) if rng.random() < 0.7 else ""
        text = "".join(rng.choice(HANS if rng.random() < 0.7 else OTHERS) for _ in range(rng.randrange(1, 14))) + phrases
        text = text.strip()
        if not text:
            continue
        out = ""
        for piece in pinyin_pieces(text, pinyin, Style):
            if all(c in MARKS + "_" for c in piece):
                out = (out[:-1] if out.endswith("-") and out != "-" else out) + piece
            else:
                out += piece + "-"
        pairs.append((text, ours(timbre, "pypinyin:syllables", text), tokens_of(out.rstrip("_-"))))
    return compare("pypinyin", pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=10)
    options = parser.parse_args()
    rng = random.Random(7)
    fine = by_phonemizer(TIMBRE, options.sentences, rng)
    fine &= by_pypinyin(TIMBRE, options.sentences * 6, rng)
    sys.exit(0 if fine else 1)


main()
