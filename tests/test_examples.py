"""Every example runs from a plain install, reaches what it promises, and fails if it does not."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import autograd

EXAMPLES = Path(__file__).parents[1] / "examples"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(autograd.__file__).parents[1])}
# Runs a script as `python SCRIPT` does, with nothing to import but the package and its dependencies.
PLAIN = (
    "import runpy, sys; sys.modules.update(dict.fromkeys({absent!r})); runpy.run_path({path!r}, run_name='__main__')"
)


def run(name, directory):
    program = PLAIN.format(absent=["matplotlib", "scipy", "sklearn", "torch"], path=str(EXAMPLES / name))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=directory,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not list(directory.iterdir())
    return done.stdout


def test_expression(tmp_path):
    out = run("expression.py", tmp_path)
    assert "NOT" not in out
    # Numbers published with micrograd.
    assert "24.7040816326531" in out and "138.833819241983" in out and "645.577259475219" in out


def test_four_points(tmp_path):
    out = run("four_points.py", tmp_path)
    losses = [float(loss) for loss in re.findall(r"^step +\d+  loss ([\d.]+)$", out, re.M)]
    assert len(losses) == 20 and losses[-1] < 0.05 < losses[0]
    predictions = re.findall(r"^ +(-?1) +(-?[\d.]+)$", out, re.M)
    assert [target for target, _ in predictions] == ["1", "-1", "-1", "1"]
    assert all(abs(float(target) - float(prediction)) < 0.2 for target, prediction in predictions)


def test_moons(tmp_path):
    out = run("moons.py", tmp_path)
    steps = re.findall(r"^step (\d+) loss ([\d.]+), accuracy ([\d.]+)%$", out, re.M)
    assert [int(step) for step, _, _ in steps] == list(range(100))
    # micrograd's own losses.
    published = [0.8958441028683222, 1.7235905336972022, 0.7429006313851131]
    assert [float(loss) for _, loss, _ in steps[:3]] == pytest.approx(published, rel=1e-9)
    assert float(steps[-1][1]) == pytest.approx(0.0109783, abs=1e-6)
    assert steps[40][2] == steps[99][2] == "100.0"


def test_damped_oscillator(tmp_path):
    out = run("damped_oscillator.py", tmp_path)
    table = out[out.index("standard error") :].splitlines()[1:5]
    rows = {name: tuple(map(float, numbers)) for name, *numbers in map(str.split, table)}
    assert set(rows) == {"k", "c", "x0", "v0"}
    for true, fitted, error in rows.values():
        assert 0 < error < 0.05 and abs(fitted - true) < 4 * error
    errors = [float(error) for error in re.findall(r"rms error ([\d.]+)", out)]
    assert errors[-1] == pytest.approx(0.02, rel=0.3) and errors[-1] < errors[0] / 10


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("expression.py", ("-8.0", "-8.5")),
        ("four_points.py", ("STEPS, RATE = 20", "STEPS, RATE = 1")),
        ("moons.py", ("range(100)", "range(3)")),
        ("damped_oscillator.py", ("trials=50", "trials=3")),
    ],
)
def test_a_broken_promise_is_a_failure(tmp_path, monkeypatch, name, change):
    text = (EXAMPLES / name).read_text()
    assert text.count(change[0]) == 1
    script = tmp_path / name
    script.write_text(text.replace(*change))
    monkeypatch.setattr(sys, "argv", [name])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(script), run_name="__main__")
    assert end.value.code == 1


def test_moons_plot(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    script = tmp_path / "moons.py"
    script.write_text((EXAMPLES / "moons.py").read_text().replace("range(100)", "range(1)"))
    monkeypatch.setattr(sys, "argv", ["moons.py", "--plot", str(tmp_path / "p.png")])
    with pytest.raises(SystemExit):
        runpy.run_path(str(script), run_name="__main__")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_the_list_names_every_example():
    listed = re.findall(r"^\| \[`([a-z_]+\.py)`\]\(\1\)", (EXAMPLES / "README.md").read_text(), re.M)
    assert sorted(listed) == sorted(path.name for path in EXAMPLES.glob("*.py"))
