#!/usr/bin/env python3
"""deploy/kubernetes_*.yaml: read by PyYAML, and their commands run here as Kubernetes would run them."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tests" / "kill")]
import columns  # noqa: E402
import corpus as synthetic  # noqa: E402

TIMBRE = pathlib.Path(os.environ.get("TIMBRE_BUILD", ROOT / "build")) / "timbre"


def job(name):
    return yaml.safe_load((ROOT / "deploy" / name).read_text())


def container(document):
    (only,) = document["spec"]["template"]["spec"]["containers"]
    return only


class Kubernetes(unittest.TestCase):
    def run_pod(self, document, corpus, **more):
        box = container(document)
        own = {entry["name"]: entry["value"] for entry in box["env"] if "value" in entry}
        environment = {**os.environ, **own, "PATH": f"{TIMBRE.parent}:{os.environ['PATH']}", "CORPUS": str(corpus), "TIMBRE_THREADS": "1", **more}
        return subprocess.run([*box["command"], *box["args"]], env=environment, capture_output=True, text=True)

    def test_shape(self):
        for name in ("kubernetes_prepare.yaml", "kubernetes_finish.yaml"):
            document = job(name)
            self.assertEqual((document["apiVersion"], document["kind"]), ("batch/v1", "Job"))
            pod = document["spec"]["template"]["spec"]
            self.assertIn(pod["restartPolicy"], ("Never", "OnFailure"))
            volumes = {volume["name"] for volume in pod["volumes"]}
            self.assertLessEqual({mount["name"] for mount in container(document)["volumeMounts"]}, volumes)
        spec = job("kubernetes_prepare.yaml")["spec"]
        self.assertEqual(spec["completionMode"], "Indexed")
        shards = {entry["name"]: entry.get("value") for entry in container(job("kubernetes_prepare.yaml"))["env"]}["SHARDS"]
        self.assertEqual(int(shards), spec["completions"])
        # backoffLimitPerIndex and FailIndex ask for these (Kubernetes' own validation).
        self.assertEqual(spec["template"]["spec"]["restartPolicy"], "Never")

    def test_commands(self):
        with tempfile.TemporaryDirectory(prefix="timbre-kubernetes-") as folder:
            tmp = pathlib.Path(folder)
            synthetic.make_source(tmp / "source", 6)
            for grid in (tmp / "source").rglob("*.TextGrid"):
                grid.unlink()
            subprocess.run([TIMBRE, "import", "lab", tmp / "source", "--out", tmp / "corpus", "-q"], check=True, stdout=subprocess.DEVNULL)
            pod, finish = job("kubernetes_prepare.yaml"), job("kubernetes_finish.yaml")
            early = self.run_pod(finish, tmp / "absent")
            self.assertEqual(early.returncode, 3, early.stderr)
            codes, left = [], [0, 1]
            while left and len(codes) < 12:  # pods in the order in which a busy cluster may start them
                index = left.pop(0)
                done = self.run_pod(pod, tmp / "corpus", JOB_COMPLETION_INDEX=str(index), SHARDS="2", REPORT=str(tmp / f"report{index}"))
                codes.append(done.returncode)
                if done.returncode != 0:
                    self.assertEqual(done.returncode, 75, done.stderr)
                    left.append(index)
            self.assertIn(75, codes)
            self.assertEqual(left, [])
            done = self.run_pod(finish, tmp / "corpus")
            self.assertEqual(done.returncode, 0, done.stderr)
            made = columns.read_columns(tmp / "corpus")
            self.assertEqual({len(made[name]) for name in ("phonemes", "mel", "durations", "pitch")}, {6})
            self.assertEqual(len(list((tmp / "corpus/columns/mel").glob("*.safetensors"))), 1)


if __name__ == "__main__":
    unittest.main()
