"""Eight clips of noise, 22.05 kHz, with transcripts: a corpus for steps whose speed does not depend on what is said."""
import pathlib
import random
import struct
import sys
import wave

folder = pathlib.Path(sys.argv[1]) / "speaker"
folder.mkdir(parents=True)
rng = random.Random(1)
for i in range(8):
    with wave.open(str(folder / f"clip{i}.wav"), "wb") as out:
        out.setparams((1, 2, 22050, 0, "NONE", ""))
        out.writeframes(b"".join(struct.pack("<h", int(rng.gauss(0, 3000)) % 32768) for _ in range(12000)))
    (folder / f"clip{i}.lab").write_text(f"noise {i}\n")
