#!/usr/bin/env python3
"""Makes tests/golden/checkpoint_files: tiny files as PyTorch and NumPy write them, for the readers in src/weights.

    .venv/bin/python tools/golden/checkpoint_files.py tests/golden/checkpoint_files
"""
import argparse
import collections
import json
import pathlib
import pickle
import sys

import numpy
import torch


def tree():
    """One of everything; expected.json says the same in JSON."""
    base = torch.arange(12, dtype=torch.float32).reshape(3, 4) / 8
    model = collections.OrderedDict(weight=base, transposed=base.t(), row=base[1], half=torch.tensor([1.5, -2.0]).bfloat16(),
                                    count=torch.tensor(7), mask=torch.tensor([True, False, True]))
    model._metadata = collections.OrderedDict([("", {"version": 1})])
    return {"model": model, "optimizer": {"state": {0: {"step": 3}}, "param_groups": [{"lr": numpy.float64(0.125), "betas": (0.5, 0.75)}]},
            "args": argparse.Namespace(hop=256), "path": pathlib.PosixPath("a/b"), "big": 1 << 80, "raw": b"\x00\xff", "none": None,
            "p": torch.nn.Parameter(torch.ones(2)), "word": "né"}


def tensors(value, at, out):
    if isinstance(value, torch.Tensor):
        value = value.detach()
        out[at] = {"dtype": str(value.dtype)[6:], "shape": list(value.shape), "values": value.double().flatten().tolist()}
    elif isinstance(value, dict):
        for key, child in value.items():
            tensors(child, f"{at}.{key}" if at else str(key), out)
    return out


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    value = tree()
    torch.save(value, folder / "zip.pt")
    torch.save(value, folder / "legacy.pt", _use_new_zipfile_serialization=False)
    array = numpy.arange(6, dtype=">i4").reshape(2, 3)
    plain = {"n": array, "f": numpy.asfortranarray(array), "s": numpy.float32(0.25), "l": [1, -1, 0.5, "ü", None, True, (1, 2)], "x": torch.arange(3)}
    for protocol in range(6):
        (folder / f"protocol{protocol}.pkl").write_bytes(pickle.dumps(plain, protocol))
    numpy.save(folder / "fortran_big_endian.npy", numpy.asfortranarray(array.astype(">f4")))
    numpy.save(folder / "texts.npy", numpy.array(["a", "né"]))
    numpy.save(folder / "objects.npy", numpy.array(["a", None, 3], dtype=object))
    numpy.savez(folder / "stored.npz", a=array, b=numpy.array(2.5))
    numpy.savez_compressed(folder / "deflated.npz", a=array, zeros=numpy.zeros((100, 100), numpy.float32))
    (folder / "expected.json").write_text(json.dumps(tensors(value, "", {}), indent=1) + "\n")
    (folder / "set.json").write_text(json.dumps({"set": "checkpoint_files", "version": 1, "made_by": "tools/golden/checkpoint_files.py",
                                                 "torch": torch.__version__, "numpy": numpy.__version__}, indent=1) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
