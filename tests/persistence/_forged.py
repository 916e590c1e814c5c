"""Files of estimators, changed: by accident, or by somebody who knows the format and makes the digest right again."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

ZEROS = "0" * 64


def seal(data: bytes) -> bytes:
    """Bytes with a digest that is right in place of 64 zeros."""
    return data.replace(ZEROS.encode(), hashlib.sha256(data).hexdigest().encode(), 1)


def opened(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray], dict[str, str]]:
    """Content, tensors and metadata of a file."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata = header["__metadata__"]
    return json.loads(metadata["content"]), safetensors.numpy.load(data), metadata


def forged(content: Any, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """A sealed file; ``content`` may be text."""
    text = content if isinstance(content, str) else json.dumps(content)
    return seal(safetensors.numpy.save(tensors, metadata | {"content": text, "sha256": ZEROS}))


def with_header(data: bytes, change: Callable[[str], str]) -> bytes:
    """A sealed file with the text of the header changed."""
    end = 8 + int.from_bytes(data[:8], "little")
    text = data[8:end].decode()
    digest = json.loads(text)["__metadata__"]["sha256"]
    header = change(text.replace(digest, ZEROS)).encode()
    return seal(len(header).to_bytes(8, "little") + header + data[end:])


def find(packed: Any, name: str) -> dict[str, Any]:
    """Attributes of the first object of a class within the content."""
    waiting = [packed]
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, dict):
            if isinstance(value.get("object"), list) and value["object"][0] == name:
                return value["object"][1]
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    raise KeyError(name)


class Harmful:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def attacks(good: bytes, pipeline: bytes, done: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of files, of which those with code would make the folder ``done``.

    Parameters
    ----------
    good : bytes
        File of a regressor.
    pipeline : bytes
        File of a Pipeline of a StandardScaler and a regressor.
    done : Path
        A folder that does not exist.
    """
    harmful = pickle.dumps(Harmful(done))
    yield "a pickle", harmful
    yield "nothing", b""
    yield "a header beyond the end", (10**12).to_bytes(8, "little") + good[8:]
    yield "a file of safetensors", safetensors.numpy.save({"a": np.zeros(3)})
    yield "a zip that leaves its folder", zip_of({f"../../{done.name}": b"", "schema.json": b"{}"})
    yield from ((name, with_header(good, change)) for name, change in headers(good))
    for name, change in contents():
        content, tensors, metadata = opened(good)
        yield name, forged(change(content, tensors, metadata) or content, tensors, metadata)
    inner = {
        "a pickle within": harmful,
        "a zip within that leaves its folder": zip_of({f"../../{done.name}": b"", "schema.json": b"{}"}),
        "a compressed archive within": zip_of({"schema.json": b"0" * 10**6}, zipfile.ZIP_DEFLATED),
        "an import within": importing(pipeline, "os", "mkdir"),
        "a type within": importing(pipeline, "subprocess", "Popen"),
    }
    for name, data in inner.items():
        content, tensors, metadata = opened(pipeline)
        tensors[skops_name(tensors)] = np.frombuffer(data, dtype=np.uint8)
        yield name, forged(content, tensors, metadata)


def headers(good: bytes) -> Iterator[tuple[str, Callable[[str], str]]]:
    """Changes of the text of the header."""
    first = next(name for name in json.loads(good[8 : 8 + int.from_bytes(good[:8], "little")]) if name[0] != "_")
    yield "a name twice", lambda text: text.replace('"format":', '"format":"skmtl","format":', 1)
    yield (
        "a tensor twice",
        lambda text: text.rstrip()[:-1] + f',"{first}":' + '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
    )
    yield "10^12 elements", lambda text: re.sub(r'"shape":\[(?=[1-9])', '"shape":[1000000000000,', text, count=1)
    yield "a tensor beyond the end", lambda text: text.replace('"data_offsets":[0,', '"data_offsets":[0,9', 1)
    yield "a deep header", lambda text: text.rstrip()[:-1] + ',"deep":' + "[" * 100_000 + "]" * 100_000 + "}"
    yield "a large header", lambda text: text.rstrip()[:-1] + ',"large":[' + "0," * 600_000 + "0]}"
    yield "NaN in the header", lambda text: text.replace('"shape":[', '"shape":[NaN,', 1)
    yield "no metadata", lambda text: text.replace('"__metadata__"', '"metadata"', 1)
    yield "an unknown version", lambda text: text.replace('"format_version":"1"', '"format_version":"99"', 1)
    yield "an unknown name", lambda text: text.replace('"format":', '"further":"1","format":', 1)


def contents() -> Iterator[tuple[str, Callable[[Any, Any, Any], Any]]]:
    """Changes of the content, with the tensors."""

    def estimator(content: Any) -> Any:
        return content["estimator"]["object"]

    def changed(name: str, **attributes: Any) -> Callable[[Any, Any, Any], Any]:
        return lambda content, tensors, metadata: find(content, name).update(attributes)

    yield "an import path", lambda c, t, m: estimator(c).__setitem__(0, "os.mkdir")
    yield "a class of users", lambda c, t, m: estimator(c).__setitem__(0, "user/Popen")
    yield "no estimator", lambda c, t, m: c.update(estimator={"list": []})
    yield "a method", changed("MultiTaskNetRegressor", predict=1)
    yield "a class attribute", changed("MultiTaskNetRegressor", __class__=1)
    yield "a method of a part", changed("encoder/tabular", transform=1)
    yield "an unknown field", changed("architecture", further=1)
    yield "wide layers", changed("architecture", hidden_layer_sizes={"tuple": [10**6, 10**6]})
    yield "many inputs", changed("architecture", n_inputs=10**12)
    yield "many members", changed("architecture", members=10**9)
    yield "a text for a number", changed("architecture", n_inputs="4")
    yield "an object in itself", changed("architecture", sharing={"again": 0})
    yield "an unknown object", changed("architecture", sharing={"again": 10**6})
    yield "an unknown form", changed("architecture", sharing={"pickle": "x"})
    yield "no form", changed("architecture", sharing={"list": [], "tuple": []})
    yield "a device", changed("MultiTaskNetRegressor", device={"device": "nowhere"})
    yield "a function", changed("MultiTaskNetRegressor", verbose={"function": "os.system"})
    yield "a mark", changed("MultiTaskNetRegressor", verbose={"missing": "os"})
    yield "a folder", changed("MultiTaskNetRegressor", checkpoint="/tmp")
    yield "a key twice", changed("MultiTaskNetRegressor", verbose={"dict": [["a", "a"], [1, 2]]})
    yield "a missing tensor", changed("MultiTaskNetRegressor", verbose={"array": {"tensor": "x", "dtype": "<f8"}})
    yield "a deep value", changed("MultiTaskNetRegressor", verbose=json.loads('{"list":[' * 300 + "0" + "]}" * 300))
    yield "a further tensor", lambda c, t, m: t.update(further=np.zeros(3))
    yield "NaN among the parameters", lambda c, t, m: t.update(nan_in(t))
    yield "deep content", lambda c, t, m: "[" * 100_000 + "]" * 100_000
    yield "NaN in the content", lambda c, t, m: '{"estimator": NaN}'
    yield "a large number", lambda c, t, m: '{"estimator": 1e999}'
    yield "a name twice in the content", lambda c, t, m: '{"estimator": 1, "estimator": 2}'
    yield "many strings", many_strings


def many_strings(content: Any, tensors: Any, metadata: Any) -> None:
    """A list of a million strings, which would take far more memory than their tensor."""
    tensors["many"] = np.full((10**6, 1), 97, dtype=np.uint32)
    find(content, "MultiTaskNetRegressor")["verbose"] = {"list": {"tensor": "many", "dtype": "<U1"}}


def nan_in(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The parameters of a layer with NaN among them."""
    name = next(name for name in tensors if ".parameters." in name)
    changed = tensors[name].copy()
    changed.flat[0] = np.nan
    return {name: changed}


def skops_name(tensors: dict[str, np.ndarray]) -> str:
    """Name of the bytes that skops wrote."""
    return next(name for name, value in tensors.items() if bytes(value.ravel()[:2].tobytes()) == b"PK")


def importing(pipeline: bytes, module: str, name: str) -> bytes:
    """What skops wrote of a scaler, with another class in its place."""
    tensors = opened(pipeline)[1]
    with zipfile.ZipFile(io.BytesIO(tensors[skops_name(tensors)].tobytes())) as archive:
        files = {file: archive.read(file) for file in archive.namelist()}
    schema = json.loads(files["schema.json"])
    schema.update(__module__=module, __class__=name)
    return zip_of(files | {"schema.json": json.dumps(schema).encode()})


def zip_of(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return memory.getvalue()


def corruptions(data: bytes, rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Without end, what may happen to a file by accident."""
    end = 8 + int.from_bytes(data[:8], "little")
    while True:
        a, b, c, d = (int(place) for place in np.sort(rng.integers(0, len(data) + 1, 4)))
        bit, where = 1 << int(rng.integers(8)), int(rng.integers(len(data)))
        in_header = int(rng.integers(8, end))
        yield "bit flip", data[:where] + bytes([data[where] ^ bit]) + data[where + 1 :]
        yield "bit flip in the header", data[:in_header] + bytes([data[in_header] ^ bit]) + data[in_header + 1 :]
        yield "truncation", data[:where]
        yield "swapped blocks", data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]
        yield "zeroed block", data[:a] + bytes(b - a) + data[b:]
        yield "appended bytes", data + data[a:b] + b"\0"
        text = data[8:end].decode()
        digit = rng.choice([k for k, mark in enumerate(text) if mark.isdigit()])
        edited = text[:digit] + str((int(text[digit]) + 1) % 10) + text[digit + 1 :]
        yield "edited JSON", data[:8] + edited.encode() + data[end:]
        doubled = text.replace('"format":"skmtl"', '"format":"skmtl","format":"skmtl"', 1).encode()
        yield "duplicated key", len(doubled).to_bytes(8, "little") + doubled + data[end:]
        yield "huge header", int(rng.integers(1, 2**63)).to_bytes(8, "little") + data[8:]
