"""Random straight-line programs, for tests that run one in several ways."""

from domains import SPECIAL
from hypothesis import strategies as st

floats = st.one_of(
    st.sampled_from(SPECIAL), st.floats(), st.floats(-10, 10), st.integers(-5, 5).map(float), st.floats(-1, 1, width=16)
)


@st.composite
def programs(draw, names, longest):
    """Draw inputs, and steps (name, operand, operand): an operand is the number of a former result."""
    inputs = draw(st.lists(floats, min_size=1, max_size=4))
    count = draw(st.integers(1, longest))
    last = st.integers(0, 3)
    any_operand = st.integers(0, 10**6)
    steps = []
    for i in range(count):
        known = len(inputs) + i
        # Half of the operands are recent, so that graphs get deep as well as wide.
        operands = [
            draw(st.one_of(last.map(lambda k, n=known: max(n - 1 - k, 0)), any_operand.map(lambda k, n=known: k % n)))
            for _ in range(2)
        ]
        steps.append((draw(st.sampled_from(names)), *operands))
    return inputs, steps
