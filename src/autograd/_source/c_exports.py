"""Functions of C with the interface of CasADi, and kernels of CUDA over lanes."""

from __future__ import annotations

from collections.abc import Sequence

from autograd._source.c import preamble
from autograd._source.c_functions import CPrinter, Place
from autograd._source.functions import Function, Matrix


def c_source(functions: Sequence[Function], title: str) -> str:
    """Print functions in C99, with CasADi's interface."""
    text = [f"/* {title} */", preamble(functions)]
    text.append("#if defined(_WIN32)\n#define EXPORT __declspec(dllexport)\n#else\n#define EXPORT\n#endif")
    text.append("#ifdef __cplusplus\nextern \"C\" {\n#endif")
    text += [c_exported(function) for function in functions]
    text.append("#ifdef __cplusplus\n}\n#endif\n")
    return "\n".join(text)


def c_exported(function: Function) -> str:
    name = function.name

    def find(blocks: Sequence[Matrix], number: int) -> tuple[int, int]:
        for k, block in enumerate(blocks):
            if block.first is not None and block.first <= number < block.first + block.count:
                return k, number - block.first
        raise AssertionError(number)

    def load(number: int) -> Place:
        k, i = find(function.arguments, number)
        return f"(arg[{k}] ? arg[{k}][{{0}}] : 0.0)", i

    def store(number: int) -> Place:
        k, i = find(function.results, number)
        return f"if (res[{k}]) res[{k}][{{0}}] = {{1}};", i

    printer = CPrinter(name)
    size = printer.function(
        f"{name}_parts", function, "const double **arg, double **res, double *w", "arg, res, w", load, store)
    lines = [*printer.text, c_documentation(function)]
    lines.append(
        f"EXPORT int {name}(const double **arg, double **res, long long int *iw, double *w, int mem)\n"
        f"{{\n    (void)iw, (void)mem;\n    return {name}_parts(arg, res, w);\n}}"
    )
    for kind, blocks in (("in", function.arguments), ("out", function.results)):
        lines.append(f"EXPORT long long int {name}_n_{kind}(void) {{ return {len(blocks)}; }}")
        cases = [f"case {k}: return \"{block.name}\";" for k, block in enumerate(blocks)]
        lines.append(c_switch(f"EXPORT const char *{name}_name_{kind}(long long int i)", cases))
        cases = []
        for k, block in enumerate(blocks):
            pattern = ", ".join(map(str, block.sparsity()))
            lines.append(f"static const long long int {name}_pattern_{kind}{k}[] = {{{pattern}}};")
            cases.append(f"case {k}: return {name}_pattern_{kind}{k};")
        lines.append(c_switch(f"EXPORT const long long int *{name}_sparsity_{kind}(long long int i)", cases))
    lines.append(
        f"EXPORT int {name}_work(long long int *sz_arg, long long int *sz_res, long long int *sz_iw, "
        f"long long int *sz_w)\n{{\n    if (sz_arg) *sz_arg = {len(function.arguments)};\n"
        f"    if (sz_res) *sz_res = {len(function.results)};\n    if (sz_iw) *sz_iw = 0;\n"
        f"    if (sz_w) *sz_w = {size};\n    return 0;\n}}"
    )
    cases = [f"case {k}: return {c_string(place)};" for k, place in enumerate(printer.places, 1)]
    lines.append("/* The branch that a code which is not 0 is of. */")
    lines.append(c_switch(f"EXPORT const char *{name}_branch(int i)", cases))
    return "\n".join(lines) + "\n"


def c_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def c_switch(head: str, cases: list[str]) -> str:
    lines = [head, "{", "    switch (i) {", *cases, "default: return 0;", "    }", "}"]
    return "\n".join(lines)


def c_documentation(function: Function) -> str:
    arguments, results = (
        ", ".join(f"{b.name} ({b.count})" for b in blocks) for blocks in (function.arguments, function.results)
    )
    return f"/* {function.name}: {arguments} -> {results} */"


def cuda_source(functions: Sequence[Function], title: str) -> str:
    """Print kernels over lanes in CUDA, which compiled as C are loops over them."""
    return "\n".join([
        f"/* {title}",
        " *",
        " * Number i of an argument of a lane is x[i * lanes + lane], and that of the result y[i * lanes + lane].",
        " * status[lane] is 0, or the number of the branch that the lane does not take.",
        " * Options of NVRTC: --device-as-default-execution-space --fmad=false */",
        preamble(functions),
        *map(cuda_kernel, functions),
    ])


def cuda_kernel(function: Function) -> str:
    name = function.name
    given = [matrix for matrix in function.arguments if matrix.first is not None]
    starts = {matrix.first or 0: matrix for matrix in given}

    def load(number: int) -> Place:
        first = max(start for start in starts if start <= number)
        return f"{starts[first].name}[{{0}} * lanes]", number - first

    def store(number: int) -> Place:
        return "y[{0} * lanes] = {1};", number

    arrays = [f"const double *{matrix.name}" for matrix in given]
    names = ", ".join(matrix.name for matrix in given)
    head = ", ".join([*arrays, "double *y"])
    printer = CPrinter(name)
    size = printer.function(
        f"{name}_parts", function, f"{head}, long long lanes, double *w", f"{names}, y, lanes, w", load, store)
    comment = [f"/* {name}: {', '.join(f'{m.name} ({m.count})' for m in given)} -> y ({function.results[0].count})"]
    for matrix in function.results:
        if matrix.indices is not None and matrix.ends is not None:
            comment += [
                f" * y has the entries of a matrix of {matrix.rows} x {matrix.columns} by columns, which end at",
                f" * {[*matrix.ends][1:]}, in the rows", f" * {[*matrix.indices]}",
            ]
    comment += [f" *   {k}: {place.replace('*/', '* /')}" for k, place in enumerate(printer.places, 1)]
    signature = f"(long long lanes, {head}, int *status)"
    shifted = ", ".join(f"{matrix.name} + lane" for matrix in given)
    call = f"status[lane] = {name}_lane({shifted}, y + lane, lanes);"
    return "\n".join([
        *printer.text,
        "\n".join(comment) + " */",
        f"PART_OF int {name}_lane({head}, long long lanes)",
        "{",
        f"    double w[{max(size, 1)}];",
        f"    return {name}_parts({names}, y, lanes, w);",
        "}",
        "",
        "#if defined(__CUDACC__)",
        f'extern "C" __global__ void {name}{signature}',
        "{",
        "    const long long lane = blockIdx.x * (long long)blockDim.x + threadIdx.x;",
        "    if (lane < lanes)",
        f"        {call}",
        "}",
        "#else",
        f"void {name}{signature}",
        "{",
        "    for (long long lane = 0; lane < lanes; lane++)",
        f"        {call}",
        "}",
        "#endif",
        "",
    ])
