#!/usr/bin/env python3
"""timbre get against a server on this machine that cuts, lies and fails, and on disks that are full or closed."""
import fcntl
import hashlib
import io
import json
import os
import pathlib
import random
import signal
import ssl
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
import wave

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import moody_server  # noqa: E402

TIMBRE = pathlib.Path(os.environ.get("TIMBRE_BUILD", ROOT / "build")) / "timbre"
QUICK = ("--backoff-s", "0.05")


def tar(entries, mode="w:gz"):
    """Bytes of an archive of name → bytes, or of (name, link target)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def clip(seconds=0.5):
    out = io.BytesIO()
    with wave.open(out, "wb") as w:
        w.setparams((1, 2, 16000, 0, "NONE", ""))
        w.writeframes(b"".join(struct.pack("<h", (i * 311) % 8000 - 4000) for i in range(int(seconds * 16000))))
    return out.getvalue()


# A little LJ Speech; the noise makes it large enough to be cut in many places.
CORPUS = tar([("LJ/metadata.csv", b"a|One two.|One two.\nb|Three four.|Three four.\n"), ("LJ/wavs/a.wav", clip()), ("LJ/wavs/b.wav", clip()),
              ("LJ/noise.bin", random.Random(1).randbytes(300_000))])


@unittest.skipUnless((TIMBRE.parent / "lib" / "timbre_fetch.so").exists(), "built without libcurl")
class Get(unittest.TestCase):
    def setUp(self):
        self.server = moody_server.MoodyServer()
        self.addCleanup(self.server.close)
        folder = tempfile.TemporaryDirectory(prefix="timbre-get-")
        self.addCleanup(folder.cleanup)
        self.tmp = pathlib.Path(folder.name)
        self.server.files["lj.tar.gz"] = CORPUS
        self.environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy") and k not in ("CURL_CA_BUNDLE", "SSL_CERT_FILE")}

    def catalogue(self, sha256=hashlib.sha256(CORPUS).hexdigest(), size=len(CORPUS), urls=None, name="lj.tar.gz", **more):
        entry = {"title": "Tiny speech", "language": "en", "licence": "CC0", "attribution": "nobody", "format": "ljspeech", "folder": "LJ", **more,
                 "files": [{"name": name, "urls": urls or [self.server.url(name)], **({"bytes": size} if size else {}), **({"sha256": sha256} if sha256 else {})}]}
        path = self.tmp / "catalogue.yaml"
        path.write_text(json.dumps({"tiny": entry}))
        return path

    def get(self, *words, code=0, catalogue=None, **more):
        command = [TIMBRE, "get", "tiny", "--catalogue", catalogue or self.catalogue(), "--out", self.tmp / "data", *QUICK, *words]
        done = subprocess.run([str(w) for w in command], cwd=self.tmp, env=self.environment, capture_output=True, text=True, timeout=60, **more)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def assert_unpacked(self):
        self.assertEqual((self.tmp / "data/LJ/noise.bin").read_bytes(), random.Random(1).randbytes(300_000))
        self.assertEqual(sorted(p.name for p in (self.tmp / "data").iterdir()), ["LJ", "get.json"])  # no archive, no .part, no scratch

    def ranges(self):
        return [asked for _, asked, _, _ in self.server.log]

    def test_whole_and_again(self):
        out = self.get().stdout
        for expected in ("licence: CC0", "hash as published", "next: timbre import ljspeech", "unpacked 4 files"):
            self.assertIn(expected, out)
        self.assertLess(out.index("licence: CC0"), out.index("unpacked 4 files"))
        self.assert_unpacked()
        self.assertIn("fetched and unpacked before", self.get().stdout)
        self.assertEqual(len(self.server.log), 1)
        (self.tmp / "data/LJ/noise.bin").unlink()
        subprocess.run(["rm", "-r", self.tmp / "data/LJ"], check=True)
        self.get()  # what was removed comes again
        self.assert_unpacked()

    def test_import_makes_the_corpus(self):
        out = self.get("--import", "--corpus", "corpus").stdout
        self.assertIn("imported into corpus: 2 utterances", out)
        about = json.loads((self.tmp / "corpus/corpus.json").read_text())
        self.assertEqual((about["licence"], about["attribution"], about["name"]), ("CC0", "nobody", "Tiny speech"))
        document = json.loads(self.get("--import", "--corpus", "corpus", "--json").stdout)
        self.assertTrue(document["import"]["already_there"])
        self.assertTrue(document["files"][0]["already_there"])

    def test_a_recipe_fetches_its_corpus(self):
        entry = json.loads(self.catalogue().read_text())["tiny"]
        (self.tmp / "catalogue.yaml").write_text(json.dumps({"ljspeech": entry}))
        command = [TIMBRE, "prepare", "download", "--recipe", "ljspeech", "--catalogue", "catalogue.yaml", "--stop-stage", "1",
                   "--dev-count", "1", "--test-count", "0", "--json"]
        for again in (False, True):
            done = subprocess.run(command, cwd=self.tmp, env=self.environment, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            said = json.loads(done.stdout)
            self.assertIn("licence: CC0", said["fetch"]["lines"][0])
            self.assertEqual(said["manifests"]["kept"], again)
        self.assertEqual(len(self.server.log), 1)
        self.assertTrue((self.tmp / "data/manifests/ljspeech_recordings_train.jsonl.gz").exists())

    def test_an_import_that_cannot_be_is_refused_before_the_download(self):
        self.assertIn("no import format 'labb'", self.get("--import", code=2, catalogue=self.catalogue(format="labb")).stderr)
        done = subprocess.run([TIMBRE, "get", "mine", "--url", self.server.url("lj.tar.gz"), "--import"], cwd=self.tmp, env=self.environment, capture_output=True, text=True)
        self.assertEqual((done.returncode, "add --format FORMAT" in done.stderr), (2, True), done.stderr)
        self.assertEqual(self.server.log, [])

    def test_cut_connections_end_in_the_same_bytes(self):
        self.server.cuts = [1000, 0, 70_000, 1, 100_000]
        document = json.loads(self.get("--json", "--keep").stdout)
        self.assertEqual((self.tmp / "data/lj.tar.gz").read_bytes(), CORPUS)
        self.assertEqual(document["files"][0]["retries"], 5)
        self.assertTrue(document["files"][0]["verified"])
        starts = [int(r[6:-1]) for r in self.ranges() if r]
        self.assertEqual(starts, [1000, 1000, 71_000, 71_001, 171_001])
        tag = '"' + hashlib.md5(CORPUS).hexdigest() + '"'
        self.assertEqual({if_range for _, asked, if_range, _ in self.server.log if asked}, {tag})

    def test_a_later_call_goes_on(self):
        self.server.cuts = [50_000]
        done = self.get("--retries", "0", code=4)
        self.assertIn("error: lj.tar.gz cannot be fetched:", done.stderr)
        self.assertIn("next: try again later: what has arrived is kept", done.stderr)
        self.assertEqual((self.tmp / "data/lj.tar.gz.part").stat().st_size, 50_000)
        document = json.loads(self.get("--json").stdout)
        self.assertEqual(document["files"][0]["resumed_from"], 50_000)
        self.assertEqual(self.ranges(), [None, "bytes=50000-"])
        self.assert_unpacked()

    def test_a_server_without_ranges_starts_anew(self):
        self.server.cuts, self.server.ranges = [50_000, 90_000], False
        self.assertIn("the server cannot send the rest alone; starting anew", self.get().stderr)
        self.assert_unpacked()

    def test_a_server_without_ranges_that_always_cuts_is_given_up(self):
        self.server.cuts, self.server.ranges = [50_000] * 50, False
        self.get("--retries", "3", code=4)
        self.assertEqual(len(self.server.log), 1 + 3)

    def test_a_file_that_changed_on_the_server_is_not_mixed(self):
        other = CORPUS[:20_000] + b"x" + CORPUS[20_001:]
        for heed, tags in ((True, True), (False, True), (True, False)):
            with self.subTest(heed=heed, tags=tags):
                subprocess.run(["rm", "-rf", self.tmp / "data"], check=True)
                self.server.files["lj.tar.gz"], self.server.cuts = other, [50_000]
                self.server.heed_if_range, self.server.tags = heed, tags
                catalogue = self.catalogue(sha256="", size=0)
                self.get("--retries", "0", code=4, catalogue=catalogue)
                self.server.files["lj.tar.gz"] = CORPUS
                document = json.loads(self.get("--json", catalogue=catalogue).stdout)
                self.assertEqual(document["files"][0]["sha256"], hashlib.sha256(CORPUS).hexdigest())
                self.assertFalse(document["files"][0]["verified"])
                self.assert_unpacked()

    def test_a_range_that_is_not_the_one_asked_for(self):
        self.server.cuts, self.server.lie_about_range = [50_000], True
        self.get("--retries", "2")
        self.assert_unpacked()

    def test_a_flipped_byte(self):
        self.server.files["lj.tar.gz"] = CORPUS[:1234] + bytes([CORPUS[1234] ^ 1]) + CORPUS[1235:]
        done = self.get(code=3)
        self.assertIn("has the SHA-256", done.stderr)
        self.assertIn("set aside as", done.stderr)
        self.assertEqual((self.tmp / "data/lj.tar.gz.corrupt").stat().st_size, len(CORPUS))
        self.assertFalse((self.tmp / "data/LJ").exists())
        self.server.files["lj.tar.gz"] = CORPUS
        self.get()
        self.assertTrue((self.tmp / "data/LJ").exists())

    def test_md5_alone(self):
        path = self.catalogue(sha256="")
        entry = json.loads(path.read_text())
        entry["tiny"]["files"][0]["md5"] = "0" * 32
        path.write_text(json.dumps(entry))
        self.assertIn("has the MD5", self.get(code=3, catalogue=path).stderr)
        entry["tiny"]["files"][0]["md5"] = hashlib.md5(CORPUS).hexdigest()
        path.write_text(json.dumps(entry))
        self.get(catalogue=path)

    def test_another_size_is_refused_before_it_is_fetched(self):
        self.assertIn(f"has {len(CORPUS)} bytes, expected 77", self.get(code=4, catalogue=self.catalogue(size=77)).stderr)
        self.assertEqual((self.tmp / "data/lj.tar.gz.part").stat().st_size, 0)

    def test_no_published_hash_says_so(self):
        out = self.get(catalogue=self.catalogue(sha256="")).stdout
        self.assertIn("no hash is published, its SHA-256 is " + hashlib.sha256(CORPUS).hexdigest(), out)
        self.assertIn(hashlib.sha256(CORPUS).hexdigest(), (self.tmp / "data/get.json").read_text())

    def test_an_archive_that_lies_there_already(self):
        (self.tmp / "data").mkdir()
        (self.tmp / "data/lj.tar.gz").write_bytes(CORPUS)
        self.get()
        self.assertEqual(self.server.log, [])
        self.assert_unpacked()

    def test_servers_in_trouble_are_tried_again(self):
        self.server.statuses, self.server.retry_after = [503, 500, 429, 408], "0"
        done = self.get()
        self.assertEqual(len(self.server.log), 5)
        self.assertIn("HTTP status 503; trying again in 50 ms", done.stderr)
        self.assertIn("HTTP status 408; trying again in 400 ms", done.stderr)
        self.assert_unpacked()

    def test_retry_after_is_heeded(self):
        self.server.statuses, self.server.retry_after = [503], "1"
        started = time.monotonic()
        self.get()
        self.assertGreater(time.monotonic() - started, 1)

    def test_a_missing_file_is_not_tried_again_but_the_next_address_is(self):
        done = self.get(code=4, catalogue=self.catalogue(urls=[self.server.url("gone")]))
        self.assertIn("gone: HTTP status 404", done.stderr)
        self.assertEqual(len(self.server.log), 1)
        self.get(catalogue=self.catalogue(urls=[self.server.url("gone"), self.server.url("lj.tar.gz")]))
        self.assert_unpacked()

    def test_a_mirror_goes_on_where_the_first_ended(self):
        self.server.files["mirror"] = CORPUS
        self.server.cuts = [60_000]
        self.get("--retries", "0", catalogue=self.catalogue(urls=[self.server.url("lj.tar.gz"), self.server.url("mirror")]))
        self.assertEqual(self.ranges(), [None, "bytes=60000-"])
        self.assert_unpacked()

    def test_redirects(self):
        self.server.redirects = {"old": self.server.url("lj.tar.gz"), "loop": self.server.url("loop"), "file": "file:///etc/passwd"}
        self.get(catalogue=self.catalogue(urls=[self.server.url("old")]))
        self.assert_unpacked()
        subprocess.run(["rm", "-r", self.tmp / "data"], check=True)
        self.assertIn("redirects", self.get(code=4, catalogue=self.catalogue(urls=[self.server.url("loop")])).stderr)
        self.assertIn("rotocol", self.get(code=4, catalogue=self.catalogue(urls=[self.server.url("file")])).stderr)

    def test_url_and_dry_run(self):
        self.server.files["copy"] = CORPUS
        out = self.get("--dry-run", "--url", self.server.url("copy")).stdout
        self.assertIn(self.server.url("copy"), out)
        self.assertIn("licence: CC0", out)
        self.assertIn(f"{len(CORPUS) / 1000:.0f} KB, with a published hash", out)
        self.assertEqual(self.server.log, [])
        self.assertFalse((self.tmp / "data").exists())
        self.get("--url", self.server.url("copy"))
        self.assert_unpacked()
        done = subprocess.run([TIMBRE, "get", "mine", "--url", self.server.url("lj.tar.gz?x=1"), "--sha256", "0" * 64, "-q"], cwd=self.tmp, env=self.environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 4, done.stderr)  # no file lj.tar.gz?x=1 at that server
        done = subprocess.run([TIMBRE, "get", "mine", "--url", self.server.url("lj.tar.gz"), "--sha256", "0" * 64, "-q"], cwd=self.tmp, env=self.environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 3, done.stderr)

    def test_proxy_and_host_faults_are_said(self):
        self.environment["http_proxy"] = "http://127.0.0.1:9"
        done = self.get("--retries", "0", code=4)
        self.assertIn("is the proxy right? http_proxy=http://127.0.0.1:9", done.stderr)
        del self.environment["http_proxy"]
        done = self.get("--retries", "0", code=4, catalogue=self.catalogue(urls=["http://no-such-host.invalid/x.tar.gz"]))
        self.assertIn("check the network connection", done.stderr)

    def test_certificates(self):
        key, certificate = self.tmp / "key.pem", self.tmp / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.server.socket = context.wrap_socket(self.server.server.socket, server_side=True)
        catalogue = self.catalogue(urls=[f"https://localhost:{self.server.server.server_address[1]}/lj.tar.gz"])
        done = self.get(code=4, catalogue=catalogue)
        self.assertIn("SSL certificate problem", done.stderr)
        self.assertIn("next: install ca-certificates", done.stderr)
        self.environment["SSL_CERT_FILE"] = str(certificate)
        self.get(catalogue=catalogue)
        self.assert_unpacked()

    def test_a_full_disk_keeps_what_came(self):
        catalogue, out = self.catalogue(), self.tmp / "data"
        command = f"trap '' XFSZ; ulimit -f 100; {TIMBRE} get tiny --catalogue {catalogue} --out {out}"
        done = subprocess.run(["bash", "-c", command], env=self.environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("File too large", done.stderr)
        self.assertIn("next: free some space", done.stderr)
        self.assertEqual((out / "lj.tar.gz.part").stat().st_size, 102_400)
        self.get()
        self.assertEqual(self.ranges(), [None, "bytes=102400-"])
        self.assert_unpacked()

    def test_a_full_disk_while_unpacking_leaves_no_rubble(self):
        big = tar([("LJ/zeros.bin", bytes(400_000))])
        self.server.files["lj.tar.gz"] = big
        catalogue, out = self.catalogue(sha256=hashlib.sha256(big).hexdigest(), size=len(big)), self.tmp / "data"
        command = f"trap '' XFSZ; ulimit -f 100; {TIMBRE} get tiny --catalogue {catalogue} --out {out}"
        done = subprocess.run(["bash", "-c", command], env=self.environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertEqual([p.name for p in out.iterdir()], ["lj.tar.gz"])  # the archive stays, so that it need not come again
        self.get(catalogue=catalogue)
        self.assertEqual(len(self.server.log), 1)

    def test_a_folder_that_cannot_be_written(self):
        for where in ("/proc/timbre", "/dev/null/x"):
            done = subprocess.run([TIMBRE, "get", "tiny", "--catalogue", self.catalogue(), "--out", where], env=self.environment, capture_output=True, text=True)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn("cannot", done.stderr)

    def test_two_at_once(self):
        (self.tmp / "data").mkdir()
        with open(self.tmp / "data/lj.tar.gz.part", "ab") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            self.assertIn("another process is fetching it", self.get(code=4).stderr)
        folder = os.open(self.tmp / "data", os.O_RDONLY)
        self.addCleanup(os.close, folder)
        fcntl.flock(folder, fcntl.LOCK_EX)
        self.assertIn("another process gets a corpus into it", self.get(code=4).stderr)

    def test_kill_at_any_moment(self):
        body = random.Random(2).randbytes(3_000_000)
        big = tar([("LJ/noise.bin", body)], "w:")
        self.server.files["lj.tar.gz"] = big
        catalogue = self.catalogue(sha256=hashlib.sha256(big).hexdigest(), size=len(big))
        command = [TIMBRE, "get", "tiny", "--catalogue", catalogue, "--out", self.tmp / "data", "-q"]
        rng, killed = random.Random(3), 0
        for _ in range(12):
            process = subprocess.Popen([str(w) for w in command], stdout=subprocess.DEVNULL, env=self.environment)
            time.sleep(rng.uniform(0.005, 0.06))
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
        self.assertGreater(killed, 0)
        self.get(catalogue=catalogue)
        self.assertEqual((self.tmp / "data/LJ/noise.bin").read_bytes(), body)
        self.assertEqual(sorted(p.name for p in (self.tmp / "data").iterdir()), ["LJ", "get.json"])

    def test_ctrl_c(self):
        self.server.statuses, self.server.retry_after = [503], "30"
        process = subprocess.Popen([str(w) for w in (TIMBRE, "get", "tiny", "--catalogue", self.catalogue(), "--out", self.tmp / "data")], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True, env=self.environment)
        while not self.server.log:
            time.sleep(0.01)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=5)
        self.assertEqual(process.returncode, 4, said)
        self.assertIn("call the same command again to go on", said)

    def test_archives_that_would_leave_the_folder(self):
        for name in ("../evil.txt", "/tmp/timbre-evil.txt", "LJ/../../evil.txt"):
            with self.subTest(name):
                subprocess.run(["rm", "-rf", self.tmp / "data"], check=True)
                bad = tar([("LJ/ok.txt", b"ok"), (name, b"evil")])
                self.server.files["lj.tar.gz"] = bad
                done = self.get(code=3, catalogue=self.catalogue(sha256="", size=0))
                self.assertIn("would be written outside the folder", done.stderr)
                self.assertFalse((self.tmp / "evil.txt").exists() or pathlib.Path("/tmp/timbre-evil.txt").exists())
                self.assertEqual([p.name for p in (self.tmp / "data").iterdir()], ["lj.tar.gz"])

    def test_links_are_left_out_and_bombs_refused(self):
        self.server.files["lj.tar.gz"] = tar([("LJ/ok.txt", b"ok"), ("LJ/link", "/etc/passwd")])
        self.assertIn("1 links left out", self.get(catalogue=self.catalogue(sha256="", size=0)).stdout)
        self.assertFalse(os.path.lexists(self.tmp / "data/LJ/link"))
        subprocess.run(["rm", "-r", self.tmp / "data"], check=True)
        self.server.files["lj.tar.gz"] = tar([("LJ/bomb", bytes(200_000_000))])
        self.assertIn("unpacks to more than", self.get(code=3, catalogue=self.catalogue(sha256="", size=0)).stderr)
        self.assertFalse((self.tmp / "data/LJ").exists())

    def test_archives_within_and_parts(self):
        self.server.files["a.tgz"] = tar([("D/wav/S1.tar.gz", tar([("train/S1/x.wav", b"1")])), ("D/text.txt", b"t")])
        self.server.files["b.tgz"] = tar([("D/wav/S2.tar.gz", tar([("train/S2/y.wav", b"2")]))])
        path = self.tmp / "parts.yaml"
        path.write_text(json.dumps({"tiny": {"title": "T", "licence": "CC0", "format": "lab", "folder": "D", "nested": True,
                                             "files": [{"name": n + ".tgz", "part": n, "urls": [self.server.url(n + ".tgz")]} for n in "ab"]}}))
        self.assertIn("comes in parts: a, b", self.get(code=2, catalogue=path).stderr)
        self.assertIn("has no part 'c'", self.get("--parts", "c", code=2, catalogue=path).stderr)
        self.get("--parts", "a", catalogue=path)
        self.get("--parts", "all", catalogue=path)
        files = sorted(str(p.relative_to(self.tmp / "data/D")) for p in (self.tmp / "data/D").rglob("*") if p.is_file())
        self.assertEqual(files, ["text.txt", "wav/train/S1/x.wav", "wav/train/S2/y.wav"])
        self.assertEqual([p for p, *_ in self.server.log], ["a.tgz", "b.tgz"])

    def test_catalogues_are_judged(self):
        for change, expected in (({"titel": "x"}, "unknown key 'titel'"), ({"licence": None}, "has no 'licence'"), ({"folder": "../x"}, "'folder' is '../x'"),
                                 ({"nested": "maybe"}, "'nested' is 'maybe'")):
            self.assertIn(expected, self.get(code=3, catalogue=self.catalogue(**change)).stderr)
        self.assertIn("64 hexadecimal digits", self.get(code=3, catalogue=self.catalogue(sha256="12")).stderr)
        self.assertIn("a file name without folders", self.get(code=3, catalogue=self.catalogue(name="../x.tar")).stderr)
        (self.tmp / "broken.yaml").write_text("tiny: [")
        self.assertIn("broken.yaml, line 1", self.get(code=3, catalogue=self.tmp / "broken.yaml").stderr)

    def test_the_catalogue(self):
        document = json.loads(subprocess.run([TIMBRE, "get", "--json"], capture_output=True, text=True, check=True).stdout)
        names = {d["name"]: d for d in document}
        self.assertLessEqual({"ljspeech", "baker", "libritts", "aishell1", "aishell3", "vctk"}, set(names))
        for dataset in document:
            self.assertTrue(dataset["licence"])
            for file in dataset["files"]:
                self.assertTrue(all(url.startswith("https://") for url in file["urls"]))
        done = subprocess.run([TIMBRE, "get", "ljspech"], capture_output=True, text=True)
        self.assertEqual((done.returncode, "did you mean 'ljspeech'?" in done.stderr), (2, True))


if __name__ == "__main__":
    unittest.main()
