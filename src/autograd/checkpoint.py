"""
Saving and loading of models, optimizers and further state in one ``.npz`` file.

::

    state = {"model": model, "optimizer": optimizer, "schedule": schedule, "early_stopping": stopping}
    checkpoint.save(path, state, metadata={"hidden": [16, 16], "seed": 7, "history": history})

    state, metadata = checkpoint.load(path)
    model = MLP(2, metadata["hidden"] + [1])
    model.load_state_dict(state["model"])
    optimizer = Adam(model.parameters())
    optimizer.load_state_dict(state["optimizer"])
    ...

With all of these, `autograd.training.fit` continues to the numbers of an uninterrupted run: its random numbers depend
on its seed and on the number of the epoch, which is the length of the history. The state of other generators fits in
the metadata, such as ``rng.bit_generator.state``.

The file is a NumPy archive without pickles. Its entry ``header`` is JSON text: the format, its
version, the metadata, the shape of each other entry, and the state, in which None stands for the
content of those entries. An array of the state is an entry of its own, and so are the numbers of a dict that
holds floats only, such as the state of a model; its name is the path of keys to it.
"""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from autograd._core import check_array
from autograd._files import replacing
from autograd.nn import Module

__all__ = ["Checkpoint", "load", "save"]

_FORMAT = "autograd checkpoint"
_VERSION = 1
#: A file may expand to so many bytes, or else to so many times its size. What is larger is saved uncompressed.
_MOST_BYTES, _MOST_TIMES = 2**26, 200


class Checkpoint(NamedTuple):
    """The content of a file, as `load` returns it.

    Attributes
    ----------
    state : dict
    metadata : dict

    Examples
    --------
    >>> Checkpoint({"bias": 0.5}, {"epoch": 7}).metadata
    {'epoch': 7}
    """

    state: dict[str, Any]
    metadata: dict[str, Any]


def _pack(node: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    """Return the JSON form of `node`, with its arrays moved to `arrays`."""
    if hasattr(node, "state_dict"):
        node = node.state_dict()
    if isinstance(node, np.generic):
        node = node.item()
    if isinstance(node, np.ndarray) and node.dtype.kind in "biuf":
        check_array(node, path)
        arrays[path] = node
        return None
    if isinstance(node, Mapping):
        for key in node:
            if not isinstance(key, str):
                raise TypeError(f"the keys of {path} must be text, got {key!r}")
        if node and all(isinstance(value, float) for value in node.values()):
            arrays[path] = np.array(list(node.values()))
            return dict.fromkeys(node)
        for key in node:
            if "/" in key:
                raise ValueError(f"the keys of {path} must not hold '/', got {key!r}")
        return {key: _pack(value, f"{path}/{key}", arrays) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_pack(value, f"{path}/{i}", arrays) for i, value in enumerate(node)]
    if node is None or isinstance(node, str | bool | int | float):
        return node
    what = f"an array of {node.dtype}" if isinstance(node, np.ndarray) else type(node).__name__
    raise TypeError(f"{path} must be made of numbers, text, arrays, lists and dicts, got {what}")


def _unpack(node: Any, path: str, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return what `_pack` was given."""
    if path in arrays:
        return arrays[path] if node is None else dict(zip(node, arrays[path].tolist(), strict=True))
    if isinstance(node, dict):
        return {key: _unpack(value, f"{path}/{key}", arrays) for key, value in node.items()}
    if isinstance(node, list):
        return [_unpack(value, f"{path}/{i}", arrays) for i, value in enumerate(node)]
    return node


def _read(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Return the array of an entry, whose size and type are known to be right before memory is taken for it."""
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version not in _READERS:
            raise ValueError(f"its entry {name} has version {version} of NumPy's format")
        shape, by_column, dtype = _READERS[version](file)
        if dtype.kind not in "biufU":
            raise ValueError(f"its entry {name} has the type {dtype}")
        if math.prod(shape) * dtype.itemsize != info.file_size - file.tell():
            raise ValueError(f"its entry {name} has not the size of the shape {shape}")
        array = np.frombuffer(bytearray(file.read()), dtype)
    return array.reshape(shape, order="F" if by_column else "C")


_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def _check_size(entries: list[zipfile.ZipInfo], size: int) -> None:
    """Raise a ValueError if entries of a file of this size would take much memory, and more than `save` lets them."""
    expanded = sum(entry.file_size for entry in entries)
    if expanded > max(_MOST_BYTES, _MOST_TIMES * size):
        raise ValueError(f"its {size} bytes expand to {expanded}")
    # Other methods of compression need memory of their own.
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
        raise ValueError("it is compressed by another method")


def _parse(file: BinaryIO) -> Checkpoint:
    if not zipfile.is_zipfile(file):
        raise ValueError("it is no NumPy archive")
    with zipfile.ZipFile(file) as archive:
        _check_size(archive.infolist(), file.seek(0, os.SEEK_END))
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        header = json.loads(str(_read(archive, "header"))) if "header" in names else None
        if not isinstance(header, dict) or header.get("format") != _FORMAT:
            raise ValueError(f"its header does not say {_FORMAT!r}")
        if header["version"] != _VERSION:
            raise ValueError(f"it has format version {header['version']}, this package reads {_VERSION}")
        arrays = {name: _read(archive, name) for name in names if name != "header"}
    if {name: list(array.shape) for name, array in arrays.items()} != header["arrays"]:
        raise ValueError("its arrays are not those its header names")
    state = _unpack(header["state"], "state", arrays)
    if not isinstance(state, dict) or not isinstance(header["metadata"], dict):
        raise ValueError("its state or its metadata is no dict")
    return Checkpoint(state, header["metadata"])


def save(path: str | os.PathLike[str], state: Any, *, metadata: Mapping[str, Any] | None = None) -> None:
    """
    Write a state to a file, all of it or nothing.

    Parameters
    ----------
    path : str or path-like
        Used as it is, no suffix is added. An existing file is replaced once the new one is complete.
    state : Module, Optimizer or dict
        Anything with a method `state_dict`, or a dict with text as keys, nested as needed, of numbers,
        text, booleans, None, lists, NumPy arrays of numbers, and things with a `state_dict`.
    metadata : dict, optional
        What JSON can hold.

    Raises
    ------
    TypeError
        If something can not be stored. No file has been touched.
    ValueError
        If a key of a nested dict holds a slash. No file has been touched.
    OSError
        If the file can not be written. An existing one is as it was.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from autograd import checkpoint
    >>> from autograd.nn import MLP
    >>> model = MLP(2, [3, 1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.npz")
    ...     checkpoint.save(path, model, metadata={"epoch": 7})
    ...     state, metadata = checkpoint.load(path)
    >>> state == model.state_dict(), metadata
    (True, {'epoch': 7})
    """
    arrays: dict[str, Any] = {}
    packed = _pack(state, "state", arrays)
    if not isinstance(packed, dict):
        raise TypeError(f"the state must be a dict or have a state_dict, got {type(state).__name__}")
    if not isinstance(metadata, Mapping | None):
        raise TypeError(f"the metadata must be a dict, got {type(metadata).__name__}")
    header = json.dumps(
        {
            "format": _FORMAT,
            "version": _VERSION,
            "metadata": dict(metadata or {}),
            "arrays": {name: array.shape for name, array in arrays.items()},
            "state": packed,
        }
    )
    large = 4 * len(header) + sum(array.nbytes for array in arrays.values()) > _MOST_BYTES // 2
    write: Any = np.savez if large else np.savez_compressed
    with replacing(path) as file:
        write(file, header=np.array(header), **arrays)


def load(path: str | os.PathLike[str], module: Module | None = None) -> Checkpoint:
    """
    Read a file that `save` wrote.

    Parameters
    ----------
    path : str or path-like
    module : Module, optional
        Takes its parameters from ``state["model"]`` where that is a dict, else from the state itself.

    Returns
    -------
    Checkpoint
        The named tuple ``(state, metadata)``, in which tuples have become lists.

    Raises
    ------
    OSError
        If the file can not be read.
    ValueError
        If it is no checkpoint, is damaged, has another version, or its names or entries are not
        those of the module, which then is as it was.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from autograd import MLP, checkpoint
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.npz")
    ...     checkpoint.save(path, MLP(2, [3, 1], seed=0))
    ...     model = MLP(2, [3, 1])
    ...     state, metadata = checkpoint.load(path, model)
    >>> model.state_dict() == MLP(2, [3, 1], seed=0).state_dict()
    True
    """
    with open(path, "rb") as file:
        try:
            checkpoint = _parse(file)
        except MemoryError:
            raise
        # A damaged archive makes zipfile, zlib, json and NumPy raise a dozen different types.
        except Exception as error:
            reason = str(error) or type(error).__name__
            raise ValueError(f"{path} is no readable checkpoint: {reason}") from error
    if module is not None:
        model = checkpoint.state.get("model")
        try:
            module.load_state_dict(model if isinstance(model, dict) else checkpoint.state)
        except (OverflowError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error
    return checkpoint
