#!/usr/bin/env python3
"""Kills a training run at random moments and demands that it goes on bit by bit.

    tests/kill/run.py [--kills 20] [--seed 1] [--model fastspeech2] [--keep FOLDER]

One run is left alone. Others are killed (kill -9 and SIGTERM, at any moment: while starting, in a step, in a checkpoint, at the end) and continued until they are
done; then weights, moments, running averages, place in the data, best loss and every logged loss must be those of the run left alone.
Prints what was hit; exits 1 with the difference otherwise.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import corpus

ROOT = pathlib.Path(__file__).resolve().parents[2]
KILLS_A_RUN = 5
MODEL_FLAGS = {"fastspeech2": ["--schedule.warmup-steps", "5", "--optim.group-lr", "encoder=0.5"],
               "hifigan": ["--segments.samples", "1200", "--split.valid", "0.1"],
               "vocos": ["--segments.samples", "2048", "--split.valid", "0.1", "--loss.adversarial-from-step", "6"],
               "valle": ["--codec", str(ROOT / "voices" / "small_codec"), "--split.valid", "0.2", "--batch.seconds", "6", "--batch.buckets", "2", "--max-epochs", "0",
                         "--num-epochs", "99", "--average-every-batches", "4", "--ema", "0"],
               "llasa": ["--batch.order", "trainer", "--partial-steps", "--lora.r", "2", "--optim.lr", "0.01"],
               "small_codec": ["--split.valid", "0.1", "--adversarial.first-step", "6"]}


class Killer:
    def __init__(self, arguments, folder):
        build = pathlib.Path(os.environ.get("TIMBRE_BUILD", ROOT / "build"))
        self.timbre, self.folder = build / "timbre", pathlib.Path(folder)
        self.rng = random.Random(arguments.seed)
        self.corpus = corpus.make(self.folder, self.timbre)
        if arguments.model == "llasa":
            golden = ROOT / "tests" / "golden"
            subprocess.run([str(self.timbre), "prepare", str(golden / "llasa_data" / "text_corpus"), "--recipe", "llasa-speed", "--stage", "4",
                            "--tokenizer", str(golden / "llasa_tokenizer" / "base"), "--out", str(self.folder / "rows"), "-q"], check=True, stdout=subprocess.DEVNULL)
            self.corpus = self.folder / "rows"
        if arguments.model == "valle":
            subprocess.run([str(self.timbre), "prepare", str(self.corpus), "--for", "valle", "--preset", "debug", "--codec", str(ROOT / "voices" / "small_codec"), "-q"],
                           check=True)
        self.flags = [arguments.model, "--preset", "debug", "--corpus", str(self.corpus), "--max-steps", str(arguments.steps), "--batch.items", "4", "--batch.units", "0",
                      "--accumulate", "2", "--ema", "0.9", "--save-every-steps", "5", "--log-every-steps", "1", "--valid-every-steps", "8", "--no-probe",
                      "--keep", "2", *MODEL_FLAGS.get(arguments.model, [])]
        self.counts = {"SIGKILL": 0, "SIGTERM": 0, "too late": 0}
        self.hit = []

    def start(self, run):
        words = ["--continue", str(run)] if (run / "run.yaml").exists() else [*self.flags, "--out", str(run)]
        return subprocess.Popen([str(self.timbre), "train", *words, "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def finish(self, process):
        error = process.communicate()[1]
        if process.returncode != 0:
            sys.exit(f"a run that was not killed ended with {process.returncode}:\n{error}")

    def reference(self):
        run, begin = self.folder / "whole", time.monotonic()
        self.finish(self.start(run))
        self.seconds = time.monotonic() - begin
        return result(run)

    def kill_once(self, run):
        """One process, killed after a random time; True when it was done before that."""
        process = self.start(run)
        how = self.rng.choice(["SIGKILL", "SIGTERM"])
        try:
            process.wait(self.rng.uniform(0, 0.6 * self.seconds))
            self.counts["too late"] += 1
            if process.returncode != 0:
                sys.exit(f"a run that was not killed ended with {process.returncode}:\n{process.stderr.read()}")
            return True
        except subprocess.TimeoutExpired:
            process.send_signal(getattr(signal, how))
            error = process.communicate()[1]
        if process.returncode not in (-9, -15, 128 + 15, 0):
            sys.exit(f"{how} ended the run with {process.returncode}:\n{error}")
        self.counts[how] += 1
        saved = sorted(path.name for path in (run / "checkpoints").glob("step_*")) if run.exists() else []
        self.hit.append(saved[-1] if saved else "before the first checkpoint")
        return False

    def killed(self):
        return self.counts["SIGKILL"] + self.counts["SIGTERM"]


def result(run):
    last = (run / "checkpoints" / "last").resolve()
    state = json.loads((last / "state.json").read_text())["state"]
    progress = {key: value for key, value in state["progress"].items() if key != "train_s"}
    losses = {}
    for line in (run / "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["kind"] == "metric":
            values = {key: value for key, value in event["values"].items() if not key.endswith("_per_s") and key != "waiting_share"}
            key = (event["set"], event["step"])
            if key in losses and losses[key] != values:
                sys.exit(f"{run}: {key} was logged twice with different values")
            losses[key] = values
    voice = (run / "voice" / "model.safetensors").read_bytes()
    return {"step": state["step"], "files": state["files"], "progress": progress, "recipe": state["recipe_state"], "optimiser_steps": state["optimiser_steps"],
            "losses": losses, "voice": hash(voice)}


def compare(want, got, run):
    for key in want:
        if want[key] == got[key]:
            continue
        if key == "losses":
            steps = [k for k in sorted(set(want[key]) | set(got[key])) if want[key].get(k) != got[key].get(k)]
            sys.exit(f"{run}: the logged values differ first at {steps[0]}: {want[key].get(steps[0])} and {got[key].get(steps[0])}")
        sys.exit(f"{run}: {key} differs from the run that was left alone:\n  {want[key]}\n  {got[key]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="fastspeech2")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--keep", help="work here and leave everything")
    arguments = parser.parse_args()
    scratch = arguments.keep or tempfile.mkdtemp(prefix="timbre-kill-")
    try:
        killer = Killer(arguments, scratch)
        want = killer.reference()
        print(f"left alone: {want['step']} steps in {killer.seconds:.1f} s", flush=True)
        runs = 0
        while killer.killed() < arguments.kills:
            run, here = killer.folder / f"killed{runs}", 0
            done = False
            while not done and here < KILLS_A_RUN and killer.killed() < arguments.kills:
                before = killer.killed()
                done = killer.kill_once(run)
                here += killer.killed() - before
            if not done:
                killer.finish(killer.start(run))
            compare(want, result(run), run)
            runs += 1
            print(f"run {runs}: {here} kills, identical ({killer.killed()} of {arguments.kills})", flush=True)
            if not arguments.keep:
                shutil.rmtree(run)
        print(f"{killer.killed()} kills ({killer.counts['SIGKILL']} SIGKILL, {killer.counts['SIGTERM']} SIGTERM) in {runs} runs: all identical; hit after {', '.join(sorted(set(killer.hit)))}")
    finally:
        if not arguments.keep:
            shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
