"""Checkpoints: what goes in comes out, and nothing changes on an error."""

import copy
import json
import os
import random
import re
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from autograd import Value, checkpoint
from autograd.nn import MLP, Module
from autograd.optim import SGD, Adam
from autograd.schedules import StepLR
from autograd.training import History, fit


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.npz"


def edit(path, numbers=None, **changes):
    """Write the checkpoint at `path` again with other numbers of the model or other entries of the header."""
    with np.load(path) as archive:
        entries = dict(archive)
    header = json.loads(str(entries["header"]))
    header |= {name: change(header[name]) for name, change in changes.items()}
    if numbers is not None:
        entries["state/model"] = numbers(entries["state/model"])
    np.savez(path, **{**entries, "header": np.array(json.dumps(header))})


def test_a_model_comes_back_to_the_bit(path):
    model = MLP(2, [5, 3], seed=1)
    model.parameters()[0].data = 5e-324
    model.parameters()[1].data = -0.0
    model.parameters()[2].data = 0.1 + 0.2
    checkpoint.save(path, model)
    other = MLP(2, [5, 3], seed=2)
    state, metadata = checkpoint.load(path, other)
    assert metadata == {}
    assert state == model.state_dict() == other.state_dict()
    assert str(other.parameters()[1].data) == "-0.0"


def test_a_state_dict_is_saved_as_its_module(path):
    model = MLP(2, [1])
    checkpoint.save(str(path), model.state_dict())
    other = MLP(2, [1])
    checkpoint.load(str(path), module=other)
    assert other.state_dict() == model.state_dict()


def test_not_only_finite_numbers(path):
    module = Module()
    module.values = [Value(float("inf")), Value(float("nan"))]
    checkpoint.save(path, module, metadata={"loss": float("nan")})
    checkpoint.load(path, module)
    assert [str(value.data) for value in module.values] == ["inf", "nan"]


def test_every_kind_of_entry(path):
    state = {
        "standardisation": {"mean": np.array([1.5, 2.0]), "scale": np.array([[0.1], [3.0]])},
        "codes": np.array([1, 2**62]),
        "mask": np.array([True, False]),
        "nothing": np.zeros(0),
        "names": ["a", None, True, 7, 0.1, {"deep": [np.float32(0.5), np.int64(3)]}],
        "empty": {},
        "text": "ü/ \0",
        "big": 2**70,
    }
    metadata = {"hidden": [16, 16], "arguments": {"lr": 0.1, "plot": None}, "classes": ["x", "ß"]}
    checkpoint.save(path, state, metadata=metadata)
    loaded = checkpoint.load(path)
    assert loaded.metadata == metadata
    assert loaded.state.keys() == state.keys()
    for name in ("codes", "mask", "nothing"):
        np.testing.assert_array_equal(loaded.state[name], state[name], strict=True)
    for name in ("mean", "scale"):
        np.testing.assert_array_equal(
            loaded.state["standardisation"][name], state["standardisation"][name], strict=True
        )
    assert loaded.state["names"] == ["a", None, True, 7, 0.1, {"deep": [0.5, 3]}]
    assert (loaded.state["empty"], loaded.state["text"], loaded.state["big"]) == ({}, "ü/ \0", 2**70)


def test_numpy_alone_reads_the_parameters(path):
    model = MLP(2, [2, 1])
    checkpoint.save(path, {"model": model, "means": np.arange(3.0)})
    with np.load(path, allow_pickle=False) as archive:
        assert archive["state/model"].tolist() == [parameter.data for parameter in model.parameters()]
        assert archive["state/means"].tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    "make",
    [
        lambda params: SGD(params, lr=0.05, momentum=0.9),
        lambda params: SGD(params, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
        lambda params: Adam(params, lr=0.05, amsgrad=True),
    ],
)
@pytest.mark.parametrize("steps", [0, 3])
def test_a_resumed_training_gives_the_numbers_of_an_uninterrupted_one(path, make, steps):
    def train(model, optimizer, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            sum((model([x, -x]) - x * x) ** 2 for x in (0.5, 1.0, -0.7)).backward()
            optimizer.step()

    model = MLP(2, [4, 1], activation="tanh", seed=3)
    optimizer = make(model.parameters())
    train(model, optimizer, steps)
    checkpoint.save(path, {"model": model, "optimizer": optimizer}, metadata={"hidden": [4]})
    train(model, optimizer, 5)

    state, metadata = checkpoint.load(path)
    resumed = MLP(2, metadata["hidden"] + [1], activation="tanh")
    resumed.load_state_dict(state["model"])
    continued = make(resumed.parameters())
    continued.load_state_dict(state["optimizer"])
    train(resumed, continued, 5)
    assert resumed.state_dict() == model.state_dict()


def test_random_states_fit_in_metadata(path):
    rng = np.random.default_rng(5)
    checkpoint.save(path, {}, metadata={"numpy": rng.bit_generator.state, "python": random.Random(5).getstate()})
    expected = rng.random()
    metadata = checkpoint.load(path).metadata
    rng.bit_generator.state = metadata["numpy"]
    assert rng.random() == expected
    version, numbers, gauss = metadata["python"]
    other = random.Random()
    other.setstate((version, tuple(numbers), gauss))
    assert other.random() == random.Random(5).random()


def test_no_suffix_is_added_and_no_other_file_is_left(tmp_path):
    checkpoint.save(tmp_path / "model", MLP(2, [1]))
    checkpoint.save(tmp_path / "model", MLP(2, [1]))
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    link = tmp_path / "latest.npz"
    try:
        link.symlink_to(tmp_path / "folder" / "model.npz")
    except OSError:
        pytest.skip("Windows lets only some users make links")
    checkpoint.save(link, {"epoch": 1})
    assert link.is_symlink()
    assert checkpoint.load(tmp_path / "folder" / "model.npz").state == {"epoch": 1}


def test_the_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "other").touch()
    checkpoint.save(tmp_path / "model.npz", {})
    assert (tmp_path / "model.npz").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize(
    ("state", "metadata", "error", "message"),
    [
        ({"a": {"b": object()}}, None, TypeError, "state/a/b must be made of numbers.*got object"),
        ({"a": [1, Value(2.0)]}, None, TypeError, "state/a/1 must be made of numbers.*got Value"),
        ({"a": np.array([None])}, None, TypeError, "state/a must be made of numbers.*got an array of object"),
        (
            {"a": np.array([1j])},
            None,
            TypeError,
            "state/a must be made of numbers.*got an array of complex128",
        ),
        ({"a": {1: 2.0}}, None, TypeError, "the keys of state/a must be text, got 1"),
        ({"a/b": {}}, None, ValueError, "the keys of state must not hold '/', got 'a/b'"),
        ([1.0], None, TypeError, "the state must be a dict or have a state_dict, got list"),
        (None, None, TypeError, "the state must be a dict or have a state_dict, got NoneType"),
        (np.ones(2), None, TypeError, "the state must be a dict or have a state_dict, got ndarray"),
        ({}, [1], TypeError, "the metadata must be a dict, got list"),
        ({}, {"a": object()}, TypeError, "not JSON serializable"),
    ],
)
def test_what_can_not_be_saved_leaves_the_old_file(path, state, metadata, error, message):
    checkpoint.save(path, {"epoch": 1})
    before = path.read_bytes()
    with pytest.raises(error, match=message):
        checkpoint.save(path, state, metadata=metadata)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_interrupted_save_leaves_the_old_file_and_no_other(path, monkeypatch, error):
    checkpoint.save(path, {"epoch": 1})

    def fail(*args):
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(error)):
        checkpoint.save(path, {"epoch": 2})
    assert checkpoint.load(path).state == {"epoch": 1}
    assert list(path.parent.iterdir()) == [path]


def test_saves_from_many_threads_leave_one_whole_file(path):
    models = [MLP(2, [20, 1], seed=seed) for seed in range(8)]
    threads = [threading.Thread(target=checkpoint.save, args=(path, model)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert checkpoint.load(path).state in [model.state_dict() for model in models]
    assert list(path.parent.iterdir()) == [path]


def test_missing_file_and_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        checkpoint.load(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError):
        checkpoint.save(tmp_path / "none" / "model.npz", {})
    with pytest.raises((IsADirectoryError, PermissionError)):  # the latter on Windows
        checkpoint.load(tmp_path)


def spoil_text(path):
    path.write_text("sepal_length,species\n5.1,setosa\n")


def spoil_empty(path):
    path.write_bytes(b"")


def spoil_array(path):
    with path.open("wb") as file:
        np.save(file, np.ones(3))


def spoil_archive(path):
    np.savez(path, w=np.ones(3))


def spoil_pickle(path):
    np.savez(path, header=np.array([{"format": "autograd checkpoint"}], dtype=object))


def spoil_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header", "{}")


def spoil_end(path):
    path.write_bytes(path.read_bytes()[:-30])


def spoil_number(path):
    raw = bytearray(path.read_bytes())
    middle = raw.index(b"state/model.npy") + 40
    raw[middle] ^= 0xFF
    path.write_bytes(raw)


def spoil_version(path):
    edit(path, version=lambda version: version + 1)


def spoil_format(path):
    edit(path, format=lambda format: "something else")


def spoil_shape(path):
    edit(path, numbers=lambda numbers: numbers[:-1])


def spoil_names(path):
    edit(path, arrays=lambda arrays: {**arrays, "state/more": [3]})


def spoil_state(path):
    edit(path, state=lambda state: [state["model"]])


def spoil_metadata(path):
    edit(path, metadata=lambda metadata: None)


def spoil_compression(path):
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def npy(shape, descr="<f8", content=b"", **more):
    """Return an entry that says it has a shape."""
    text = repr({"descr": descr, "fortran_order": False, "shape": shape, **more}).encode()
    return b"\x93NUMPY\x01\x00" + (len(text) + 1).to_bytes(2, "little") + text + b"\n" + content


def with_entry(content):
    def spoil(path):
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("state/more.npy", content)

    return spoil


def spoil_overlap(path):
    """Let a thousand entries share one content."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("state/more.npy", npy((2**19,), content=bytes(2**22)))
        info = archive.getinfo("state/more.npy")
        for i in range(1000):
            other = copy.copy(info)
            other.filename = f"state/{i}.npy"
            archive.filelist.append(other)


BOMB = npy((2**24,), content=bytes(2**27))


def spoil_count(path):
    edit(path, state=lambda state: {"model": dict(list(state["model"].items())[:-1])})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_text, "is no readable checkpoint: it is no NumPy archive"),
        (spoil_empty, "is no readable checkpoint: it is no NumPy archive"),
        (spoil_array, "is no readable checkpoint: it is no NumPy archive"),
        (spoil_archive, "is no readable checkpoint: its header does not say 'autograd checkpoint'"),
        (spoil_pickle, "is no readable checkpoint: its entry header has the type object"),
        (spoil_zip, "is no readable checkpoint"),
        (spoil_end, "is no readable checkpoint: it is no NumPy archive"),
        (spoil_number, "is no readable checkpoint"),
        (spoil_version, "is no readable checkpoint: it has format version 2, this package reads 1"),
        (spoil_format, "is no readable checkpoint: its header does not say 'autograd checkpoint'"),
        (spoil_shape, "is no readable checkpoint: its arrays are not those its header names"),
        (spoil_names, "is no readable checkpoint: its arrays are not those its header names"),
        (spoil_count, "is no readable checkpoint"),
        (spoil_state, "is no readable checkpoint: its state or its metadata is no dict"),
        (spoil_metadata, "is no readable checkpoint: its state or its metadata is no dict"),
        (spoil_compression, "is no readable checkpoint: it is compressed by another method"),
        (with_entry(BOMB), "is no readable checkpoint: its .* bytes expand to 1342"),
        (spoil_overlap, "is no readable checkpoint: its .* bytes expand to 4198"),
        (with_entry(npy((2**40,))), r"is no readable checkpoint: its entry state/more has not the size of the shape"),
        (with_entry(npy((2**33, 2**33))), "is no readable checkpoint: its entry state/more has not the size"),
        (with_entry(npy((-1,))), "is no readable checkpoint: its entry state/more has not the size"),
        (with_entry(npy((-1, -1), content=bytes(8))), "is no readable checkpoint"),
        (with_entry(npy((1,), "<U100000000")), "is no readable checkpoint: its entry state/more has not the size"),
        (with_entry(npy((1,), "<U1000000000")), "is no readable checkpoint"),
        (with_entry(npy((1,), "|O")), "is no readable checkpoint: its entry state/more has the type object"),
        (with_entry(npy((1,), "|V8", bytes(8))), "is no readable checkpoint: its entry state/more has the type"),
        (with_entry(npy((10**9, 0)) + b"x"), "is no readable checkpoint: its entry state/more has not the size"),
        (with_entry(npy((10**9, 0))), "is no readable checkpoint: its arrays are not those its header names"),
        (with_entry(b"\x93NUMPY\x03\x00" + bytes(8)), "is no readable checkpoint: its entry state/more has v"),
        (with_entry(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{"), "is no readable checkpoint"),
    ],
)
def test_a_wrong_or_damaged_file_is_a_clear_error(path, spoil, message):
    model = MLP(2, [3, 1])
    checkpoint.save(path, {"model": MLP(2, [3, 1])})
    before = model.state_dict()
    spoil(path)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))} {message}"):
        checkpoint.load(path, model)
    assert model.state_dict() == before


def test_numbers_beyond_floats_leave_the_module_as_it_was(path):
    model = MLP(1, [1], seed=0)
    before = model.state_dict()
    checkpoint.save(path, {name: 10**400 if name.endswith("b") else 1 for name in before})
    with pytest.raises(ValueError, match="too large"):
        checkpoint.load(path, model)
    assert model.state_dict() == before


def test_what_save_writes_load_reads_however_well_it_is_compressed(path):
    checkpoint.save(path, {"zeros": np.zeros(2**23), "texts": ["a"] * 2**20})
    loaded = checkpoint.load(path).state
    assert loaded["zeros"].nbytes == 2**26 and not loaded["zeros"].any() and len(loaded["texts"]) == 2**20
    checkpoint.save(path, {"zeros": np.zeros(2**21)})
    assert path.stat().st_size < 2**16 and checkpoint.load(path).state["zeros"].size == 2**21
    loaded["zeros"][0] = 1.0


def test_any_damage_is_a_value_error_or_harmless(path):
    model = MLP(2, [2, 1])
    checkpoint.save(path, {"model": model, "optimizer": Adam(model.parameters())}, metadata={"epoch": 1})
    expected = checkpoint.load(path).state["model"]
    raw = path.read_bytes()
    rng = random.Random(0)
    errors = 0
    for _ in range(400):
        damaged = bytearray(raw)
        for _ in range(rng.choice([1, 4])):
            damaged[rng.randrange(len(raw))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            assert checkpoint.load(path, model).state["model"] == expected
        except ValueError:
            errors += 1
        assert model.state_dict() == expected
    assert errors > 200


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (lambda: MLP(2, [3, 2]), "the state does not fit MLP: 4 unexpected"),
        (lambda: MLP(2, [1]), "the state does not fit MLP: 10 missing"),
        (lambda: {"model": MLP(2, [1])}, "the state does not fit MLP: 10 missing"),
        (lambda: {"epoch": 3}, r"the state does not fit MLP: 13 missing \(.*\), 1 unexpected \(epoch\)"),
        (
            lambda: {**MLP(2, [3, 1]).state_dict(), "layers.1.neurons.0.b": "0"},
            "has str for layers.1.neurons.0.b",
        ),
        (
            lambda: dict.fromkeys(MLP(2, [3, 1]).state_dict(), np.ones(2)),
            "has ndarray for layers.0.neurons.0.w.0",
        ),
    ],
)
def test_a_state_of_another_model_changes_nothing(path, state, message):
    model = MLP(2, [3, 1])
    before = model.state_dict()
    checkpoint.save(path, state())
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}: .*{message}"):
        checkpoint.load(path, model)
    assert model.state_dict() == before


@pytest.mark.parametrize(
    "name, make",
    [("sgd", lambda params: SGD(params, lr=1.0, momentum=0.9)), ("adam", lambda params: Adam(params, lr=1.0))],
)
def test_a_checkpoint_of_release_0_1_0_continues(name, make):
    """The file was written by that release after 4 epochs; 3 more gave the numbers in its metadata there."""
    X, y = [[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0], [-1.0, -0.5]], [-0.5, 0.375, -1.5, 0.5]
    state, metadata = checkpoint.load(Path(__file__).parent / "data" / f"checkpoint_0.1.0_{name}.npz")
    expected = metadata["expected"]
    model = MLP(2, [3, 1], activation="tanh")
    model.load_state_dict(state["model"])
    optimizer = make(model.parameters())
    optimizer.load_state_dict(state["optimizer"])
    schedule = StepLR(optimizer, 3, gamma=0.5)
    schedule.load_state_dict(state["schedule"])
    assert list(model.state_dict().values()) == expected["parameters"]
    assert [model(x).data for x in X] == pytest.approx(expected["outputs"], rel=1e-14)
    history = History(metadata["history"])
    options = {"optimizer": optimizer, "schedule": schedule, "batch_size": 2, "seed": 5}
    history = fit(model, X, y, epochs=3, history=history, **options)
    assert history["loss"] == pytest.approx(expected["losses"], rel=1e-12)
    assert list(model.state_dict().values()) == pytest.approx(expected["continued"], rel=1e-12)
