"""Random Python functions: loops, branches, closures, containers, exceptions and derivatives of inner functions.

`source` writes a function ``f(x)`` of a structure of numbers, `STRUCTURES`. It uses the names of `NAMES` and the list
``p`` of captured numbers, so it runs on any kind of number for which these are defined. Its numbers stay moderate, and
it is smooth but for the comparisons.
"""

import random
import sys

#: What a function may call: functions of numbers; without a slope, as a float, as an array of objects; the derivative
#: of a function, the function compiled, over a list; a neuron of two inputs.
NAMES = (
    "exp", "log", "sqrt", "sin", "cos", "tanh", "arctan", "sigmoid", "softplus", "relu", "maximum", "minimum",
    "hypot", "where", "dot", "logsumexp", "softmax", "stop", "number", "array", "derivative", "compiled", "mapped",
    "neuron",
)  # fmt: skip

#: How the numbers v0, v1 and v2 are taken from the argument, by the kind of its structure.
STRUCTURES = {
    "list": "v0, v1, v2 = x",
    "array": "v0, v1, v2 = x",
    "tuple": "(v0, v1), v2 = x",
    "dict": 'v0, (v1, v2) = x["a"], x["b"]',
    "dicts": 'v0, v1, v2 = (part["n"] for part in x)',
}

UNARY = (
    "sin({})", "cos({})", "tanh({})", "arctan({})", "sigmoid({})", "softplus({})", "relu({})", "abs({})", "-1.0 * {}",
    "exp(0.5 * sin({}))", "exp(-1.0 * {0} * {0})", "log(1.5 + {0} * {0})", "sqrt(1.0 + {0} * {0})", "tanh({}) ** 2",
    "tanh({}) ** 3", "1.0 / (1.2 + {0} * {0})", "stop({})", "2.0 ** sin({})", "logsumexp([{}, 0.5])",
    "(log({0}) if {0} > 0.1 else {0} - 0.1)", "sqrt(maximum({}, 0.01))", "({} > 0.2) * 0.3", "arctan(3.0 * {}) * 2",
)  # fmt: skip
BINARY = (
    "({} + {})", "({} - {})", "sin({}) * {}", "{} * cos({})", "{0} / (1.5 + {1} * {1})", "maximum({}, {})",
    "minimum({}, {})", "hypot({}, 1.0 + {})", "(1.5 + cos({})) ** tanh({})", "dot([{0}, 0.5], [tanh({1}), {1}])",
    "softmax([{}, {}])[0]", "logsumexp([{}, {}])", "neuron([{}, {}])", "where({0} < {1}, {0} * 0.5, sin({1}))",
    "({0} if {0} < {1} else {1} * 0.7)", "sum([{}, 0.25, {}])", "({0} <= {1}) * tanh({0})",
    "(array([{0}, 0.5]) @ array([sin({1}), {0}]))", "(array([{0}, {1}]) * array([0.5, tanh({0})])).sum()",
    "minimum({}, maximum({}, -0.5))",
)  # fmt: skip


class Writer:
    """Writes one function."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines = []
        self.indent = 1
        self.names = ["v0", "v1", "v2"]
        self.count = 0
        self.depth = 0
        # How many more transforms it may have; nested, they take time that grows by a power.
        self.transforms = 3

    def line(self, text):
        self.lines.append("    " * self.indent + text)

    def new(self, prefix="t"):
        self.count += 1
        return f"{prefix}{self.count}"

    def name(self):
        """Return a name, those of late rather than the first."""
        return self.names[-1 - min(int(self.random.expovariate(0.4)), len(self.names) - 1)]

    def constant(self):
        return repr(round(self.random.uniform(-1.5, 1.5), 3))

    def atom(self, *more):
        known = [self.name() for _ in range(4)]
        return self.random.choice([*known, *more * 3, self.random.choice(["p[0]", "p[1]", self.constant()])])

    def expression(self, *more, depth=2):
        """Return an expression in the names, and in further ones."""
        if depth == 0 or self.random.random() < 0.2:
            return self.atom(*more)
        if self.random.random() < 0.4:
            return self.random.choice(UNARY).format(self.expression(*more, depth=depth - 1))
        left, right = (self.expression(*more, depth=depth - 1) for _ in "ab")
        return self.random.choice(BINARY).format(left, right)

    def condition(self, *more):
        choice = self.random.random()
        if choice < 0.15:
            return f"({self.atom(*more)} < {self.constant()} or {self.atom(*more)} >= {self.constant()})"
        if choice < 0.3:
            return f"not ({self.constant()} < {self.atom(*more)} <= {self.constant()})"
        operator = self.random.choice(["<", "<=", ">", ">="])
        return f"{self.atom(*more)} {operator} {self.random.choice([self.constant(), self.expression(*more, depth=1)])}"

    def block(self, *statements):
        """Write statements and what they are followed by, in an inner scope of names."""
        known = len(self.names)
        self.indent += 1
        self.depth += 1
        for statement in statements:
            self.line(statement) if isinstance(statement, str) else statement()
        self.depth -= 1
        self.indent -= 1
        del self.names[known:]

    def some(self):
        """Write a statement inside a block, now and then."""
        if self.depth < 3 and self.random.random() < 0.4:
            self.statement()

    def statement(self):
        kinds = [self.assign] * 3 + [
            self.branch, self.loop, self.while_loop, self.break_out, self.comprehension, self.dictionary, self.ordered,
            self.exception, self.missing_key, self.closure, self.recursion, self.generator, self.nonlocal_state,
            self.instance, self.reading,
        ]  # fmt: skip
        if sys.version_info >= (3, 11):  # before, a trace does not see handlers
            kinds.append(self.raising)
        transforms = [self.inner_derivative, self.higher_derivative, self.inner_compiled, self.inner_map]
        if self.transforms:
            kinds += transforms
        kind = self.random.choice(kinds)
        self.transforms -= kind in transforms
        kind()

    # -- kinds of statements

    def assign(self):
        name = self.new()
        self.line(f"{name} = {self.expression()}")
        self.names.append(name)

    def branch(self):
        name = self.new()
        self.line(f"if {self.condition()}:")
        self.block(self.some, f"{name} = {self.expression()}")
        if self.random.random() < 0.5:
            self.line(f"elif {self.condition()}:")
            self.block(f"{name} = {self.expression()}")
        self.line("else:")
        self.block(self.some, f"{name} = {self.expression()}")
        self.names.append(name)

    def loop(self):
        name = self.new()
        self.line(f"{name} = {self.atom()}")
        self.line(f"for i in range({self.random.randint(1, 4)}):")
        self.block(self.some, f"{name} = tanh({self.expression(name, '(0.1 * i)')}) + 0.1 * {self.atom()}")
        self.names.append(name)

    def while_loop(self):
        name, count = self.new(), self.new("k")
        self.line(f"{name}, {count} = {self.atom()}, 0")
        self.line(f"while {count} < {self.random.randint(2, 5)} and {self.condition(name)}:")
        self.block(f"{name}, {count} = sin({self.expression(name)}) + 0.3, {count} + 1")
        self.names.append(name)

    def break_out(self):
        name = self.new()
        self.line(f"{name} = 0.0")
        self.line(f"for q in ({self.atom()}, {self.atom()}, {self.expression()}):")
        term = f"{name} = {name} + q * {self.expression('q', depth=1)}"
        self.block(f"if {self.condition('q')}:", "    continue", term, f"if {name} > 1.0:", "    break")
        self.line("else:")
        self.block(f"{name} = {name} * 0.5 + {self.atom()}")
        self.names.append(name)

    def function(self, *parameters):
        """Write an inner function, and return its name."""
        name = self.new("g")
        self.line(f"def {name}({', '.join(parameters)}):")
        used = [parameter.split("=")[0] for parameter in parameters]
        known = len(self.names)
        self.names += used
        self.block(self.some, f"return {self.expression(*used)}")
        del self.names[known:]
        return name

    def closure(self):
        function = self.function("a", f"b={self.atom()}")
        name = self.new()
        self.line(f"{name} = {function}({self.atom()}) + 0.5 * {function}({self.atom()}, b={self.atom()})")
        self.names.append(name)

    def inner_derivative(self):
        function = self.function("a")
        name = self.new()
        self.line(f"{name} = tanh(derivative({function})({self.atom()}))")
        self.names.append(name)

    def higher_derivative(self):
        name = self.new()
        of = self.name()
        self.line(
            f"{name} = sin(derivative(lambda a: {self.atom('a')} * derivative(lambda b: sin(a * b) * {of})(a))({of}))"
        )
        self.names.append(name)

    def inner_compiled(self):
        function = self.function("a", "b")
        name = self.new()
        self.line(f"{function} = compiled({function})")
        self.line(f"{name} = {function}({self.atom()}, {self.atom()}) - {function}({self.atom()}, {self.constant()})")
        self.names.append(name)

    def inner_map(self):
        function = self.function("a")
        name = self.new()
        self.line(f"{name} = sum(mapped({function})([{self.atom()}, {self.atom()}, {self.constant()}])) * 0.5")
        self.names.append(name)

    def comprehension(self):
        items, name = self.new("c"), self.new()
        over = f"({self.atom()}, {self.atom()}, 0.3)"
        self.line(f"{items} = [{self.expression('q', depth=1)} for q in {over} if {self.condition('q')}]")
        self.line(f"{items}.append({self.atom()})")
        self.line(f"{name} = sum(a * b for a, b in zip({items}, reversed({items}))) / (1.0 + len({items}))")
        self.names.append(name)

    def dictionary(self):
        table, name = self.new("d"), self.new()
        self.line(f"{table} = {{'a': {self.atom()}, 1: {self.expression(depth=1)}, (2, 'b'): [{self.atom()}]}}")
        self.line(f"{table}['a'] = {table}['a'] + {table}.pop(1)")
        self.line(f"{table}[(2, 'b')].append({self.atom()})")
        self.line(f"{name} = {table}['a'] * 0.3 + {table}[(2, 'b')][{self.random.choice(['0', '-1'])}]")
        self.names.append(name)

    def ordered(self):
        name = self.new()
        items = f"[{self.expression()}, {self.atom()} + 0.01, {self.constant()}]"
        how = self.random.choice(
            ["sorted({})[1]", "max({})", "min({})", "sorted({}, key=lambda q: -q)[0]", "max({}, key=cos)"]
        )
        self.line(f"{name} = {how.format(items)} * 0.8")
        self.names.append(name)

    def exception(self):
        name = self.new()
        kind = self.random.choice(["ValueError", "ZeroDivisionError", "OverflowError", "KeyError"])
        self.line("try:")
        self.block(
            self.some, f"if {self.condition()}:", f"    raise {kind}({self.atom()})", f"{name} = {self.expression()}"
        )
        self.line(f"except {kind} as error:")
        self.block(f"{name} = {self.expression('error.args[0]', depth=1)}")
        if self.random.random() < 0.5:
            self.line("else:")
            self.block(f"{name} = {name} * 0.9")
        if self.random.random() < 0.5:
            self.line("finally:")
            self.block(f"{self.new('u')} = {self.expression()}")
        self.names.append(name)

    def raising(self):
        """Write an operation that raises at some points, and a handler of it."""
        name = self.new()
        kind, operation = self.random.choice([
            ("ValueError", "log({})"), ("ValueError", "sqrt({})"), ("(ValueError, KeyError)", "sqrt(sin({}))"),
            ("ZeroDivisionError", "0.1 / relu({})"), ("ArithmeticError", "{1} / relu({0})"),
            ("OverflowError", "exp(900.0 * stop({}))"), ("ArithmeticError", "2.0 ** (1500.0 * stop({}))"),
        ])  # fmt: skip
        self.line("try:")
        self.block(self.some, f"{name} = {operation.format(self.expression(), self.atom())}", f"{name} = tanh({name})")
        self.line(f"except {kind}:")
        self.block(self.some, f"{name} = {self.expression()}")
        self.names.append(name)

    def missing_key(self):
        name = self.new()
        self.line("try:")
        where = f"0 if {self.condition()} else 7"
        holder = self.random.choice(["[{0}, {1}][{2}]", "{{0: {0}, 1: {1}}}[{2}]"])
        self.block(f"{name} = {holder.format(self.atom(), self.atom(), where)}")
        self.line("except LookupError:")
        self.block(f"{name} = {self.expression()}")
        self.names.append(name)

    def recursion(self):
        function, name = self.new("r"), self.new()
        self.line(f"def {function}(a, k):")
        self.block(f"if k == 0 or {self.condition('a')}:", f"    return {self.expression('a', depth=1)}",
                   f"return {function}(sin({self.expression('a')}), k - 1) * 0.9")  # fmt: skip
        self.line(f"{name} = {function}({self.atom()}, {self.random.randint(1, 4)})")
        self.names.append(name)

    def generator(self):
        function, name = self.new("y"), self.new()
        self.line(f"def {function}(a):")
        step = f"    a = tanh({self.expression('a', depth=1)})"
        self.block("for i in range(3):", step, f"    if {self.condition('a')}:", "        return", "    yield a * 0.5")
        self.line(f"{name} = sum({function}({self.atom()}), {self.atom()})")
        self.names.append(name)

    def nonlocal_state(self):
        function, state, name = self.new("h"), self.new("s"), self.new()
        self.line(f"{state} = {self.atom()}")
        self.line(f"def {function}(*items):")
        self.block(
            f"nonlocal {state}", f"{state} = {state} * 0.5 + sum(items)", f"return {self.expression(state, depth=1)}"
        )
        self.line(f"{name} = {function}({self.atom()}, {self.atom()}) + {function}(*[{self.atom()}]) * {state}")
        self.names.append(name)

    def reading(self):
        name = self.new()
        self.line(f"{name} = {self.atom()}")
        self.line(f"for _ in range(int(3 * abs(number({self.atom()}))) % 3):")
        self.block(f"{name} = cos({self.expression(name)})")
        self.names.append(name)

    def instance(self):
        kind, name = self.new("K"), self.new()
        self.line(f"class {kind}:")
        self.block("def __init__(self, a):", "    self.a = a", "@property", "def twice(self):",
                   f"    return self.a + {self.expression('self.a', depth=1)}")  # fmt: skip
        self.line(f"{name} = {kind}({self.atom()}).twice * 0.5")
        self.names.append(name)


def source(seed):
    """Return the kind of the argument and the source of a random function ``f``, the same for the same seed."""
    writer = Writer(seed)
    structure = writer.random.choice(sorted(STRUCTURES))
    writer.line(STRUCTURES[structure])
    for _ in range(writer.random.randint(2, 7)):
        writer.statement()
    writer.line(f"return {writer.expression()} + {' + '.join(writer.names[-3:])} + p[0] * v0")
    return structure, "\n".join(["def f(x):", *writer.lines, ""])
