"""Measure the largest errors of the elementary functions of compiled programs: ``python accuracy.py --points 1000000``.

The C program ``accuracy.c`` compares them with a reference of 113 bits; it needs GCC for its libquadmath.
"""

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

from mpmath import mp

HERE = Path(__file__).parent
KERNELS = HERE.parents[1] / "src/autograd/_kernels"
#: Those of setup.py.
FLAGS = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]

#: The bounds that the documentation states, in ulp.
BOUNDS = {
    **dict.fromkeys(["exp", "log", "log1p", "log2", "log10", "sqrt", "sin", "cos", "tanh", "cbrt", "gaussian"], 1.0),
    **dict.fromkeys(["expm1", "tan", "hypot", "arctan", "arcsin", "arccos", "exp2"], 1.5),
    **dict.fromkeys(["sinh", "cosh", "arcsinh", "arccosh", "arctanh", "erf", "erfc"], 2.0),
    **dict.fromkeys(["pow", "arctan2", "sigmoid", "softplus", "sech_squared"], 2.0),
    **dict.fromkeys(["fmod", "remainder"], 0.5),
    "floor_divide": 1.5,
}


def build(source, directory, compiler=None, flags=(), libraries=("-lm",)):
    """Compile one of the C programs beside this file and return its path."""
    program = Path(directory) / "program"
    command = [*(compiler or os.environ.get("CC") or "cc").split(), *FLAGS, *flags]
    subprocess.run(
        [*command, f"-I{KERNELS}", str(HERE / source), "-o", str(program), *libraries],
        check=True,
        capture_output=True,
        text=True,
    )
    return program


def hard_angles():
    """Yield doubles of every exponent that are very near to a multiple of pi / 2.

    They are multiples of the denominators of the continued fraction of ``2**exponent / (pi / 2)``.
    """
    with mp.workprec(2400):
        for exponent in range(-52, 972):
            x = mp.ldexp(2 / mp.pi, exponent)
            before, denominator = 0, 1
            while denominator < 2**53:
                yield float(mp.ldexp(denominator * ((2**53 - 1) // denominator), exponent))
                x -= mp.floor(x)
                x = 1 / x
                before, denominator = denominator, int(mp.floor(x)) * denominator + before


def measure(points, directory, names=()):
    """Return a dict of each function's largest error in ulp, and where it is."""
    program = build("accuracy.c", directory, libraries=("-lquadmath", "-lm"))
    angles = "\n".join(map(float.hex, hard_angles()))
    run = subprocess.run([str(program), str(points), *names], input=angles, check=True, capture_output=True, text=True)
    rows = [line.split() for line in run.stdout.splitlines()]
    return {name: (float(error), where) for name, error, *where in rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("names", nargs="*", help="functions, all if none is given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        for name, (error, where) in measure(options.points, directory, options.names).items():
            *arguments, result = (float.fromhex(x) for x in where)
            print(f"{name:9} {error:7.4f} ulp (bound {BOUNDS[name]}): {', '.join(map(repr, arguments))} -> {result!r}")


if __name__ == "__main__":
    main()
