"""Programs in files: `Program.save` and `Program.load`, in other processes, with loops, damaged and malicious ones."""

import hashlib
import json
import math
import pickle
import random
import struct
from contextlib import suppress

import numpy as np
import pytest
from bits import assert_same_bits

import autograd
from autograd import (
    Program,
    Value,
    custom_jvp,
    custom_vjp,
    exp,
    grad,
    hessian,
    log,
    scan,
    sin,
    trace,
    value_and_grad,
    vmap,
    where,
    while_loop,
)

PREFIX = struct.Struct("<8sIIQ")
NAN, INF = math.nan, math.inf


@custom_jvp
def scaled(x):
    return x * 3.0


scaled.defjvp(lambda primals, tangents: (primals[0] * 3.0, tangents[0] * primals[0]))


def primitives(x, y):
    return [where(x < y, sin(x), log(y)) + x**y, autograd.gelu(y) * scaled(x), 3.0, -0.0]


def branches(x, y):
    return x * y + exp(x) if x > y else x - y


def loops(x, y):
    def step(carry, t):
        a, b = carry
        a = a * x + t if a < 1.5 else sin(a)
        return (a, scan(lambda c, _: (c * y, None), b + a, length=2)[0]), a * b

    (a, b), ys = scan(step, (x, y), np.arange(6.0) / 10)
    last = while_loop(lambda c: c < 50.0, lambda c: c * 1.5 + 0.1, b * b + 1.0)
    return a + b + last + autograd.functions.sum(list(ys))


def batch(x, y):
    return autograd.functions.sum(list(vmap(lambda row: sin(row * x) * y)(np.arange(20.0))))


PROGRAMS = {
    "primitives": lambda: trace(primitives, 0.5, 2.0),
    "branches": lambda: trace(branches, 0.5, 2.0),
    "a loop": lambda: trace(loops, 0.5, 0.7),
    "its gradient": lambda: trace(value_and_grad(loops, (0, 1)), 0.5, 0.7),
    "its Hessian": lambda: trace(hessian(lambda x: loops(*x)), np.array([0.5, 0.7])),
    "its forward mode": lambda: trace(loops, 0.5, 0.7).forward([0, 1]).reverse([0], [0], ones=True),
    "a batch": lambda: trace(batch, 0.5, 0.7),
    "the gradient of a batch": lambda: trace(grad(batch), 0.5, 0.7),
}


def inputs_of(program, x=0.4, y=0.8):
    return [x, y, 0.25, -0.5][: program.inputs]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_is_saved_is_the_same(name, tmp_path):
    program = PROGRAMS[name]()
    program.save(tmp_path / "f.program")
    for again in (Program.load(tmp_path / "f.program"), pickle.loads(pickle.dumps(program))):
        assert again._is_same(program) and program._is_same(again)
        assert (str(again), again.inputs, again.outputs) == (str(program), program.inputs, program.outputs)
        assert_same_bits(again(*inputs_of(program)), program(*inputs_of(program)))
        wrt = range(program.inputs)
        assert_same_bits(again.reverse(wrt, [0], ones=True)(*inputs_of(program)),
                         program.reverse(wrt, [0], ones=True)(*inputs_of(program)))
    content = (tmp_path / "f.program").read_bytes()
    Program.load(tmp_path / "f.program").save(tmp_path / "again.program")
    assert (tmp_path / "again.program").read_bytes() == content


def test_the_layout_is_the_documented_one(tmp_path):
    trace(lambda x: x * 2.5 + Value(4.0), 1.0).save(tmp_path / "f")
    content = (tmp_path / "f").read_bytes()
    assert content[:8] == bytes.fromhex("93 41 47 50 52 4F 47 0A")
    version, header, length = struct.unpack("<IIQ", content[8:24])
    assert (version, length) == (1, len(content) - 56)
    assert hashlib.sha256(content[:24] + content[56:]).digest() == content[24:56]
    (code,) = json.loads(content[56 : 56 + header])["objects"]
    assert (code["kind"], code["inputs"], code["outputs"]) == ("code", 1, [code["size"] - 1])
    assert length == header + 20 * code["size"] + 4 * code["arguments"] + 8 * len(code["captured"])


def test_a_file_in_a_fresh_process(run_python, tmp_path):
    for name in PROGRAMS:
        program = PROGRAMS[name]()
        program.save(tmp_path / "f")
        code = "import sys; from autograd import Program; print(Program.load(sys.argv[1])(*map(float, sys.argv[2:])))"
        text = run_python(code, str(tmp_path / "f"), *map(str, inputs_of(program)))
        assert_same_bits(eval(text, {"nan": NAN, "inf": INF}), program(*inputs_of(program)))


def test_captured_values(tmp_path):
    w = Value(2.0, label="weight")
    program = trace(lambda x: scan(lambda c, _: (c * w, None), x, length=3)[0] + w, 1.0)
    program.save(tmp_path / "f")
    w.data = 3.0
    again = Program.load(tmp_path / "f")
    assert [(v.data, v.label) for v in again.captured] == [(2.0, "weight")]
    assert (program(1.0), again(1.0)) == ([30.0], [10.0])
    # A pickle of both keeps them together.
    (value, copy) = pickle.loads(pickle.dumps((w, program)))
    assert copy.captured[0] is value


def test_branches_of_loops(tmp_path):
    @autograd.compile
    def f(x):
        return scan(lambda c, _: (c * 2.0 if c < 10.0 else c - 1.0, None), x, length=3)[0]

    f(1.0)
    (program,) = f.programs
    program.save(tmp_path / "f")
    with pytest.raises(RuntimeError, match=r"no step had taken when it was saved.*test_saved_programs\.py:\d+"):
        Program.load(tmp_path / "f")(8.0)
    f(8.0)
    program.save(tmp_path / "f")
    assert Program.load(tmp_path / "f")(8.0) == program(8.0) == [14.0]


def test_guards_keep_their_places(tmp_path):
    PROGRAMS["branches"]().save(tmp_path / "f")
    with pytest.raises(RuntimeError, match=r"another way.*test_saved_programs\.py:\d+"):
        Program.load(tmp_path / "f")(3.0, 1.0)


def test_a_function_of_python_is_pickled_but_not_saved(tmp_path):
    with pytest.raises(TypeError, match=r"calls callback, a function of Python.*pure_callback"):
        trace(lambda x: callback(x) + 1.0, 2.0).save(tmp_path / "f")
    assert not (tmp_path / "f").exists()
    assert pickle.loads(pickle.dumps(trace(lambda x: callback(x) + 1.0, 2.0)))(3.0) == [10.0]


@custom_vjp(pure_callback=True)
def callback(x):
    return x * x


callback.defvjp(lambda x: (x * x, x), lambda x, g: (2.0 * x * g,))


def test_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        Program.load(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        trace(branches, 1.0, 2.0).save(tmp_path / "none" / "f")
    (tmp_path / "text").write_text("a text that is long enough to be a program of autograd, and is none")
    with pytest.raises(ValueError, match=r"text: this is no Program"):
        Program.load(tmp_path / "text")


@pytest.mark.parametrize("name", ["primitives", "its gradient"])
def test_damage_is_refused(name, tmp_path):
    PROGRAMS[name]().save(tmp_path / "f")
    sound = (tmp_path / "f").read_bytes()
    damaged = [sound[:length] for length in range(len(sound))] + [sound + b"\0"]
    for place in range(len(sound)):
        for bit in (1, 16, 128):
            damaged.append(sound[:place] + bytes([sound[place] ^ bit]) + sound[place + 1 :])
    for content in damaged:
        with pytest.raises(ValueError, match="this (is no )?Program"):
            Program._restore(content)


def forged(sound, change):
    """Return a file whose header was changed, with a right checksum."""
    _, version, length, _ = PREFIX.unpack(sound[:24])
    header = json.loads(sound[56 : 56 + length])
    change(header)
    text = json.dumps(header).encode()
    content = text + sound[56 + length :]
    prefix = PREFIX.pack(sound[:8], version, len(text), len(content))
    return prefix + hashlib.sha256(prefix + content).digest() + content


def places_in(node, found):
    """List (container, key) of everything in a header."""
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        found.append((node, key))
        if isinstance(node[key], dict | list):
            places_in(node[key], found)
    return found


FORGERIES = (None, -1, 0, 1, 2, 3, 7, 1000, 2**31, 2**63, 2**70, 1.5, "x", "carry", "track", True, [], {}, [[]])


def test_forged_files_are_refused_or_do_no_harm(tmp_path):
    draw = random.Random(7)
    for name in PROGRAMS:
        program = PROGRAMS[name]()
        program.save(tmp_path / "f")
        sound = (tmp_path / "f").read_bytes()

        def change(header):
            container, key = draw.choice(places_in(header, []))
            # Any number of steps is sound.
            if key != "steps":
                container[key] = draw.choice(FORGERIES)

        for _ in range(300):
            try:
                again = Program._restore(forged(sound, change))
            except ValueError as error:
                assert str(error).startswith("this Program"), error
                continue
            if again.inputs <= 4:
                with suppress(RuntimeError, MemoryError):
                    again(*inputs_of(again))
