"""C that was printed, compiled and called as CasADi calls it."""

import ctypes
import shutil
import struct
import subprocess

import pytest

COMPILER = shutil.which("gcc") or shutil.which("cc") or shutil.which("clang")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")


def library(tmp_path, text):
    tmp_path.mkdir(exist_ok=True)
    path = tmp_path / f"source{len(list(tmp_path.iterdir()))}.c"
    path.write_text(text, encoding="utf-8")
    command = [COMPILER, "-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", str(path), "-o",
               str(path.with_suffix(".so")), "-lm"]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(path.with_suffix(".so")))


def sizes(c, name, kind):
    count = getattr(c, f"{name}_n_{kind}")
    count.restype = ctypes.c_longlong
    pattern = getattr(c, f"{name}_sparsity_{kind}")
    pattern.argtypes, pattern.restype = [ctypes.c_longlong], ctypes.POINTER(ctypes.c_longlong)
    patterns = []
    for k in range(count()):
        rows, columns, dense = pattern(k)[:3]
        if dense:
            ends = range(0, rows * columns + 1, rows) if rows else [0] * (columns + 1)
            patterns.append((rows, columns, list(ends), list(range(rows)) * columns))
            continue
        ends = pattern(k)[2 : 3 + columns]
        patterns.append((rows, columns, ends, pattern(k)[3 + columns : 3 + columns + ends[-1]]))
    return patterns


def call(c, name, *arguments):
    """Call a function as CasADi does; return its code and its results."""
    given, results = sizes(c, name, "in"), sizes(c, name, "out")
    assert len(given) == len(arguments)
    assert all(a is None or len(a) == len(pattern[3]) for a, pattern in zip(arguments, given, strict=True))
    work = (ctypes.c_longlong * 4)()
    pointers = [ctypes.byref(work, 8 * k) for k in range(4)]
    assert getattr(c, f"{name}_work")(*pointers) == 0
    vectors = [None if a is None else (ctypes.c_double * len(a))(*a) for a in arguments]
    outputs = [(ctypes.c_double * max(len(pattern[3]), 1))() for pattern in results]
    double = ctypes.POINTER(ctypes.c_double)
    arg = (double * max(len(vectors), 1))(*(ctypes.cast(v, double) if v is not None else double() for v in vectors))
    res = (double * len(outputs))(*(ctypes.cast(y, double) for y in outputs))
    w = (ctypes.c_double * max(work[3], 1))()
    code = getattr(c, name)(arg, res, None, w, 0)
    return code, [list(y)[: len(pattern[3])] for y, pattern in zip(outputs, results, strict=True)]


def bits(numbers):
    return [struct.pack("<d", x) if x == x else b"nan" for x in numbers]
