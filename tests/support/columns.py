"""The columns of a corpus folder as bytes, read without timbre: for comparing how two were made."""
import json
import pathlib
import struct


def read_safetensors(path):
    """Name → (dtype, shape, bytes)."""
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    head = json.loads(data[8:8 + length])
    head.pop("__metadata__", None)
    return {name: (entry["dtype"], tuple(entry["shape"]), data[8 + length + entry["data_offsets"][0]:8 + length + entry["data_offsets"][1]]) for name, entry in head.items()}


def read_columns(corpus):
    """Column → {id: (dtype, shape, bytes) or the reason why there is none}. An id that two parts hold differently is an error."""
    columns = {}
    for index in sorted(pathlib.Path(corpus, "columns").glob("*/*.json")):
        values = columns.setdefault(index.parent.name, {})
        about = json.loads(index.read_text())
        new = dict(about["skipped"])
        tensors = index.with_suffix(".safetensors")
        if tensors.exists():
            new.update(read_safetensors(tensors))
        for name, value in new.items():
            if values.setdefault(name, value) != value:
                raise ValueError(f"{index}: another {name} than in an earlier part")
    return columns
