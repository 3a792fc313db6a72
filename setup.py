"""Builds the extension modules; everything else is in pyproject.toml.

Environment variables, for GCC and clang
----------------------------------------
AUTOGRAD_DEBUG=1      no optimisation, debug information, assertions
AUTOGRAD_COVERAGE=1   line tracing for coverage.py (Python 3.11 or 3.12)
AUTOGRAD_SANITIZE=1   AddressSanitizer and UndefinedBehaviorSanitizer (see `make sanitize`)
AUTOGRAD_ANNOTATE=1   write Cython's annotated HTML beside the sources
"""

import importlib.util
import os
import sys
import tempfile
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, ExecError, PlatformError

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
# No contraction: a fused multiply-add would round differently from Python's float. Never -ffast-math: linking it
# flushes denormals to zero in the whole process. Debug information is three quarters of the size of a module.
GNU = ["-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-g0"]
# Microsoft's compiler contracts nothing under /fp:precise; `restrict` and `_Pragma` are of C11.
MICROSOFT = ["/std:c11", "/O2", "/fp:precise"]
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

#: Modules with loops over numbers, the only ones that gain from more than -O2; a third of the compiler's time.
loops = (
    "_core",
    "_blocks.dense",
    "_blocks.losses",
    "_blocks.reductions",
    "_blocks.rules",
    "_interpreter.interpreter",
    "_kernels.functions",
)

NO_COMPILER = (
    "autograd is compiled when it is installed, and no working C compiler was found. To get one: on Linux, "
    "`sudo apt install gcc libc6-dev` (Debian, Ubuntu) or `sudo dnf install gcc` (Fedora, Red Hat); on macOS, "
    "`xcode-select --install`; on Windows, install the Build Tools for Visual Studio with the workload "
    '"Desktop development with C++".'
)


class BuildExtensions(build_ext):
    """Translates the Cython modules to C and compiles them, several at a time; says so first if it cannot compile."""

    def finalize_options(self):
        super().finalize_options()
        affinity = getattr(os, "sched_getaffinity", None)
        self.parallel = self.parallel or (len(affinity(0)) if affinity else os.cpu_count())

    def build_extensions(self):
        self.check_compiler()
        for extension in self.extensions:
            if self.compiler.compiler_type == "msvc":
                extension.extra_compile_args = MICROSOFT
            else:
                level = "-O3" if extension.name.removeprefix("autograd.") in loops else "-O2"
                extension.extra_compile_args = [level, *GNU, *compile_args]
        translated = cythonize(
            self.extensions,
            compiler_directives=directives,
            annotate=enabled("ANNOTATE"),
            nthreads=self.parallel,
            force=self.force,
        )
        for extension, module in zip(self.extensions, translated, strict=True):
            extension.sources = module.sources
        super().build_extensions()

    def check_compiler(self):
        """Compile an empty function: where that fails, it is not for a fault of ours."""
        with tempfile.TemporaryDirectory() as directory:
            source = Path(directory, "empty.c")
            source.write_text("int empty(void) { return 0; }\n", encoding="utf-8")
            try:
                self.compiler.compile([str(source)], output_dir=directory)
            except (CompileError, ExecError, PlatformError) as error:
                raise PlatformError(NO_COMPILER) from error


headers = [str(path) for pattern in ("*.pxd", "*.h", "*.pxi") for path in sorted(PACKAGE.rglob(pattern))]


def extension(source):
    name = ".".join(source.relative_to(PACKAGE).with_suffix("").parts)
    return Extension(
        f"{PACKAGE.name}.{name}",
        [str(source)],
        depends=headers,
        include_dirs=[str(PACKAGE)],
        define_macros=macros,
        extra_link_args=link_args,
    )


# The largest first, so that no processor is left with one at the end.
sources = sorted(PACKAGE.rglob("*.pyx"), key=lambda path: (-path.stat().st_size, path))

# Processes that translate import this file where they are not forked.
if __name__ == "__main__":
    setup(ext_modules=list(map(extension, sources)), cmdclass={"build_ext": BuildExtensions})
