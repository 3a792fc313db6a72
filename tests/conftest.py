"""What several test modules share."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import autograd

sys.path.insert(0, str(Path(__file__).parent))

# The same examples in every run, whatever time they take.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.load_profile("suite")

# A process inherits that its parent ignores SIGINT, as under nohup, but no handler: interpreters that tests start and
# interrupt would ignore it as well.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, lambda *_: None)

# Read by a type checker only (test_stubs.py).
collect_ignore_glob = ["typing/*"]


def pytest_collection_modifyitems(items):
    """Refuse names of tests with addresses in them: the processes of xdist must collect the same ones."""
    assert not [item.nodeid for item in items if " at 0x" in item.nodeid]


@pytest.fixture(scope="session")
def run_python():
    """Run a program in an interpreter of its own and return what it printed; fail if it fails or crashes."""
    folders = Path(autograd.__file__).parents[1], Path(__file__).parent
    path = os.pathsep.join([*map(str, folders), os.environ.get("PYTHONPATH", "")])

    def run(program, *arguments):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program, *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run
