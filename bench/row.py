"""What a bench gives: rows of one figure each, with its rival or its bound."""
import os
import resource
import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import Optional


@dataclass
class Row:
    """One line of the table. `value` is ours; `better` says whether more or less of `unit` is wanted."""
    what: str
    value: float = 0.0
    unit: str = ""
    rival: Optional[float] = None  # the same measure of what a user would use instead, in the same run
    better: str = "less"
    at_most: Optional[float] = None  # bound on value
    at_least: Optional[float] = None  # bound on the ratio, how many times better than the rival
    skipped: bool = False
    note: str = ""

    @property
    def ratio(self):
        if self.rival is None or not self.value or not self.rival:
            return None
        return self.value / self.rival if self.better == "more" else self.rival / self.value

    @property
    def holds(self):
        """True or False against what was asked; None when nothing was."""
        if self.skipped:
            return None
        verdicts = []
        if self.at_most is not None:
            verdicts.append(self.value <= self.at_most)
        if self.at_least is not None:
            verdicts.append(self.ratio is not None and self.ratio >= self.at_least)
        return all(verdicts) if verdicts else None

    def cells(self):
        def number(value):
            return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"

        if self.skipped:
            return (self.what, "-", "-", "-", "-", "skipped" + (": " + self.note if self.note else ""))
        asked = "" if self.at_most is None else f"≤ {number(self.at_most)} {self.unit}"
        if self.at_least is not None:
            asked = f"≥ {number(self.at_least)} ×"
        verdict = {True: "ok", False: "OUT", None: ""}[self.holds]
        return (self.what, f"{number(self.value)} {self.unit}", "" if self.rival is None else f"{number(self.rival)} {self.unit}",
                "" if self.ratio is None else f"{self.ratio:.2f} ×", asked, " ".join(filter(None, (verdict, self.note))))


@dataclass
class Env:
    """Where things are, and how a process is timed."""
    repo: str
    build: str

    class Absent(Exception):
        """Something a bench needs is not here; the message is its row."""

    @property
    def timbre(self):
        program = os.path.join(self.build, "timbre")
        if not os.access(program, os.X_OK):
            raise Env.Absent("build/timbre is not built")
        return program

    @property
    def python(self):
        """The .venv's Python, with PyTorch."""
        return os.path.join(self.repo, ".venv", "bin", "python")

    def golden(self, name):
        """The folder of a golden set, from $TIMBRE_GOLDEN, ../shared/golden or tests/golden."""
        roots = [os.environ.get("TIMBRE_GOLDEN") or os.path.join(self.repo, "..", "shared", "golden"), os.path.join(self.repo, "tests", "golden")]
        for root in roots:
            if os.path.exists(os.path.join(root, name, "set.json")):
                return os.path.join(root, name)
        raise Env.Absent(f"golden set {name} is not here")

    @staticmethod
    def run(command, **more):
        """Runs it, output captured; a failure is the bench's failure."""
        done = subprocess.run(command, capture_output=True, text=True, **more)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
        return done.stdout

    def wall_s(self, command, times=11, **more):
        """Median seconds from start to exit, after one run that warms the file cache."""
        self.run(command, **more)
        seen = []
        for _ in range(times):
            began = time.perf_counter()
            done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
            seen.append(time.perf_counter() - began)
            if done.returncode != 0:
                raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}")
        return statistics.median(seen)

    def cpu_s(self, command, **more):
        """CPU seconds of one run with its children: what counts on a shared machine."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.run(command, **more)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
