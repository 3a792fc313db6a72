"""A layered layout of directed acyclic graphs.

After K. Sugiyama, S. Tagawa, M. Toda, Methods for visual understanding of hierarchical system structures, IEEE Trans.
Syst. Man Cybern. 11 (1981): layers by longest path, an order within each layer with few crossings, then positions.
Coordinates are pairs: along the direction of the edges, and across it.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

Point = tuple[float, float]

# Numbers of sweeps through the layers, back and forth. A few are enough for the order and the positions to settle.
_ORDER_SWEEPS, _PLACE_SWEEPS = 8, 24
_NODE_GAP, _LINE_GAP = 12.0, 8.0
_LEAST_LAYER_GAP, _MOST_LAYER_GAP = 22.0, 90.0
_MOST_PORT_STEP = 12.0
_STIFFEST, _SLACKEST = 8.0, 0.05


class Line(NamedTuple):
    """Part of an edge: a curve from one layer to the next, and where the edge goes on, a straight line through it.

    Edges from one node share their lines until they part. `onward` is None where an edge ends.
    """

    source: int
    start: Point
    end: Point
    onward: Point | None


class Layout(NamedTuple):
    """Centres of the nodes, lines, and the size of the whole, whose least coordinates are zero."""

    centres: list[Point]
    lines: list[Line]
    size: Point


class _Link(NamedTuple):
    """Part of an edge between adjacent layers; `port` is the distance of its end from the centre of `lower`."""

    upper: int
    lower: int
    port: float = 0.0


def layered(sizes: Sequence[Point], edges: Sequence[tuple[int, int]]) -> Layout:
    """Place nodes in layers such that edges lead from layer to layer.

    Parameters
    ----------
    sizes : sequence of (float, float)
        Extent of every node along and across.
    edges : sequence of (int, int)
        Source and target of every edge. The edges to one target end on it in the order given.

    Returns
    -------
    Layout
    """
    chart = _Chart(sizes, edges)
    chart.order()
    chart.place()
    return chart.layout()


class _Chart:
    """Layers of vertices: the nodes, and behind them one vertex for every layer that the edges of a node pass through.

    Layer 0 is the last one.
    """

    def __init__(self, sizes: Sequence[Point], edges: Sequence[tuple[int, int]]) -> None:
        self.nodes = len(sizes)
        self.sizes = list(sizes)
        sources: list[list[int]] = [[] for _ in sizes]
        for source, target in edges:
            sources[target].append(source)
        level = _longest_paths(sources)
        self.owner = list(range(self.nodes))
        self.links: list[_Link] = []
        targets: list[list[tuple[int, float]]] = [[] for _ in sizes]
        for target, incoming in enumerate(sources):
            step = min(_MOST_PORT_STEP, 0.7 * sizes[target][1] / max(1, len(incoming) - 1))
            for i, source in enumerate(incoming):
                targets[source].append((target, (i - (len(incoming) - 1) / 2) * step))
        for source, outgoing in enumerate(targets):
            passed = {level[source]: source}
            for k in range(level[source] - 1, min((level[target] for target, _ in outgoing), default=0), -1):
                passed[k] = len(level)
                level.append(k)
                self.owner.append(source)
                self.sizes.append((0.0, 0.0))
                self.links.append(_Link(passed[k + 1], passed[k]))
            self.links += [_Link(passed[level[target] + 1], target, port) for target, port in outgoing]
        self.level = level
        # By vertex, its links to the layer after it and to the layer before it.
        self.after: list[list[_Link]] = [[] for _ in level]
        self.before: list[list[_Link]] = [[] for _ in level]
        for link in self.links:
            self.after[link.upper].append(link)
            self.before[link.lower].append(link)
        rank = _depth_first(sources)
        self.layers: list[list[int]] = [[] for _ in range(max(level) + 1)]
        for vertex in sorted(range(len(level)), key=lambda vertex: rank[self.owner[vertex]]):
            self.layers[level[vertex]].append(vertex)

    def order(self) -> None:
        """Reorder the vertices within their layers so that few lines cross."""
        position = [0.0] * len(self.level)

        def number(layer: list[int]) -> None:
            for i, vertex in enumerate(layer):
                position[vertex] = i

        def end(link: _Link) -> float:
            # Lines to one node are ordered by their ports.
            return position[link.lower] + link.port / (self.sizes[link.lower][1] or 1.0)

        def crossings() -> int:
            count = 0
            for layer in self.layers:
                ends: list[float] = []
                for e in [e for vertex in layer for e in sorted(map(end, self.after[vertex]))]:
                    count += len(ends) - bisect_right(ends, e)
                    insort(ends, e)
            return count

        def barycentre(vertex: int) -> float:
            if rising:
                places = [end(link) for link in self.after[vertex]]
            else:
                places = [position[link.upper] for link in self.before[vertex]]
            return sum(places) / len(places) if places else position[vertex]

        for layer in self.layers:
            number(layer)
        fewest, best = crossings(), [layer[:] for layer in self.layers]
        for sweep in range(_ORDER_SWEEPS):
            if not fewest:
                break
            rising = sweep % 2 == 0
            for layer in self.layers if rising else reversed(self.layers):
                layer.sort(key=barycentre)
                number(layer)
            if (count := crossings()) < fewest:
                fewest, best = count, [layer[:] for layer in self.layers]
        self.layers = best

    def place(self) -> None:
        """Set `across`: the position of every vertex, in the order of its layer and near its neighbours."""
        self.across = [0.0] * len(self.level)
        stiffness = {link: self._stiffness(link) for link in self.links}
        offsets = [self._offsets(layer) for layer in self.layers]
        for sweep in range(_PLACE_SWEEPS):
            last = sweep == _PLACE_SWEEPS - 1
            for k in range(len(self.layers)) if last or sweep % 2 == 0 else reversed(range(len(self.layers))):
                wanted, weights = [], []
                for vertex, offset in zip(self.layers[k], offsets[k], strict=True):
                    after = [(stiffness[link], self.across[link.lower] + link.port) for link in self.after[vertex]]
                    before = [(stiffness[link], self.across[link.upper] - link.port) for link in self.before[vertex]]
                    if last:
                        # Lines that are nearly straight become straight.
                        pulls = [(1e3, x) for w, x in after if w == _STIFFEST] or [(1.0, self.across[vertex])]
                    else:
                        # The first sweep starts at the root.
                        pulls = after + before if sweep else after
                    weight = sum(w for w, _ in pulls) or 1.0
                    wanted.append(sum(w * x for w, x in pulls) / weight - offset)
                    weights.append(weight)
                for vertex, x, offset in zip(self.layers[k], _isotonic(wanted, weights), offsets[k], strict=True):
                    self.across[vertex] = x + offset

    def _offsets(self, layer: list[int]) -> list[float]:
        """Return the positions of the vertices of a layer packed as closely as allowed."""
        offsets = [0.0]
        for first, second in pairwise(layer):
            gap = _NODE_GAP if first < self.nodes and second < self.nodes else _LINE_GAP
            offsets.append(offsets[-1] + (self.sizes[first][1] + self.sizes[second][1]) / 2 + gap)
        return offsets

    def _stiffness(self, link: _Link) -> float:
        """The weight of keeping a link straight.

        Most of all in the middle of a long edge, and between two vertices that have no other; least at a node without
        sources, which can follow without bending anything.
        """
        upper_is_node, lower_is_node = link.upper < self.nodes, link.lower < self.nodes
        alone = len(self.after[link.upper]) == len(self.before[link.lower]) == 1
        if upper_is_node and not self.before[link.upper]:
            return _SLACKEST
        return _STIFFEST if alone or not (upper_is_node or lower_is_node) else 1.0

    def layout(self) -> Layout:
        """Return the coordinates."""
        least = min(self.across[vertex] - self.sizes[vertex][1] / 2 for vertex in range(len(self.level)))
        across = [x - least for x in self.across]
        width = [max(self.sizes[vertex][0] for vertex in layer) for layer in self.layers]
        steepest = [0.0] * len(self.layers)
        for link in self.links:
            k = self.level[link.lower]
            steepest[k] = max(steepest[k], abs(across[link.upper] - across[link.lower] - link.port))
        centre = [0.0] * len(self.layers)
        along = 0.0
        for k in reversed(range(len(self.layers))):
            centre[k] = along + width[k] / 2
            along += width[k]
            if k:
                along += min(_MOST_LAYER_GAP, max(_LEAST_LAYER_GAP, 0.25 * steepest[k - 1]))

        def edge(vertex: int, side: int) -> float:
            """The end of a line: the side of a node, or the border of the layer for other vertices."""
            k = self.level[vertex]
            return centre[k] + side * (self.sizes[vertex][0] if vertex < self.nodes else width[k]) / 2

        lines = [
            Line(
                self.owner[link.upper],
                (edge(link.upper, 1), across[link.upper]),
                (edge(link.lower, -1), across[link.lower] + link.port),
                None if link.lower < self.nodes else (edge(link.lower, 1), across[link.lower]),
            )
            for link in self.links
        ]
        most = max(across[vertex] + self.sizes[vertex][1] / 2 for vertex in range(len(self.level)))
        return Layout([(centre[self.level[i]], across[i]) for i in range(self.nodes)], lines, (along, most))


def _longest_paths(sources: list[list[int]]) -> list[int]:
    """Return the number of edges on the longest path from every node to a last one."""
    outgoing = [0] * len(sources)
    for incoming in sources:
        for source in incoming:
            outgoing[source] += 1
    level = [0] * len(sources)
    ready = [node for node, count in enumerate(outgoing) if not count]
    for node in ready:
        for source in sources[node]:
            level[source] = max(level[source], level[node] + 1)
            outgoing[source] -= 1
            if not outgoing[source]:
                ready.append(source)
    return level


def _depth_first(sources: list[list[int]]) -> list[int]:
    """Return the place of every node in a depth-first order from the last ones: that of a tree has no crossings."""
    rank: dict[int, int] = {}
    passing = {source for incoming in sources for source in incoming}
    stack = [node for node in reversed(range(len(sources))) if node not in passing]
    while stack:
        node = stack.pop()
        if node not in rank:
            rank[node] = len(rank)
            stack += reversed(sources[node])
    return [rank[node] for node in range(len(sources))]


def _isotonic(wanted: list[float], weights: list[float]) -> list[float]:
    """Return the rising sequence nearest to `wanted` in weighted squares, by pooling adjacent violators."""
    pools: list[tuple[float, float, int]] = []
    for x, weight in zip(wanted, weights, strict=True):
        count = 1
        while pools and pools[-1][0] > x:
            other, other_weight, other_count = pools.pop()
            x = (x * weight + other * other_weight) / (weight + other_weight)
            weight += other_weight
            count += other_count
        pools.append((x, weight, count))
    return [x for x, _, count in pools for _ in range(count)]
