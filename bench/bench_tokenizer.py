"""Texts to tokens beside `tokenizers` on one thread, CPU time: a tokenizer of Llama 3's kind with 65,536 speech tokens, trained on the
spot (or $TIMBRE_TOKENIZER, a folder), many short sentences, long texts, rows of speech tokens. $TIMBRE_REFS_PYTHON names a Python that
has `tokenizers`; without it the .venv's."""
import json
import os
import subprocess
import tempfile

from row import Row

TITLE = "tokenizer, MB of text a CPU second, one thread"
TIMES = "5"
ROWS = (("sentences", "sentences"), ("long", "texts of a megabyte"), ("mixed", "lines in many scripts"), ("speech", "rows of speech tokens"))


def rows(env):
    python = os.environ.get("TIMBRE_REFS_PYTHON", env.python)
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tokenizer", "rival.py")
    with tempfile.TemporaryDirectory() as folder:
        given = os.environ.get("TIMBRE_TOKENIZER", "")
        done = subprocess.run([python, script, env.repo, folder, TIMES, given], capture_output=True, text=True)
        if done.returncode != 0:
            raise env.Absent("tokenizers: " + (done.stderr.strip().splitlines() or ["?"])[-1])
        theirs = json.loads(done.stdout)
        ours = json.loads(env.run([env.timbre, "bench-tokenizer", given or folder, os.path.join(folder, "texts.json"), "--times", TIMES,
                                   "--json", "-q"]))
    for key, what in ROWS:
        if ours[key]["tokens"] != theirs[key]["tokens"]:
            raise RuntimeError(f"{key}: {ours[key]['tokens']} tokens, the rival has {theirs[key]['tokens']}")
        yield Row(f"encode {what}", ours[key]["encode_mb_s"], "MB/s", rival=theirs[key]["encode_mb_s"], better="more", at_least=3)
    for key, what in ROWS[:1] + ROWS[3:]:
        yield Row(f"decode {what}", ours[key]["decode_mb_s"], "MB/s", rival=theirs[key]["decode_mb_s"], better="more", at_least=1)
    yield Row("read the tokenizer", ours["read_s"], "s", rival=theirs["read_s"], at_least=1)
