"""The tool for GradBench answers its messages, with the numbers of the C++ reference."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autograd

FOLDER = Path(__file__).parents[1] / "benchmarks" / "gradbench"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(autograd.__file__).parents[1])}


def rows(*shape):
    return np.random.RandomState(31337).rand(*shape).tolist()


def mixture(d, k):
    rng = np.random.default_rng(31337)
    return {
        "d": d,
        "k": k,
        "n": 1000,
        "x": rng.normal(size=(1000, d)).tolist(),
        "m": 0,
        "gamma": 1.0,
        "alpha": rng.normal(size=k).tolist(),
        "mu": rng.uniform(size=(k, d)).tolist(),
        "q": rng.normal(size=(k, d)).tolist(),
        "l": rng.normal(size=(k, d * (d - 1) // 2)).tolist(),
    }


def network():
    bits = np.random.RandomState(31337).rand(40, 7) < 0.5
    return {
        "main_params": rows(4, 28),
        "extra_params": rows(3, 7),
        "state": rows(4, 7),
        "sequence": bits.astype(float).tolist(),
    }


def cameras(axis):
    return {
        "n": 2,
        "m": 3,
        "p": 12,
        "cam": [*axis, 0.3, -0.2, 4.0, 500.0, 1.0, 2.0, 0.1, -0.02],
        "x": [0.5, 0.7, 9.0],
        "w": 0.6,
        "feat": [10.0, -20.0],
    }


def affine(matrices):
    return [[*matrix[:3], [0.0, 0.0, 0.0, 1.0]] for matrix in matrices]


def hand(triangles, mirrored):
    bones, vertices = 22, 9
    return {
        "theta": (np.array(rows(26)) - 0.4).tolist(),
        "us": rows(5, 2) if triangles else [],
        "data": {
            "correspondences": [0, 2, 1, 2, 3],
            "points": rows(5, 3),
            "model": {
                "bone_count": bones,
                "bone_names": [f"bone{i}" for i in range(bones)],
                "parents": [-1, *(0 if i % 4 == 1 else i - 1 for i in range(1, bones))],
                "base_relatives": affine(rows(bones, 4, 4)),
                "inverse_base_absolutes": affine((np.array(rows(bones, 4, 4)) - 0.5).tolist()),
                "base_positions": [[*position, 1.0] for position in rows(vertices, 3)],
                "weights": rows(vertices, bones),
                "triangles": [[0, 1, 2], [2, 1, 3], [4, 6, 5], [8, 7, 0]],
                "is_mirrored": mirrored,
            },
        },
    }


CASES = {
    "hello square": ("hello", "square", 3.0),
    "hello double": ("hello", "double", 3.0),
    "det": ("det", "primal", {"A": rows(36), "ell": 6}),
    "det gradient": ("det", "gradient", {"A": rows(36), "ell": 6}),
    "llsq": ("llsq", "primal", {"x": rows(8), "n": 33}),
    "llsq gradient": ("llsq", "gradient", {"x": rows(8), "n": 33}),
    "lse": ("lse", "primal", {"x": rows(100)}),
    "lse gradient": ("lse", "gradient", {"x": rows(100)}),
    "gmm 2 5": ("gmm", "objective", mixture(2, 5)),
    "gmm 2 5 gradient": ("gmm", "jacobian", mixture(2, 5)),
    "gmm 10 25": ("gmm", "objective", mixture(10, 25)),
    "gmm 10 25 gradient": ("gmm", "jacobian", mixture(10, 25)),
    "kmeans": ("kmeans", "cost", {"points": rows(50, 3), "centroids": rows(50, 3)[-5:]}),
    "kmeans direction": ("kmeans", "dir", {"points": rows(50, 3), "centroids": rows(50, 3)[-5:]}),
    "ode": ("ode", "primal", {"x": rows(4), "s": 3}),
    "ode gradient": ("ode", "gradient", {"x": rows(4), "s": 3}),
    "lstm": ("lstm", "objective", network()),
    "lstm gradient": ("lstm", "jacobian", network()),
    "ba": ("ba", "objective", cameras([0.1, -0.2, 0.3])),
    "ba Jacobian": ("ba", "jacobian", cameras([0.1, -0.2, 0.3])),
    "ba without a rotation": ("ba", "objective", cameras([0.0, 0.0, 0.0])),
    "ht vertices": ("ht", "objective", hand(False, False)),
    "ht vertices Jacobian": ("ht", "jacobian", hand(False, False)),
    "ht triangles": ("ht", "objective", hand(True, False)),
    "ht triangles Jacobian": ("ht", "jacobian", hand(True, False)),
    "ht mirrored": ("ht", "objective", hand(True, True)),
    **{f"particle {modes}": ("particle", modes, {"w": 0.0}) for modes in ("rr", "rf", "fr", "ff")},
    **{f"saddle {modes}": ("saddle", modes, {"start": [1.0, 1.0]}) for modes in ("rr", "rf", "fr", "ff")},
}

#: The sum and the Euclidean norm of all numbers in the reference's answer.
EXPECTED = {
    "hello square": (9.0, 9.0),
    "hello double": (6.0, 6.0),
    "det": (0.14457054761888383, 0.14457054761888383),
    "det gradient": (0.26811454067014173, 1.0400534364793508),
    "llsq": (28.83809404849745, 28.83809404849745),
    "llsq gradient": (88.47215076258973, 42.469879996995274),
    "lse": (5.151956035985755, 5.151956035985755),
    "lse gradient": (1.0, 0.10392086242913136),
    "gmm 2 5": (-3916.464821054466, 3916.464821054466),
    "gmm 2 5 gradient": (-555.5947058980562, 920.8469993989363),
    "gmm 10 25": (-30857.5336794227, 30857.5336794227),
    "gmm 10 25 gradient": (-16061.688776928198, 2148.023213066061),
    "kmeans": (4.754830001671855, 4.754830001671855),
    "kmeans direction": (-0.02974135449465118, 0.1887719753530202),
    "ode": (3.130858052535642, 2.0257927412181305),
    "ode gradient": (0.2698674742804276, 0.1612729952799083),
    "lstm": (1.0743427914563792, 1.0743427914563792),
    "lstm gradient": (-0.081716946291302, 0.0824870933634788),
    "ba": (-10.677214287869404, 73.6835219687748),
    "ba Jacobian": (7005.725789176591, 1459.4267004628787),
    "ba without a rotation": (98.66287408, 69.80607019618506),
    "ht vertices": (-550.4102682359354, 156.64276443438817),
    "ht vertices Jacobian": (-3.063917005754804, 221.99919872222347),
    "ht triangles": (-570.6917135679095, 162.6582144147151),
    "ht triangles Jacobian": (-53.062221783935, 233.4581998437164),
    "ht mirrored": (-457.56980502670154, 164.36059210266103),
    "particle rr": (0.2071918746486116, 0.2071918746486116),
    "particle rf": (0.2071918746486116, 0.2071918746486116),
    "particle fr": (0.2071918746486116, 0.2071918746486116),
    "particle ff": (0.2071918746486116, 0.2071918746486116),
    "saddle rr": (3.2985299304561424e-05, 1.6492649652280712e-05),
    "saddle rf": (3.2985299304561424e-05, 1.6492649652280712e-05),
    "saddle fr": (3.2985299304561424e-05, 1.6492649652280712e-05),
    "saddle ff": (3.2985299304561424e-05, 1.6492649652280712e-05),
}


def numbers(output):
    """Return all numbers of an answer; keys in their order."""
    if isinstance(output, dict):
        return [number for key in sorted(output) for number in numbers(output[key])]
    if isinstance(output, list):
        return [number for item in output for number in numbers(item)]
    return [output]


def summary(output):
    return math.fsum(numbers(output)), math.hypot(*numbers(output))


def ask(*messages):
    """Return the tool's responses."""
    text = "".join(json.dumps({"id": i, **message}) + "\n" for i, message in enumerate(messages))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(FOLDER / "tool.py")],
        input=text,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    responses = [json.loads(line) for line in done.stdout.splitlines()]
    assert [response["id"] for response in responses] == list(range(len(messages)))
    return responses


@pytest.fixture(scope="module")
def answers():
    evaluations = [
        {"kind": "evaluate", "module": module, "function": function, "input": given}
        for module, function, given in CASES.values()
    ]
    return dict(zip(CASES, ask(*evaluations), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_values(case, answers):
    answer = answers[case]
    assert answer["success"], answer.get("error")
    assert [timing["name"] for timing in answer["timings"]] == ["prepare", "evaluate"]
    assert summary(answer["output"]) == pytest.approx(EXPECTED[case], rel=1e-10, abs=1e-14)


def test_protocol():
    started, known, unknown, failed, analysed = ask(
        {"kind": "start", "eval": "det"},
        {"kind": "define", "module": "det"},
        {"kind": "define", "module": "weather"},
        {"kind": "evaluate", "module": "det", "function": "primal", "input": {"A": [1.0], "ell": 2}},
        {"kind": "analysis", "of": 3, "valid": False},
    )
    assert (started["tool"], known["success"], unknown["success"]) == ("autograd", True, False)
    assert not failed["success"] and "cannot reshape" in failed["error"]
    assert analysed == {"id": 4}


def test_runs_as_often_as_asked():
    (answer,) = ask(
        {
            "kind": "evaluate",
            "module": "lse",
            "function": "primal",
            "input": {"x": [1.0, 2.0], "min_runs": 3, "min_seconds": 0},
        }
    )
    assert [timing["name"] for timing in answer["timings"]] == ["prepare"] + 3 * ["evaluate"]


def test_relay(tmp_path):
    questions = tmp_path / "questions.py"
    questions.write_text(
        "import json\n"
        "def ask(**message):\n"
        "    print(json.dumps(message), flush=True)\n"
        "    return json.loads(input())\n"
        "ask(id=0, kind='start')\n"
        "ask(id=1, kind='define', module='hello')\n"
        "got = ask(id=2, kind='evaluate', module='hello', function='square', input=3.0, description='3')\n"
        "ask(id=3, kind='analysis', of=2, valid=got['output'] == 9.0)\n"
        "ask(id=4, kind='analysis', of=2, valid=False, error='not for nothing')\n"
    )
    relay, log = str(FOLDER / "relay.py"), str(tmp_path / "log.jsonl")

    def run(*arguments):
        return subprocess.run(
            [sys.executable, relay, *arguments], env=ENVIRONMENT, capture_output=True, text=True, timeout=100
        )

    done = run(f"{sys.executable} {questions}", f"{sys.executable} {FOLDER / 'tool.py'}", "--log", log)
    assert (done.returncode, done.stdout, done.stderr) == (1, "1 valid, 1 not\n", "not for nothing\n")
    assert "| hello | square | 3 |" in run("--table", log, log).stdout
    assert "hello square: median 1.00 of 1" in run("--table", log, log).stdout
