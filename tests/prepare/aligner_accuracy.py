#!/usr/bin/env python3
"""How near the aligner comes to the reference alignments of golden/aligner.

    timbre prepare corpora/en --for fastspeech2 --front-end arpabet:en --textgrids grids
    python3 tests/prepare/aligner_accuracy.py grids ../shared/golden/aligner

The corpus is Debian's asterisk-core-sounds-en, which the three reference clips come from. The first start and the last
end of a clip are left out, as the set's README asks. Word boundaries are compared word by word; phone boundaries where
both sides have the same two neighbours (stress aside). Exit code 1 when a target is missed: word boundaries 25 ms
(median), 80 % of phone boundaries within 30 ms.
"""
import difflib
import json
import pathlib
import re
import statistics
import sys


def tier(path, name):
    """Intervals of a tier of a long-form TextGrid."""
    text = path.read_text(encoding="utf-8")
    part = text.split(f'name = "{name}"')[1].split("item [")[0]
    rows = re.findall(r'xmin = (\S+)\s+xmax = (\S+)\s+text = "((?:[^"]|"")*)"', part)
    return [(float(a), float(b), label) for a, b, label in rows]


def main():
    grids, golden = map(pathlib.Path, sys.argv[1:3])
    words, phones = [], []
    for clip in json.loads((golden / "alignments.json").read_text())["clips"]:
        found = list(grids.glob(f"**/{clip['id']}.TextGrid"))
        if not found:
            sys.exit(f"{grids}: no TextGrid of {clip['id']}")
        mine = [x for x in tier(found[0], "words") if x[2]]
        reference = [x for x in clip["words"] if x[2]]
        if len(mine) != len(reference):
            sys.exit(f"{clip['id']}: {len(mine)} words, the reference has {len(reference)}")
        for i, (a, b) in enumerate(zip(mine, reference)):
            if i:
                words.append(abs(a[0] - b[0]))
            if i + 1 < len(mine):
                words.append(abs(a[1] - b[1]))
        silent = ("sil", "sp", "")
        a = [x for x in tier(found[0], "phones") if x[2] not in silent]
        b = [x for x in clip["phones"] if x[2] not in silent]
        plain = lambda some: [x[2].rstrip("012") for x in some]
        match = {}
        for m in difflib.SequenceMatcher(None, plain(b), plain(a), autojunk=False).get_matching_blocks():
            match.update({m.a + k: m.b + k for k in range(m.size)})
        for i in range(len(b) - 1):
            if i in match and match.get(i + 1) == match[i] + 1:
                phones.append(abs(a[match[i]][1] - b[i][1]))
                if b[i][1] != b[i + 1][0] or a[match[i]][1] != a[match[i] + 1][0]:
                    phones.append(abs(a[match[i + 1]][0] - b[i + 1][0]))
    median_ms = 1000 * statistics.median(words)
    print(f"words: {len(words)} boundaries, median {median_ms:.1f} ms, mean {1000 * statistics.mean(words):.1f} ms (target: median 25)")
    ok = median_ms <= 25
    if phones:  # none with another phone set
        share = sum(x <= 0.0300001 for x in phones) / len(phones)
        print(f"phones: {len(phones)} boundaries, median {1000 * statistics.median(phones):.1f} ms, {100 * share:.1f} % within 30 ms (target: 80)")
        ok = ok and share >= 0.8
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
