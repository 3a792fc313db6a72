"""Builds the extension modules; everything else is in pyproject.toml.

Environment variables
---------------------
AUTOGRAD_DEBUG=1      no optimisation, debug information, assertions
AUTOGRAD_COVERAGE=1   line tracing for coverage.py (Python 3.11 or 3.12)
AUTOGRAD_SANITIZE=1   AddressSanitizer and UndefinedBehaviorSanitizer (see `make sanitize`)
AUTOGRAD_ANNOTATE=1   write Cython's annotated HTML beside the sources
"""

import importlib.util
import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

PACKAGE = Path("src/autograd")


def load(path):
    """Import a module of the package by its path: the package itself needs the core that is being built."""
    spec = importlib.util.spec_from_file_location(f"_setup_{Path(path).stem}", PACKAGE / path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def enabled(name):
    return os.environ.get(f"AUTOGRAD_{name}", "0") not in ("", "0")


load("_build/codegen.py").write(load("ops.py"), PACKAGE)

macros, compile_args, link_args = [], [], []
directives = {"language_level": 3, "binding": True, "cdivision": True}
if os.name == "posix":
    # No contraction: a fused multiply-add would round differently from Python's float. Never -ffast-math: linking
    # it flushes denormals to zero in the whole process.
    compile_args = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
    # Debug information is three quarters of the size of a module.
    compile_args += ["-g0"]
if enabled("DEBUG"):
    compile_args += ["-O0", "-g", "-UNDEBUG"]
if enabled("COVERAGE"):
    directives["linetrace"] = True
    macros += [("CYTHON_TRACE_NOGIL", "1"), ("CYTHON_USE_SYS_MONITORING", "0")]
if enabled("DEBUG") or enabled("SANITIZE"):
    macros += [("AUTOGRAD_NO_REUSE", "1")]
if enabled("SANITIZE"):
    flags = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer"]
    compile_args += ["-O1", "-g", *flags]
    link_args += flags

headers = [str(path) for pattern in ("*.pxd", "*.h", "*.pxi") for path in sorted(PACKAGE.rglob(pattern))]
extensions = [
    Extension(
        ".".join(source.relative_to(PACKAGE.parent).with_suffix("").parts),
        [str(source)],
        depends=headers,
        include_dirs=[str(PACKAGE)],
        define_macros=macros,
        extra_compile_args=compile_args,
        extra_link_args=link_args,
    )
    for source in sorted(PACKAGE.rglob("*.pyx"))
]

processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
setup(
    ext_modules=cythonize(
        extensions, compiler_directives=directives, annotate=enabled("ANNOTATE"), nthreads=processors
    ),
    options={"build_ext": {"parallel": processors}},
)
