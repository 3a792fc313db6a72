"""The loaders of files read whatever bytes there are with little memory, and raise nothing but ValueError."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import MLP, checkpoint
from autograd.__main__ import main
from autograd._cli.estimator import Estimator
from autograd._cli.preparation import Preparation
from autograd._cli.table import read_table

IRIS = str(Path(__file__).parents[1] / "examples" / "data" / "iris.csv")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The bytes of a file that the command line saved."""
    path = tmp_path_factory.mktemp("saved") / "m.npz"
    options = ["--target", "species", "--hidden", "2", "--epochs", "1", "--quiet"]
    assert main(["train", IRIS, *options, "--save", str(path)]) == 0
    return path.read_bytes()


# What is near to a zip file, to NumPy's format or to a table is more telling than any bytes.
PARTS = st.sampled_from(
    [b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"header.npy", b"\x93NUMPY\x01\x00", b"{'descr': '<f8', "]
    + [b"'shape': (999999999999,), }", b'{"format": "autograd checkpoint"', b"\xff" * 8, b"\x00" * 8]
    + [b"x,t\n", b'"', b"\n", b",", b"\xef\xbb\xbf"]
)
BYTES = st.lists(st.binary(max_size=40) | PARTS, max_size=20).map(b"".join)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("files") / "file"


def load(path, content):
    """Load bytes by every loader; return whether one could read them."""
    path.write_bytes(content)
    read = False
    for loader in (checkpoint.load, Estimator.load, read_table):
        try:
            loader(path)
            read = True
        except ValueError as error:
            assert str(path) in str(error)
    return read


@settings(max_examples=300, deadline=None)
@given(content=BYTES)
def test_any_bytes(path, content):
    load(path, content)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_changed_bytes(path, saved, data):
    content = bytearray(saved)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3) | PARTS)
    load(path, bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content))


def archive(entries):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in entries.items():
            written.writestr(name, content)
    return file.getvalue()


def forged():
    """Return files that ask for gigabytes."""
    file = io.BytesIO()
    np.save(file, np.zeros(2**24))
    zeros = file.getvalue()
    huge = zeros[:128].replace(b"(16777216,), }      ", b"(1677721600000,), } ")
    for header in (zeros, huge, b"\x93NUMPY\x02\x00\xff\xff\xff\xff"):
        yield archive({"header.npy": header})
        yield archive({f"{name}.npy": header for name in ("header", "state")})
    yield archive({"header": "{}", "header.npy": "[" * 10**6})
    yield archive({"m.csv": bytes(2**27)})


PROGRAM = """
import pathlib, random, resource, sys
import test_loaders
path, saved = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).read_bytes()
assert test_loaders.load(path, saved)
files = list(test_loaders.forged())
used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, used + 2**26))
for content in files:
    assert not test_loaders.load(path, content)
rng = random.Random(0)
for i in range(400):
    test_loaders.load(path, rng.randbytes(rng.randrange(10**4)))
    content = bytearray(saved)
    for _ in range(rng.choice([1, 3])):
        content[rng.randrange(len(content))] = rng.randrange(256)
    test_loaders.load(path, bytes(content))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="measures itself as Linux allows")
def test_any_bytes_under_a_limit_of_memory(tmp_path, saved):
    (tmp_path / "saved").write_bytes(saved)
    folders = [str(Path(autograd.__file__).parents[1]), str(Path(__file__).parent)]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "file"), str(tmp_path / "saved")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "change",
    [
        lambda metadata: metadata["architecture"].update(hidden=[10**9, 10**9]),
        lambda metadata: metadata["architecture"].update(hidden="ab"),
        lambda metadata: metadata["architecture"].update(hidden=[0]),
        lambda metadata: metadata["architecture"].update(hidden=[2.5]),
        lambda metadata: metadata["architecture"].update(classes=3),
        lambda metadata: metadata["architecture"].update(features=None),
        lambda metadata: metadata["architecture"].update(activation="step"),
        lambda metadata: metadata["architecture"].update(width=3),
        lambda metadata: metadata["architecture"].pop("loss"),
        lambda metadata: metadata.pop("architecture"),
        lambda metadata: metadata.pop("settings"),
        lambda metadata: metadata.update(settings=[1]),
        lambda metadata: metadata.update(history=None),
        lambda metadata: metadata.update(history={"loss": 3}),
        lambda metadata: metadata.update(epochs="x"),
        lambda metadata: metadata.update(seed={}),
    ],
)
def test_a_model_with_other_metadata(tmp_path, saved, change):
    path = tmp_path / "m.npz"
    path.write_bytes(saved)
    state, metadata = checkpoint.load(path)
    change(metadata)
    checkpoint.save(path, state, metadata=metadata)
    with pytest.raises(ValueError, match="m.npz: a damaged model"):
        Estimator.load(path)


def test_a_table_of_many_columns(tmp_path):
    path = tmp_path / "wide.csv"
    names = [f"x{i}" for i in range(20_000)]
    path.write_text("\n".join([",".join([*names, "t"]), *(",".join(["1"] * 20_000 + [t]) for t in "ab")]))
    table = read_table(path)
    preparation, left_out = Preparation.fit(table, names, np.arange(2))
    assert not preparation.columns and len(left_out) == 20_000 and table.target("t").classes == ["a", "b"]
    path.write_text(path.read_text().replace("1,a", "0,a"))
    preparation, left_out = Preparation.fit(read_table(path), names, np.arange(2))
    assert preparation.inputs == names[-1:] and preparation.apply(read_table(path)).tolist() == [[0.0], [1.0]]


def test_the_model_of_another_program(tmp_path):
    checkpoint.save(tmp_path / "m.npz", MLP(1, [1]))
    with pytest.raises(ValueError, match="not a model that 'autograd train' saved"):
        Estimator.load(tmp_path / "m.npz")
