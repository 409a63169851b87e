#!/usr/bin/env python3
"""VALL-E X's .npz prompts beside numpy: what `timbre prompt` writes numpy reads, order and number types as the reference's make_prompt
leaves them, and what numpy.savez writes `timbre prompt` reads. Skipped by name where numpy or the program is absent."""
import json
import os
import subprocess
import tempfile

try:
    import numpy
except ImportError:
    raise SystemExit("skipped: no numpy in .venv")

TIMBRE = os.path.abspath(os.path.join(os.environ.get("TIMBRE_BUILD", "build"), "timbre"))
if not os.access(TIMBRE, os.X_OK):
    raise SystemExit("skipped: no timbre")


def timbre(*words):
    return subprocess.run([TIMBRE, *words], capture_output=True, text=True, check=True).stdout


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        codes = numpy.random.default_rng(1).integers(0, 1024, (1, 8, 30)).transpose(0, 2, 1)  # (1, T, 8), columns first
        tokens = numpy.arange(7, dtype=numpy.int64)[None]
        for code, language in enumerate(("zh", "ja", "en")):
            numpy.savez("theirs.npz", audio_tokens=codes, text_tokens=tokens, lang_code=code)
            said = json.loads(timbre("prompt", "theirs.npz", "--json"))
            assert (said["frames"], said["codebooks"], said["tokens"], said["languages"]) == (30, 8, 7, [language]), said
            timbre("prompt", "theirs.npz", "-o", "ours.npz", "-q")
            with numpy.load("theirs.npz") as theirs, numpy.load("ours.npz") as ours:
                assert set(theirs.files) == set(ours.files)
                for name in theirs.files:
                    a, b = theirs[name], ours[name]
                    assert a.dtype == b.dtype and a.shape == b.shape and (a == b).all(), name
                    assert a.flags.f_contiguous == b.flags.f_contiguous and a.flags.c_contiguous == b.flags.c_contiguous, name
        numpy.savez("odd.npz", audio_tokens=codes[0], text_tokens=tokens, lang_code=2)
        refused = subprocess.run([TIMBRE, "prompt", "odd.npz"], capture_output=True, text=True)
        assert refused.returncode == 3 and "audio_tokens" in refused.stderr, refused.stderr
    print("3 prompts there and back, equal to numpy's in type, order and numbers")


if __name__ == "__main__":
    main()
