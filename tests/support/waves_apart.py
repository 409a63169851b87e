"""Two 16-bit WAV files: whether they are as long as each other, and how far apart as a share of the first one's energy."""
import array
import math
import sys
import wave


def read(path):
    with wave.open(path) as file:
        return array.array("h", file.readframes(file.getnframes()))


one, two = map(read, sys.argv[1:])
loud = math.sqrt(sum(x * x for x in one))
apart = math.sqrt(sum((x - y) ** 2 for x, y in zip(one, two))) / loud if loud else math.inf
print("same length" if len(one) == len(two) else f"{len(one)} and {len(two)} samples",
      "apart by less than 1 %" if 0 < apart < 0.01 else f"apart by {apart:.3g} of the first", sep=", ")
