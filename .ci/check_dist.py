"""Check the contents of a wheel and an sdist: check_dist.py FILE..."""

import sys
import tarfile
import zipfile
from pathlib import Path

MOST_BYTES = 3_000_000
PRINTED = {
    f"{name}.h"
    for name in (
        "arithmetic", "division", "logarithm", "exponential", "power", "trigonometric", "inverse_trigonometric",
        "error",
    )
}


def check(path: Path) -> list[str]:
    """Return what is wrong with a distribution."""
    if path.suffix == ".whl":
        names = zipfile.ZipFile(path).namelist()
        required = ["/py.typed", "/_core.pyi", "/_core.pxd", ".so", "/ops.py", "/LICENSE"]
        # Except for the headers of the functions that `Program.to_source` writes.
        names = [name for name in names if Path(name).name not in PRINTED]
        forbidden = [".c", ".pyx", ".h", ".pxi", ".html"]
    else:
        with tarfile.open(path) as archive:
            names = archive.getnames()
        required = ["/_core.pyx", "/_core.pxd", "/_core.pyi", "/py.typed", "/setup.py", "/LICENSE", "/test_ops.py"]
        required += ["/_kernels/simd.h", "/checkpoint_0.1.0_adam.npz"]
        names = [name for name in names if "/tests/kernels/" not in name]
        forbidden = [".c", "/_ops.pxi", ".so", ".html"]
        forbidden += [f"/_kernels/{name}.h" for name in ("ops", "maps", "pairs", "primitives")]
    wrong = [f"{path.name} lacks *{end}" for end in required if not any(name.endswith(end) for name in names)]
    wrong += [f"{path.name} carries {name}" for name in names if name.endswith(tuple(forbidden))]
    if path.stat().st_size > MOST_BYTES:
        wrong.append(f"{path.name} has {path.stat().st_size} bytes, more than {MOST_BYTES}")
    print(f"{path.name}: {len(names)} files, {path.stat().st_size} bytes")
    return wrong


wrong = [message for name in sys.argv[1:] for message in check(Path(name))]
sys.exit("\n".join(wrong) or None)
