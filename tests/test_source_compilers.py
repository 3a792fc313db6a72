"""The source of Black-Scholes, LIBOR and an LSTM, and of their gradients, by every compiler and library that is here.

GCC, Clang and Zig for this processor and for aarch64, which qemu runs; NVRTC, which needs no device; Numba and JAX.
"""

import ctypes
import importlib.util
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from c_source import bits

import autograd
from autograd import functions, scan, trace, value_and_grad, vmap

RATES, STEPS = 8, 4


def black_scholes(x):
    spot, strike, rate, volatility, maturity = x
    deviation = volatility * functions.sqrt(maturity)
    d1 = (functions.log(spot / strike) + (rate + 0.5 * volatility * volatility) * maturity) / deviation

    def normal(x):
        return 0.5 * (1.0 + functions.erf(x * math.sqrt(0.5)))

    return spot * normal(d1) - strike * functions.exp(-rate * maturity) * normal(d1 - deviation)


def libor(x):
    """Return the value of a caplet on every rate, on one path of the LIBOR market model."""
    period, volatilities, rates, normals = x[0], x[1 : RATES + 1], list(x[RATES + 1 : 2 * RATES + 1]), x[-STEPS:]
    for n in range(STEPS):
        drift = 0.0
        for i in range(n + 1, RATES):
            c = period * volatilities[i - n - 1]
            drift = drift + c * rates[i] / (1.0 + period * rates[i])
            shock = functions.sqrt(period) * normals[n]
            rates[i] = rates[i] * functions.exp(c * drift + volatilities[i - n - 1] * (shock - c / 2.0))
    value, bond = 0.0, 1.0
    for rate in rates:
        bond = bond / (1.0 + period * rate)
        value = value + 100.0 * bond * functions.maximum(rate - 0.05, 0.0)
    return value


def lstm(x):
    """Return the squared output of an LSTM cell of one unit after ten inputs, as a loop."""
    w, inputs = x[:12], x[12:]

    def step(state, a):
        h, c = state
        i, f, o = (functions.sigmoid(w[k] * a + w[k + 1] * h + w[k + 2]) for k in (0, 3, 6))
        c = f * c + i * functions.tanh(w[9] * a + w[10] * h + w[11])
        return (o * functions.tanh(c), c), None

    (h, _), _ = scan(step, (0.0, 0.0), inputs)
    return h * h


generator = np.random.default_rng(3)
POINTS = {
    black_scholes: [100.0, 95.0, 0.03, 0.2, 1.5],
    libor: [
        0.25, *generator.uniform(0.1, 0.3, RATES), *generator.uniform(0.03, 0.07, RATES), *generator.normal(size=STEPS)
    ],
    lstm: generator.normal(size=22).tolist(),
}
FUNCTIONS = pytest.mark.parametrize("f", POINTS, ids=lambda f: f.__name__)

MAIN = """
#include <stdio.h>
int main(void)
{
    static const double x[] = {%s};
    static double y[%d], w[%d];
    const double *arg[] = {x};
    double *res[] = {y};
    const int code = f(arg, res, 0, w, 0);
    for (unsigned long i = 0; i < sizeof y / sizeof *y; i++)
        printf("%%a\\n", y[i]);
    return code;
}
"""


def zig(*options):
    found = importlib.util.find_spec("ziglang")
    return found and [sys.executable, "-m", "ziglang", "cc", *options]


def command(name, *options):
    return shutil.which(name) and [name, *options]


QEMU = command("qemu-aarch64-static") or command("qemu-aarch64")
#: How to compile a program, and how to run it.
COMPILERS = {
    "gcc": (command("gcc"), []),
    "gcc -O3 -march=native": (command("gcc", "-O3", "-march=native"), []),
    "clang": (command("clang"), []),
    "clang -O3 -march=native": (command("clang", "-O3", "-march=native"), []),
    "zig": (zig(), []),
    "gcc for aarch64": (command("aarch64-linux-gnu-gcc", "-static"), QEMU),
    "clang for aarch64": (
        shutil.which("aarch64-linux-gnu-gcc") and command("clang", "--target=aarch64-linux-gnu", "-static"), QEMU),
    "zig for aarch64": (zig("-target", "aarch64-linux-musl"), QEMU),
}


def program_of(f):
    return trace(value_and_grad(f), POINTS[f])


@FUNCTIONS
@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_bits_of_every_compiler(tmp_path, f, compiler):
    compile_it, run_it = COMPILERS[compiler]
    if not compile_it or run_it is None:
        pytest.skip(f"there is no {compiler}")
    program = program_of(f)
    text = program.to_source("c")
    size = int(re.search(r"\*sz_w = (\d+)", text)[1])
    numbers = ", ".join(x.hex() for x in map(float, POINTS[f]))
    (tmp_path / "f.c").write_text(text + MAIN % (numbers, program.outputs, max(size, 1)), encoding="utf-8")
    options = [] if "-O3" in compiler else ["-O2"]
    subprocess.run([*compile_it, *options, "-std=c99", "f.c", "-o", "f", "-lm"], cwd=tmp_path, check=True)
    done = subprocess.run([*run_it, tmp_path / "f"], capture_output=True, text=True, check=True)
    assert bits([float.fromhex(line) for line in done.stdout.split()]) == bits(program(*POINTS[f]))


@FUNCTIONS
def test_nvrtc_accepts_the_text_for_cuda(f):
    nvrtc = load_nvrtc()
    ptx = nvrtc(program_of(f).to_source("cuda"))
    assert ".entry f(" in ptx and "fma.rn.f64" not in ptx


def load_nvrtc():
    """Return a function from a text to PTX."""
    found = importlib.util.find_spec("nvidia")
    folders = found.submodule_search_locations if found else []
    paths = [path for folder in folders for path in Path(folder).glob("*/lib/libnvrtc.so.*")]
    if not paths:
        pytest.skip("there is no libnvrtc")
    nvrtc = ctypes.CDLL(str(paths[0]))

    def compile_it(text):
        program, size = ctypes.c_void_p(), ctypes.c_size_t()
        options = [b"--device-as-default-execution-space", b"--fmad=false"]
        assert nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"f.cu", 0, None, None) == 0
        code = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
        nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        nvrtc.nvrtcGetProgramLog(program, log)
        assert code == 0, log.value.decode()[:2000]
        nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size))
        ptx = ctypes.create_string_buffer(size.value)
        nvrtc.nvrtcGetPTX(program, ptx)
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
        return ptx.value.decode()

    return compile_it


def names_of(text):
    names = {}
    exec(text, names)
    return names


@FUNCTIONS
def test_numba_runs_the_text_for_numpy(f):
    numba = pytest.importorskip("numba")
    if f is black_scholes:
        pytest.skip("Numba has no scipy.special.erf")
    program = program_of(f)
    run = numba.njit(names_of(program.to_source("numpy"))["f"])
    np.testing.assert_allclose(run(np.array(POINTS[f])), program(*POINTS[f]), rtol=1e-12, atol=1e-300)


@FUNCTIONS
def test_jax_runs_the_text_for_numpy(f):
    jax = pytest.importorskip("jax")
    program = program_of(f)
    text = program.to_source("numpy").replace("import numpy as np", "import jax.numpy as np")
    run = names_of(text.replace("scipy.special", "jax.scipy.special"))["f"]
    with jax.enable_x64(True):
        for call in (run, jax.jit(run)):
            np.testing.assert_allclose(
                np.array(call(jax.numpy.array(POINTS[f])), float), program(*POINTS[f]), rtol=1e-12, atol=1e-300)


def test_numba_and_jax_run_a_condition_with_numbers():
    def f(x):
        return autograd.while_loop(lambda c: c < 100.0, lambda c: c * x + 1.0 if c < 10.0 else c * 2.0, x)

    x = np.array([1.5, 1.1, 1.01])
    derivative = autograd.compile(vmap(autograd.grad(f)))
    expected = derivative(x)
    text = derivative.programs[0].to_source("numpy")
    np.testing.assert_allclose([names_of(text)["f"]([y])[0] for y in x], expected, rtol=1e-13)
    numba = pytest.importorskip("numba")
    run = numba.njit(names_of(text)["f"])
    np.testing.assert_allclose([run(np.array([y]))[0] for y in x], expected, rtol=1e-13)
