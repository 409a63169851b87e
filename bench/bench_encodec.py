"""EnCodec 24 kHz at 6 kbit/s, full size with random weights, 5 s of noise, one thread: CPU seconds a second of audio beside PyTorch's in the
same run. $TIMBRE_REFS holds checkouts of the references, $TIMBRE_REFS_PYTHON names a Python with PyTorch (else the .venv's)."""
import json
import os
import tempfile

from row import Env, Row

TITLE = "EnCodec 24 kHz, CPU seconds a second of audio, one thread"
SECONDS, CODEBOOKS, TIMES = "5", "8", "7"


def rows(env):
    if not os.path.isdir(os.path.join(os.environ.get("TIMBRE_REFS", ""), "encodec")):
        raise Env.Absent("no checkout of encodec under $TIMBRE_REFS")
    python = os.environ.get("TIMBRE_REFS_PYTHON", env.python)
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "codec", "rival.py")
    with tempfile.TemporaryDirectory() as folder:
        weights, codec = os.path.join(folder, "encodec.th"), os.path.join(folder, "codec")
        # The machine may be shared and its speed change: twice each, in turns, the faster counts.
        theirs, ours = {}, {}
        for turn in range(2):
            rival = json.loads(env.run([python, "-W", "ignore", script, SECONDS, CODEBOOKS, TIMES, weights]).splitlines()[-1])
            if turn == 0:
                env.run([env.timbre, "convert", weights, codec, "-q"])
            mine = json.loads(env.run([env.timbre, "bench-codec", codec, "--seconds", SECONDS, "--codebooks", CODEBOOKS, "--times", TIMES,
                                       "--threads", "1", "--json", "-q"]))
            for seen, new in ((theirs, rival), (ours, mine)):
                seen.update({key: min(value, seen.get(key, value)) for key, value in new.items()})
    yield Row("encode; rival: PyTorch", ours["encode"], "s/s", rival=theirs["encode"], at_least=1.5)
    yield Row("decode; rival: PyTorch", ours["decode"], "s/s", rival=theirs["decode"], at_least=1.5)
    yield Row("encode, 8 clips at once; rival: PyTorch, one", ours["encode_batch"], "s/s", rival=theirs["encode"])
