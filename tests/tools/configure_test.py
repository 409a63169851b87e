"""A build without media (TIMBRE_MEDIA=OFF, for machines that only train) configures and asks for none of their libraries."""
import os
import subprocess
import tempfile
import unittest

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
MEDIA = ("avformat", "avcodec", "swresample", "soxr", "sndfile", "pocketsphinx", "libcurl")


class WithoutMedia(unittest.TestCase):
    def test_configures_and_links_no_media_library(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DTIMBRE_MEDIA=OFF", "-DTIMBRE_TORCH=OFF",
                                   "-DTIMBRE_TESTS=OFF"], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(os.path.join(folder, "build.ninja"), encoding="utf-8") as rules:
                text = rules.read()
            self.assertIn("build timbre:", text)
            for library in MEDIA:
                self.assertNotIn(f"lib{library.removeprefix('lib')}.so", text)
                self.assertNotIn(f"timbre_plugin_{library}", text)


if __name__ == "__main__":
    unittest.main()
