"""Measure engines for a parent process: a line of JSON `[method, arguments]` in, a line of JSON out."""

from __future__ import annotations

import json
import os
import sys
import traceback

from engines import Unsupported
from runners import LocalRunner


def main() -> None:
    # Keeps the output of engines out of the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    runner = LocalRunner()
    for line in sys.stdin:
        method, arguments = json.loads(line)
        try:
            answer = {"result": getattr(runner, method)(*arguments)}
        except Unsupported as error:
            answer = {"unsupported": str(error)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
