"""Training the aligner on a corpus and aligning all of it with it."""
import json
import os
import tempfile
import wave

from row import Row

TITLE = "align: training and alignment of eight minutes of speech, CPU time of one core"
COPIES = 50  # of each clip of golden/aligner, at another loudness each
ASKED = 100  # times real time
# Published, measured elsewhere: MFA 1.x on LJSpeech's 24 h with 8 jobs took 2,420 s (github.com/TensorSpeech/TensorFlowTTS/issues/448). It
# comes by conda alone, so that it cannot run here.
MFA = 36


def write_source(golden, folder):
    import numpy

    os.makedirs(os.path.join(folder, "source", "speaker"))
    seconds = 0.0
    with open(os.path.join(golden, "alignments.json"), encoding="utf-8") as document:
        clips = json.load(document)["clips"]
    for clip in clips:
        with wave.open(os.path.join(golden, "clips", clip["id"] + ".wav")) as sound:
            parameters, samples = sound.getparams(), numpy.frombuffer(sound.readframes(sound.getnframes()), "<i2")
        for copy in range(COPIES):
            stem = os.path.join(folder, "source", "speaker", f"{clip['id']}-{copy}")
            with wave.open(stem + ".wav", "wb") as out:
                out.setparams(parameters)
                out.writeframes((samples * (0.3 + 0.7 * copy / COPIES)).astype("<i2").tobytes())
            with open(stem + ".lab", "w", encoding="utf-8") as text:
                text.write(clip["text"])
            seconds += len(samples) / parameters.framerate
    return seconds


def rows(env):
    with tempfile.TemporaryDirectory() as folder:
        try:
            seconds = write_source(env.golden("aligner"), folder)
        except ImportError:
            raise env.Absent("numpy is not here")
        corpus = os.path.join(folder, "corpus")
        env.run([env.timbre, "import", "lab", os.path.join(folder, "source"), "--out", corpus, "--language", "en-US", "-q"])
        prepare = [env.timbre, "prepare", corpus, "--for", "fastspeech2", "--front-end", "arpabet:en", "-q", "--only"]
        env.run([*prepare, "phonemes"])
        train_s, align_s = (env.cpu_s([*prepare, stage]) for stage in ("aligner", "alignment"))
        yield Row("trained and aligned; rival: MFA's published figure with 8 jobs, not of this run", seconds / (train_s + align_s), "× real time", rival=MFA,
                  better="more", at_least=ASKED / MFA)
        yield Row("aligned with a trained aligner", seconds / align_s, "× real time", better="more")
