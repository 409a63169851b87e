"""lhotse itself reads and validates the manifests we write, and we read the ones it writes, samples and all."""
import contextlib
import io
import json
import os
import pathlib
import subprocess
import tempfile
import unittest
import wave
import warnings

import numpy

try:
    import lhotse
except ImportError:
    if os.environ.get("CI"):
        raise
    raise SystemExit("skipped: no lhotse in .venv (tools/setup.sh installs it)")

from lhotse import CutSet, MonoCut, MultiCut, Recording, RecordingSet, SupervisionSegment, SupervisionSet, validate
from lhotse.audio import AudioSource
from lhotse.recipes import prepare_libritts, prepare_ljspeech
from lhotse.recipes.utils import read_manifests_if_cached
from lhotse.supervision import AlignmentItem

TIMBRE = os.path.abspath(os.path.join(os.environ.get("TIMBRE_BUILD", "build"), "timbre"))
RATE = 16000
TEXTS = ['He said "no".', "a|b & <c>", "Größe – 你好，世界！ 😀", "It's 5\\6, all right"]


def timbre(*words, fails=0):
    done = subprocess.run([TIMBRE, *map(str, words)], capture_output=True, text=True)
    if done.returncode != fails:
        raise AssertionError(f"timbre {' '.join(map(str, words))}: exit {done.returncode}, expected {fails}\n{done.stdout}{done.stderr}")
    return done


def noise(samples, channels=1, seed=0):
    return numpy.random.default_rng(seed).integers(-9000, 9000, (samples, channels), dtype=numpy.int16)


def write_wav(path, data, rate=RATE):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(data.shape[1])
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(data.astype("<i2").tobytes())


def lines(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines()]


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)
        warnings.simplefilter("ignore")


class Ours(Case):
    """What `timbre export` writes."""

    def corpus(self, speaker="ada", stereo=False):
        self.data = {}
        with open(self.make("table.csv"), "w", encoding="utf-8") as table:
            table.write("file\ttext\tspeaker\tlanguage\tsplit\n")
            for i, text in enumerate(TEXTS):
                data = noise(4000 + 37 * i, 2 if stereo and i == 0 else 1, i)
                self.data[f"clip{i}"] = data
                write_wav(self.dir / "wav" / f"clip{i}.wav", data)
                quoted = '"' + text.replace('"', '""') + '"'
                table.write(f"wav/clip{i}.wav\t{quoted}\t{speaker}\ten\t{['train', 'train', 'dev', 'test'][i]}\n")
        timbre("import", "table", self.dir / "table.csv", "--out", self.dir / "corpus", "--table.delimiter", "tab", "-q")

    def make(self, name):
        return self.dir / name

    def test_manifests_are_valid_and_say_what_the_corpus_says(self):
        self.corpus(stereo=True)
        timbre("export", self.dir / "corpus", "--format", "lhotse", "--out", self.dir / "out", "--lhotse.prefix", "five", "-q")
        parts = read_manifests_if_cached(dataset_parts=["train", "dev", "test"], output_dir=self.dir / "out", prefix="five",
                                         suffix="jsonl.gz", types=["recordings", "supervisions", "cuts"])
        self.assertEqual({part: len(list(m["cuts"])) for part, m in parts.items()}, {"train": 2, "dev": 1, "test": 1})
        found = {}
        for m in parts.values():
            validate(m["recordings"].to_eager(), read_data=True)
            validate(m["supervisions"].to_eager())
            validate(m["cuts"].to_eager(), read_data=True)
            ours, theirs = m["cuts"].to_eager(), CutSet.from_manifests(m["recordings"].to_eager(), m["supervisions"].to_eager())
            self.assertEqual([c.to_dict() for c in ours], [c.to_dict() for c in theirs])
            for cut in ours:
                (said,) = cut.supervisions
                found[said.id] = said
                samples = cut.load_audio()
                numpy.testing.assert_array_equal(samples, self.data[said.id].T / 32768)
        self.assertEqual([found[f"clip{i}"].text for i in range(4)], TEXTS)
        self.assertEqual({(s.speaker, s.language) for s in found.values()}, {("ada", "en")})
        self.assertEqual(found["clip0"].channel, [0, 1])
        self.assertIsInstance(next(iter(parts["train"]["cuts"])), MultiCut)

    def test_plain_and_relative(self):
        self.corpus()
        timbre("export", self.dir / "corpus", "--format", "lhotse", "--out", self.dir / "out", "--lhotse.prefix", "p", "--no-lhotse.packed",
               "--audio", "copy", "--rate", "0", "--lhotse.paths", "relative", "-q")
        here = os.getcwd()
        os.chdir(self.dir / "out")
        try:
            validate(CutSet.from_file("p_cuts_train.jsonl").to_eager(), read_data=True)
        finally:
            os.chdir(here)

    def test_lhotse_prepares_our_ljspeech_and_libritts(self):
        self.corpus()
        timbre("export", self.dir / "corpus", "--format", "ljspeech", "--out", self.dir / "lj", "-q")
        lj = prepare_ljspeech(self.dir / "lj")
        self.assertEqual({s.id: s.custom["normalized_text"] for s in lj["supervisions"]},
                         {f"clip{i}": text.replace("|", " ") for i, text in enumerate(TEXTS)})
        timbre("export", self.dir / "corpus", "--format", "libritts", "--out", self.dir / "libri", "--rate", "24000", "-q")
        parts = prepare_libritts(self.dir / "libri", dataset_parts=["train-clean-100", "dev-clean", "test-clean"])
        found = {s.id: s for m in parts.values() for s in m["supervisions"]}
        self.assertEqual({id: s.text for id, s in found.items()}, {f"ada_0_clip{i}": text for i, text in enumerate(TEXTS)})
        self.assertEqual({s.speaker for s in found.values()}, {"ada"})
        self.assertEqual({r.sampling_rate for m in parts.values() for r in m["recordings"]}, {24000})


class Theirs(Case):
    """What lhotse writes, through `timbre import lhotse`."""

    def recording(self, id, seconds=2.0, channels=1, seed=1):
        data = noise(int(seconds * RATE), channels, seed)
        path = self.dir / "wav" / f"{id}.wav"
        write_wav(path, data)
        return data, Recording.from_file(path, recording_id=id)

    def bring_in(self, *sources, flags=()):
        out = self.dir / "corpus"
        timbre("import", "lhotse", *sources, "--out", out, "-q", *flags)
        rejected = out / "rejected.jsonl"
        return ({u["id"]: u for u in lines(out / "manifest.jsonl")},
                {r["line"]: r["reason"] for r in lines(rejected)} if rejected.exists() else {})

    def audio_of(self, utterance):
        path = self.dir / "corpus" / utterance["audio"]
        with wave.open(str(path)) as clip:
            return numpy.frombuffer(clip.readframes(clip.getnframes()), "<i2").reshape(-1, clip.getnchannels())

    def test_recordings_and_supervisions(self):
        data, long = self.recording("long", 3.0)
        _, short = self.recording("short", 1.0, seed=2)
        _, alone = self.recording("alone", 1.0, seed=3)
        piped = Recording(id="piped", sources=[AudioSource(type="command", channels=[0], source="cat a.wav")], sampling_rate=RATE,
                          num_samples=RATE, duration=1.0)
        word = AlignmentItem(symbol="so", start=1.25, duration=0.2, score=0.5)
        supervisions = SupervisionSet.from_segments([
            SupervisionSegment(id="a", recording_id="long", start=0.5, duration=1.0, text=TEXTS[0], speaker="ada", language="English",
                               gender="female", custom={"normalized_text": "He said no.", "score": 0.25}),
            SupervisionSegment(id="b", recording_id="long", start=1.2, duration=0.61234, text=TEXTS[2], speaker="bob", language="zh-CN",
                               alignment={"word": [word]}),
            SupervisionSegment(id="c", recording_id="short", start=0, duration=1.0, text=TEXTS[1]),
            SupervisionSegment(id="d", recording_id="piped", start=0, duration=1.0, text="never"),
            SupervisionSegment(id="e", recording_id="nobody", start=0, duration=1.0, text="never")])
        recordings = RecordingSet.from_recordings([long, short, alone, piped])
        manifests = self.dir / "manifests"
        manifests.mkdir()
        recordings.to_file(manifests / "set_recordings_all.jsonl.gz")
        supervisions.to_file(manifests / "set_supervisions_all.jsonl.gz")
        got, rejected = self.bring_in(manifests)
        self.assertEqual(set(got), {"a", "b", "c"})
        self.assertEqual((got["a"]["text"], got["a"]["raw_text"], got["a"]["score"], got["a"]["gender"], got["a"]["language"]),
                         ("He said no.", TEXTS[0], 0.25, "female", "en"))
        self.assertEqual((got["b"]["text"], got["b"]["speaker"], got["b"]["language"]), (TEXTS[2], "bob", "zh-CN"))
        self.assertEqual(got["b"]["alignment"]["word"][0][:2], ["so", 0.05])
        numpy.testing.assert_array_equal(self.audio_of(got["a"]), data[8000:24000])
        for id, cut in {"a": (0.5, 1.0), "b": (1.2, 0.61234)}.items():  # what lhotse would load
            theirs = MonoCut(id="x", start=cut[0], duration=cut[1], channel=0, recording=long).load_audio()
            numpy.testing.assert_array_equal(self.audio_of(got[id]).T / 32768, theirs)
        self.assertTrue(got["c"]["audio"].startswith("/"), "a whole recording is left where it is")
        self.assertEqual(rejected, {3: "no supervision", 4: "source is no file", 5: "unknown recording"})

    def test_cuts(self):
        data, long = self.recording("long", 3.0)
        stereo_data, stereo = self.recording("stereo", 1.0, channels=2, seed=2)
        said = SupervisionSegment(id="s", recording_id="long", start=0.25, duration=0.5, channel=0, text=TEXTS[0], speaker="ada")
        both = SupervisionSegment(id="t", recording_id="stereo", start=0, duration=1.0, channel=[0, 1], text=TEXTS[1])
        left = SupervisionSegment(id="u", recording_id="stereo", start=0, duration=1.0, channel=0, text=TEXTS[1])
        whole = MonoCut(id="whole", start=0, duration=3.0, channel=0, recording=long, supervisions=[
            SupervisionSegment(id="v", recording_id="long", start=0.5, duration=1.0, channel=0, text=TEXTS[2]),
            SupervisionSegment(id="w", recording_id="long", start=2.0, duration=1.0, channel=0, text=TEXTS[3])])
        offset = MonoCut(id="offset", start=1.0, duration=1.0, channel=0, recording=long, supervisions=[said], custom={"origin": "here"})
        cuts = [offset, whole, *[c.with_id(f"only-{c.supervisions[0].id}") for c in whole.trim_to_supervisions(keep_overlapping=False)],
                MultiCut(id="multi", start=0, duration=1.0, channel=[0, 1], recording=stereo, supervisions=[both]),
                MonoCut(id="left", start=0, duration=1.0, channel=0, recording=stereo, supervisions=[left]),
                offset.with_id("resampled").resample(24000), offset.with_id("faster").perturb_speed(1.1),
                offset.pad(duration=2.0), offset.drop_supervisions().with_id("mute")]
        path = self.dir / "cuts_train.jsonl.gz"
        with CutSet.open_writer(path) as writer:
            for cut in cuts:
                writer.write(cut)
        got, rejected = self.bring_in(path)
        trimmed = [c.id for c in cuts[2:4]]
        self.assertEqual(set(got), {"offset", "v", "w", *trimmed, "multi", "resampled"})
        self.assertEqual({u["split"] for u in got.values()}, {"train"})
        self.assertEqual(got["offset"]["origin"], "here")
        numpy.testing.assert_array_equal(self.audio_of(got["offset"]), data[16000:32000])
        numpy.testing.assert_array_equal(self.audio_of(got["v"]), data[8000:24000])
        numpy.testing.assert_array_equal(self.audio_of(got[trimmed[1]]), data[32000:48000])
        numpy.testing.assert_array_equal(self.audio_of(got["multi"]), stereo_data)
        self.assertEqual((got["resampled"]["rate_hz"], got["resampled"]["duration_s"]), (RATE, 1.0))
        self.assertEqual(rejected, {6: "one channel of several", 8: "recording is transformed", 9: "cut is a mix or padding",
                                    10: "no supervision"})

    def test_there_and_back(self):
        """Their manifests → a corpus → our manifests: the same supervisions and samples."""
        recordings, supervisions = [], []
        for i, text in enumerate(TEXTS):
            _, recording = self.recording(f"r{i}", 0.5 + i / 10, seed=i)
            recordings.append(recording)
            supervisions.append(SupervisionSegment(id=f"r{i}", recording_id=f"r{i}", start=0.0, duration=recording.duration, channel=0,
                                                   text=text, language="en", speaker="ada", gender="female",
                                                   custom={"normalized_text": text, "tokens": {"text": ["a", "b"]}}))
        RecordingSet.from_recordings(recordings).to_file(self.dir / "x_recordings_all.jsonl.gz")
        SupervisionSet.from_segments(supervisions).to_file(self.dir / "x_supervisions_all.jsonl.gz")
        timbre("import", "lhotse", self.dir, "--out", self.dir / "corpus", "-q")
        timbre("export", self.dir / "corpus", "--format", "lhotse", "--out", self.dir / "out", "-q")
        again = SupervisionSet.from_file(self.dir / "out" / "x_supervisions_all.jsonl.gz")
        self.assertEqual([s.to_dict() for s in again], [s.to_dict() for s in supervisions])
        again = RecordingSet.from_file(self.dir / "out" / "x_recordings_all.jsonl.gz")
        self.assertEqual([r.to_dict() for r in again], [r.to_dict() for r in recordings])

    def random_cut(self, random, name):
        """Any length, supervisions that overlap and reach out of the cut, custom fields now and then."""
        duration = round(float(random.exponential(3)) + 0.01, int(random.integers(1, 9)))
        cut = MonoCut(id=name, start=0, duration=duration, channel=0, supervisions=[])
        for k in range(int(random.integers(0, 4))):
            start, length = random.uniform(-0.3, 1) * duration, random.uniform(0.01, 1.2) * duration
            custom = {c: 1 for c in ("tokens", "origin") if random.random() < 0.4} or None
            cut.supervisions.append(SupervisionSegment(id=f"{name}-{k}", recording_id="r", start=round(start, 6),
                                                       duration=round(length, 6), custom=custom))
        if random.random() < 0.3:
            cut.custom = {"score": 0.5, "zeta": 1} if random.random() < 0.5 else {"zeta": 1}
        if random.random() < 0.5:
            _, cut.recording = self.recording(name, duration + 0.1)
        return cut

    def test_statistics_are_what_describe_prints(self):
        for seed, count in enumerate([1, 7, 9, 150, 400]):
            random = numpy.random.default_rng(seed)
            cuts = []
            for i in range(count):
                cut = self.random_cut(random, f"c{seed}-{i}") if i > 3 else MonoCut(f"c{i}", 0, 1 + i / 3, 0, supervisions=[])
                kind = random.random()
                if cut.has_recording and kind < 0.2:
                    cut = cut.pad(duration=cut.duration + 1, direction="left" if kind < 0.1 else "right")
                elif cut.has_recording and kind < 0.3:
                    other = self.random_cut(random, f"m{seed}-{i}")
                    if other.has_recording:
                        cut = cut.mix(other, offset_other_by=round(cut.duration / 2, 3))
                cuts.append(cut)
            path = self.dir / f"cuts{seed}.jsonl.gz"
            CutSet.from_cuts(cuts).to_file(path)
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                CutSet.from_file(path).describe()
            self.assertEqual(timbre("stats", path).stdout, said.getvalue())


if __name__ == "__main__":
    unittest.main()
