"""Our readers against PyTorch and NumPy: what Python writes we read, what we write Python reads, over all number types."""
import argparse
import collections
import json
import os
import pathlib
import pickle
import struct
import subprocess
import sys
import tempfile
import unittest

import numpy
import torch

TIMBRE = os.path.join(os.environ.get("TIMBRE_BUILD", "build"), "timbre")
DTYPES = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64", "complex128",
          "uint16", "uint32", "uint64"]
SAFETENSORS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32", "I16": "int16",
               "I8": "int8", "U8": "uint8", "BOOL": "bool", "C64": "complex64", "C128": "complex128", "U16": "uint16", "U32": "uint32",
               "U64": "uint64"}


def timbre(*words, fails=0):
    done = subprocess.run([TIMBRE, *map(str, words)], capture_output=True, text=True)
    if done.returncode != fails:
        raise AssertionError(f"timbre {' '.join(map(str, words))}: exit {done.returncode}, expected {fails}\n{done.stdout}{done.stderr}")
    return done


def numbers(dtype, *shape):
    """Values that every bit of the type matters for, the same at each call."""
    kind = getattr(torch, dtype)
    count = int(numpy.prod(shape))
    if dtype == "bool":
        return (torch.arange(count) % 3 == 0).reshape(shape)
    if kind.is_complex:
        return torch.complex(torch.arange(count).double() / 3, -torch.arange(count).double() / 7).to(kind).reshape(shape)
    if kind.is_floating_point:
        return (torch.arange(count).double() / 3 - 1.7).to(kind).reshape(shape)
    return (torch.arange(count) * 37 % 120).to(kind).reshape(shape)


def read_safetensors(path):
    """A reader of a dozen lines, apart from ours."""
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__", {})
    out = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        raw = bytearray(data[8 + length + begin:8 + length + end])
        kind = getattr(torch, SAFETENSORS[entry["dtype"]])
        out[name] = torch.frombuffer(raw, dtype=kind).reshape(entry["shape"]) if raw else torch.zeros(entry["shape"], dtype=kind)
    return out, metadata


def equal(a, b):
    """Same types, keys in order, numbers and tensors."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and a.shape == b.shape and torch.equal(
            a.detach().contiguous().view(-1).view(torch.uint8), b.detach().contiguous().view(-1).view(torch.uint8))
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


class Weights(unittest.TestCase):
    def setUp(self):
        self.keep = tempfile.TemporaryDirectory()
        self.dir = pathlib.Path(self.keep.name)
        self.addCleanup(self.keep.cleanup)

    def flat(self, path):
        """Our reading of a file, through a safetensors file."""
        out = self.dir / "read.safetensors"
        timbre("convert", path, out, "--flat", "--force")
        return read_safetensors(out)[0]

    def save(self, value, legacy=False):
        path = self.dir / "torch.pt"
        torch.save(value, path, _use_new_zipfile_serialization=not legacy)
        return path

    def test_every_number_type_from_both_formats(self):
        for legacy in (False, True):
            for dtype in DTYPES:
                with self.subTest(dtype=dtype, legacy=legacy):
                    value = {"a": numbers(dtype, 3, 5), "scalar": numbers(dtype), "empty": numbers(dtype, 0, 4)}
                    if legacy and dtype in ("uint16", "uint32", "uint64"):
                        continue  # torch's old format has no storage class for these
                    got = self.flat(self.save(value, legacy))
                    self.assertTrue(equal(got, value), got)

    def test_every_number_type_to_torch(self):
        value = {dtype: numbers(dtype, 2, 7) for dtype in DTYPES}
        out = self.dir / "ours.pt"
        timbre("convert", self.save(value), out)
        for weights_only in (True, False):
            for mmap in (True, False):
                got = torch.load(out, weights_only=weights_only, mmap=mmap)
                self.assertTrue(equal(got, value))

    def test_nesting_survives_all_ways(self):
        value = collections.OrderedDict(
            model=torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).state_dict(),
            step=12345678901234, lr=1e-3, big=1 << 100, minus=-(1 << 70), text="Grüße, 世界", none=None, yes=True, raw=b"\x00\xff\x80a",
            words=["a", "b", ["c"]], pair=(1, 2.5, (3,)), empty=[{}, (), []], group={0: {"x": numbers("float32", 2)}, 1: {}}, z=3 - 4j)
        first = self.save(value)
        timbre("convert", first, self.dir / "b.safetensors")
        timbre("convert", self.dir / "b.safetensors", self.dir / "c.pth.tar")
        timbre("convert", self.dir / "c.pth.tar", self.dir / "d.ckpt")
        for name in ("c.pth.tar", "d.ckpt"):
            got = torch.load(self.dir / name, weights_only=True)
            self.assertTrue(equal(got, value), got)
            self.assertEqual(got["model"]._metadata, value["model"]._metadata)
        torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).load_state_dict(got["model"])

    def test_sets_survive(self):
        timbre("convert", self.save({"s": {1, 2, 3}}), self.dir / "s.pt")
        self.assertEqual(torch.load(self.dir / "s.pt", weights_only=True)["s"], {1, 2, 3})

    def test_strides_and_shared_storages(self):
        base = numbers("float32", 4, 6)
        value = {"base": base, "transposed": base.t(), "row": base[1], "column": base[:, 2], "part": base[1:3, 2:5],
                 "expanded": torch.ones(1).expand(3, 2), "tied": base, "permuted": numbers("int64", 2, 3, 4).permute(2, 0, 1)}
        for legacy in (False, True):
            got = self.flat(self.save(value, legacy))
            self.assertTrue(equal(got, value), got)
        timbre("convert", self.save(value), self.dir / "shared.pt")
        got = torch.load(self.dir / "shared.pt", weights_only=True)
        self.assertTrue(equal(got, value))
        self.assertEqual(got["base"].untyped_storage().data_ptr(), got["row"].untyped_storage().data_ptr())
        self.assertIs(got["base"], got["tied"])

    def test_parameters_modules_and_optimisers(self):
        module = torch.nn.Sequential(torch.nn.Conv1d(2, 3, 5), torch.nn.BatchNorm1d(3))
        optimizer = torch.optim.AdamW(module.parameters(), lr=numpy.float64(2e-4))
        module(torch.randn(4, 2, 9)).sum().backward()
        optimizer.step()
        for legacy in (False, True):
            path = self.save({"model": module.state_dict(), "optimizer": optimizer.state_dict(), "lr": numpy.float32(0.25),
                              "p": torch.nn.Parameter(torch.ones(2))}, legacy)
            values = json.loads(timbre("info", path, "--json").stdout)["values"]
            self.assertEqual(values["optimizer.param_groups.0.lr"], 2e-4)
            self.assertEqual(values["lr"], 0.25)
            got = self.flat(path)
            self.assertTrue(equal(got["model.0.weight"], module[0].weight))
            self.assertTrue(equal(got["optimizer.state.0.exp_avg"], optimizer.state_dict()["state"][0]["exp_avg"]))
            whole = self.flat(self.save(module, legacy))
            self.assertTrue(equal(whole["0.weight"], module[0].weight) and equal(whole["1.running_var"], module[1].running_var))

    def test_unknown_classes_are_named_and_kept_as_data(self):
        value = {"args": argparse.Namespace(hop=256, name="x"), "path": pathlib.PosixPath("/a/b"), "w": torch.ones(2)}
        path = self.save(value)
        classes = json.loads(timbre("info", path, "--json").stdout)["opaque_classes"]
        self.assertEqual(classes, ["argparse.Namespace", "pathlib.PosixPath"])
        self.assertIn("argparse.Namespace", timbre("convert", path, self.dir / "plain.pt").stderr)
        got = torch.load(self.dir / "plain.pt", weights_only=True)
        self.assertTrue(equal(got, {"args": {"hop": 256, "name": "x"}, "path": "/a/b", "w": torch.ones(2)}), got)

    def test_nothing_is_run(self):
        class Evil:
            def __reduce__(self):
                return (os.system, (f"touch {marker}",))
        marker = self.dir / "marker"
        (self.dir / "evil.pkl").write_bytes(pickle.dumps({"x": Evil()}))
        classes = json.loads(timbre("info", self.dir / "evil.pkl", "--json").stdout)["opaque_classes"]
        self.assertEqual(classes, ["posix.system"])
        self.assertFalse(marker.exists())

    def test_pickle_protocols(self):
        array = numpy.arange(6, dtype=">i4").reshape(2, 3)
        value = {"a": [1, -1, 1 << 40, -(1 << 90), 0.5, "ü\n'x", None, True, (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), b"\x00\xff"],
                 "n": array, "f": numpy.asfortranarray(array), "s": numpy.float16(1.5), "t": numpy.str_("né"), "l": list(range(300)),
                 "e": {"k%d" % i: i for i in range(300)}, "o": numpy.array(["a", None], dtype=object), "x": torch.arange(3)}
        for protocol in range(6):
            with self.subTest(protocol=protocol):
                path = self.dir / "p.pkl"
                path.write_bytes(pickle.dumps(value, protocol))
                timbre("convert", path, self.dir / "p.pt", "--force")
                got = torch.load(self.dir / "p.pt", weights_only=True)
                self.assertEqual(got["a"], value["a"])
                self.assertTrue(numpy.array_equal(got["n"].numpy(), array) and numpy.array_equal(got["f"].numpy(), array))
                self.assertEqual([got["s"], got["t"], got["l"], got["e"], got["o"]], [1.5, "né", value["l"], value["e"], ["a", None]])
                self.assertTrue(equal(got["x"], torch.arange(3)))

    def test_numpy_files(self):
        arrays = {name: numbers(name, 3, 4).numpy() for name in DTYPES if name != "bfloat16"}
        arrays.update(fortran=numpy.asfortranarray(numpy.arange(6.0).reshape(2, 3)), big=numpy.arange(4, dtype=">f8"),
                      scalar=numpy.array(2.5), empty=numpy.zeros((0, 3)))
        for write in (numpy.savez, numpy.savez_compressed):
            write(self.dir / "a.npz", **arrays)
            got = self.flat(self.dir / "a.npz")
            self.assertEqual(list(got), list(arrays))
            for name, array in arrays.items():
                self.assertTrue(numpy.array_equal(got[name].numpy(), array), name)
        timbre("convert", self.dir / "a.npz", self.dir / "b.npz")
        with numpy.load(self.dir / "b.npz") as back:
            for name, array in arrays.items():
                self.assertTrue(numpy.array_equal(back[name], array) and back[name].dtype == array.dtype.newbyteorder("="), name)
        for name, array in arrays.items():
            numpy.save(self.dir / "one.npy", array)
            timbre("convert", self.dir / "one.npy", self.dir / "two.npy", "--force")
            self.assertTrue(numpy.array_equal(numpy.load(self.dir / "two.npy"), array), name)

    def test_rounding_to_short_reals(self):
        values = torch.tensor([0.0, -0.0, 1.0, 65504.0, 65519.9, 65520.0, 1e9, 6e-8, 2.9e-8, 3e-8, 6.1e-5, 1 / 3, 1e-40, float("inf"),
                               float("nan"), 1.00390625, 1.01171875] + list(torch.randn(1000).numpy() * 1e-5), dtype=torch.float32)
        for dtype in (torch.float16, torch.bfloat16):
            name = {torch.float16: "f16", torch.bfloat16: "bf16"}[dtype]
            timbre("convert", self.save({"x": values}), self.dir / "s.pt", "--dtype", name, "--force")
            got = torch.load(self.dir / "s.pt", weights_only=True)["x"]
            want = values.to(dtype)
            numbers_match = torch.equal(got[~want.isnan()].view(torch.int16), want[~want.isnan()].view(torch.int16))
            self.assertTrue(numbers_match and got[want.isnan()].isnan().all(), name)

    def test_what_a_format_cannot_hold_is_said(self):
        path = self.save({"w": torch.ones(2, dtype=torch.bfloat16), "step": 3})
        done = timbre("convert", path, self.dir / "x.npz", fails=2)
        self.assertIn("bf16", done.stderr)
        self.assertFalse((self.dir / "x.npz").exists())
        self.assertIn("step", timbre("convert", path, self.dir / "y.npz", "--dtype", "f32").stderr)

    def test_checksums(self):
        path = self.save({"w": torch.zeros(1000)})
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        self.assertIn("checksum", timbre("info", path, fails=3).stderr)
        timbre("info", path, "--no-verify")
        torch.serialization.set_crc32_options(False)  # torch then writes 0 for every checksum
        try:
            timbre("info", self.save({"w": torch.zeros(10)}))
        finally:
            torch.serialization.set_crc32_options(True)

    def test_golden_checkpoints(self):
        roots = [pathlib.Path(os.environ.get("TIMBRE_GOLDEN", "../shared/golden")), pathlib.Path("tests/golden")]
        root = next((r for r in roots if r.is_dir()), roots[-1])
        files = sorted(p for e in ("*.pt", "*.pth", "*.pth.tar", "*.th", "*.bin", "*.ckpt") for p in root.rglob(e) if p.stat().st_size < 3e6)
        if not files:
            self.assertNotEqual(os.environ.get("CI"), "true", "no golden checkpoints")
            self.skipTest("no golden checkpoints")
        for path in files[::6]:  # every sixth; all of them are read by the C++ tests
            with self.subTest(path=str(path)):
                want = {}

                def walk(value, at):
                    if isinstance(value, torch.Tensor):
                        want[at] = value
                    elif isinstance(value, dict):
                        [walk(v, f"{at}.{k}" if at else str(k)) for k, v in value.items()]
                    elif isinstance(value, (list, tuple)):
                        [walk(v, f"{at}.{i}" if at else str(i)) for i, v in enumerate(value)]
                walk(torch.load(path, weights_only=False, map_location="cpu"), "")
                got = self.flat(path)
                self.assertTrue(equal(got, want), set(got) ^ set(want))


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
