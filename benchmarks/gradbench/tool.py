"""Answer GradBench's messages: a line of JSON each on standard input, a line for each on standard output."""

import json
import sys
import time
import traceback

import geometry  # noqa: F401
import nested  # noqa: F401
import reductions  # noqa: F401
import simulations  # noqa: F401
from registry import PROBLEMS


def evaluate(module, function, given):
    """Return what an evaluate message is answered with, but for its number."""
    start = time.perf_counter_ns()
    run, encode = PROBLEMS[module][function](given)
    timings = [{"name": "prepare", "nanoseconds": time.perf_counter_ns() - start}]
    runs, seconds = (given.get(name, 0) if isinstance(given, dict) else 0 for name in ("min_runs", "min_seconds"))
    elapsed, done = 0, 0
    while not done or done < runs or elapsed < seconds * 1e9:
        start = time.perf_counter_ns()
        result = run()
        timings.append({"name": "evaluate", "nanoseconds": time.perf_counter_ns() - start})
        elapsed += timings[-1]["nanoseconds"]
        done += 1
    return {"success": True, "output": encode(result), "timings": timings}


def answer(message):
    """Return the response to a message."""
    response = {"id": message["id"]}
    match message["kind"]:
        case "start":
            response["tool"] = "autograd"
        case "define":
            response["success"] = message["module"] in PROBLEMS
        case "evaluate":
            try:
                response |= evaluate(message["module"], message["function"], message["input"])
            except Exception:  # An answer, not the end of the session.
                response |= {"success": False, "error": traceback.format_exc()}
    return response


def main():
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
