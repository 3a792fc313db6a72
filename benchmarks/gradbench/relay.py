"""Pass messages between an eval and a tool of GradBench, and print a table of the tool's times.

    python relay.py "python -m gradbench.evals.lse.run" "python tool.py" --log lse.jsonl
    python relay.py --table ours.jsonl reference.jsonl

The first runs an eval with a tool, in two processes, and writes what passes as a line of JSON each. The second prints
the fastest times of each evaluation in such logs, of one tool a log, and their ratios to the last one's.
"""

import argparse
import json
import shlex
import statistics
import subprocess
import sys


def relay(eval_command, tool_command, log):
    """Run an eval with a tool until the eval ends, and return how many of its answers were valid, and how many not."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    counts = {True: 0, False: 0}
    with (
        subprocess.Popen(shlex.split(eval_command), **pipes) as asker,
        subprocess.Popen(shlex.split(tool_command), **pipes) as answerer,
    ):
        for line in asker.stdout:
            answerer.stdin.write(line)
            answer = answerer.stdout.readline()
            if not answer:
                raise RuntimeError(f"the tool ended at {line[:200]}")
            asker.stdin.write(answer)
            message, response = json.loads(line), json.loads(answer)
            log.write(json.dumps({"message": message}) + "\n" + json.dumps({"response": response}) + "\n")
            if message["kind"] == "analysis":
                counts[message["valid"]] += 1
                if not message["valid"]:
                    print(message["error"], file=sys.stderr)
            elif message["kind"] == "evaluate" and not response["success"]:
                counts[False] += 1
                print(response.get("error"), file=sys.stderr)
        answerer.stdin.close()
    return counts


def fastest(path):
    """Return the fastest time in milliseconds by module, function and description."""
    times, message = {}, {}
    with open(path) as file:
        for line in file:
            entry = json.loads(line)
            message = entry.get("message", message)
            response = entry.get("response", {})
            if message["kind"] == "evaluate" and response.get("success"):
                key = message["module"], message["function"], message.get("description", "")
                times[key] = min(t["nanoseconds"] for t in response["timings"] if t["name"] == "evaluate") / 1e6
    return times


def table(paths):
    """Return lines of Markdown: the times of each evaluation, and a summary of their ratios for each function."""
    logs = [fastest(path) for path in paths]
    names = [path.rsplit("/", 1)[-1].removesuffix(".jsonl") for path in paths]
    heads = ["module", "function", "input", *(f"{name}, ms" for name in names)]
    heads += [f"{name} / {names[-1]}" for name in names[:-1]]
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    ratios = {}
    for key in logs[0]:
        cells = [log.get(key) for log in logs]
        row = [*key, *("-" if cell is None else f"{cell:.4g}" for cell in cells)]
        for cell in cells[:-1]:
            row.append("-" if None in (cell, cells[-1]) else f"{cell / cells[-1]:.2f}")
        if None not in (cells[0], cells[-1]):
            ratios.setdefault(key[:2], []).append(cells[0] / cells[-1])
        yield f"| {' | '.join(row)} |"
    yield ""
    medians = {key: statistics.median(values) for key, values in ratios.items()}
    for (module, function), median in medians.items():
        yield f"{module} {function}: median {median:.2f} of {len(ratios[module, function])}"
    if medians:
        yield f"median of these medians: {statistics.median(medians.values()):.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", nargs="+", metavar="LOG")
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help="of the eval and of the tool")
    parser.add_argument("--log", default="messages.jsonl")
    options = parser.parse_args()
    if options.table:
        print(*table(options.table), sep="\n")
        return 0
    if len(options.commands) != 2:
        parser.error("give the commands of an eval and of a tool")
    with open(options.log, "w") as log:
        counts = relay(*options.commands, log)
    print(f"{counts[True]} valid, {counts[False]} not")
    return 1 if counts[False] else 0


if __name__ == "__main__":
    sys.exit(main())
