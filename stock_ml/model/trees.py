"""Boosted trees as plain numbers, and their walk over many rows at once. No JVM, no pickle.

A walk compares all nodes of all trees at once and follows the branches from the root, so trees are padded to one
depth: a leaf above it is repeated for all leaves below it. Trees are added up one after another: a row has the same
bits whatever n. One row alone goes from node to node in plain Python, which takes a fifth of the time of numpy's calls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stock_ml.errors import ModelError

Floats = NDArray[np.float64]
MAX_DEPTH = 6  # a walk's work doubles with each level
CHUNK = 1024  # rows at a time, so that what is in between stays in the processor's cache


@dataclass(frozen=True)
class Tree:
    """Hold a tree's nodes, the root first, and what its values count in the sum.

    From a node a row goes `left` where its `feature` is at most the `threshold`, else `right` (so does NaN), to nodes
    further back; a leaf has -1 for both, and the row gets its `value`.
    """

    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    value: tuple[float, ...]
    weight: float

    @classmethod
    def of(cls, record: dict[str, Any]) -> "Tree":
        """Return the tree that JSON gave back. Raises TypeError, KeyError."""
        lists = ("feature", "threshold", "left", "right", "value")
        return cls(**(record | {name: tuple(record[name]) for name in lists}))

    def check(self, features: int) -> None:
        """Raise ModelError unless every node has its place, every number is finite, and of so many features each."""
        at, n = np.arange(len(self.feature)), len(self.feature)
        left, right, of = (np.asarray(part) for part in (self.left, self.right, self.feature))
        if n == 0 or {len(self.threshold), len(left), len(right), len(self.value)} != {n}:
            raise ModelError("a tree has no nodes, or not as many of each number: train again")
        leaf = (left == -1) & (right == -1)
        inside = leaf | ((left > at) & (right > at) & (left < n) & (right < n))
        finite = np.isfinite([*self.threshold, *self.value, self.weight]).all()
        if not (inside.all() and finite and ((of >= 0) & (of < features)).all()):
            raise ModelError("a tree has a node that leads nowhere, or a number that cannot be: train again")


@dataclass(frozen=True, eq=False)
class Forest:
    """Hold trees of one depth: nodes level by level, (2^depth - 1, trees, 1), and leaves (trees · 2^depth,)."""

    feature: NDArray[np.int64]
    threshold: Floats
    leaves: Floats
    first: NDArray[np.int64]
    plain: list[tuple[list[int], list[float], list[float]]]

    @classmethod
    def of(cls, trees: Sequence[Tree]) -> "Forest":
        """Pad trees to one depth. Raises ModelError where one is deeper than MAX_DEPTH."""
        depth = max(_depth(tree) for tree in trees)
        nodes = [_padded(tree, depth) for tree in trees]
        feature, threshold, leaves = (np.stack(parts) for parts in zip(*nodes, strict=True))
        first = np.arange(len(trees))[:, None] * leaves.shape[1]
        plain = [(of.tolist(), at.tolist(), values.tolist()) for of, at, values in nodes]
        return cls(feature.T.copy(), threshold.T[:, :, None].copy(), leaves.ravel(), first, plain)

    def total(self, features: Floats) -> Floats:
        """Return the weighted sum of the trees' values for features (n, k), as (n,)."""
        if len(features) == 1:
            return np.array([self._predict_row(features[0].tolist())])
        parts = [self._predict_rows(features[i : i + CHUNK]) for i in range(0, len(features), CHUNK)]
        return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0), *parts])

    def _predict_row(self, row: list[float]) -> float:
        total = 0.0
        for feature, threshold, leaves in self.plain:
            node, inner = 0, len(feature)
            while node < inner:
                node += node + (1 if row[feature[node]] <= threshold[node] else 2)
            total += leaves[node - inner]
        return total

    def _predict_rows(self, features: Floats) -> Floats:
        right = ~(np.ascontiguousarray(features.T)[self.feature] <= self.threshold)
        branches: list[NDArray[np.bool_]] = []
        leaf = np.zeros(right.shape[1:], dtype=np.uint8)
        while (first := 2 ** len(branches) - 1) < len(right):
            branch = _next_branch(right[first : 2 * first + 1], branches)
            branches.append(branch)
            leaf = leaf + leaf + branch
        total = np.zeros(len(features))
        for values in self.leaves[self.first + leaf]:
            total += values
        return total


def _next_branch(level: NDArray[np.bool_], branches: list[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Return of a level's nodes (2^depth, trees, n) the one that the branches before lead to, (trees, n)."""
    for branch in branches:
        half = len(level) // 2
        level = level[:half] ^ ((level[:half] ^ level[half:]) & branch)  # `where` in a third of its time
    found: NDArray[np.bool_] = level[0]
    return found


def _depth(tree: Tree) -> int:
    depths = np.zeros(len(tree.left), dtype=np.int64)
    for node, children in enumerate(zip(tree.left, tree.right, strict=True)):
        depths[[child for child in children if child >= 0]] = depths[node] + 1
    if depths.max() > MAX_DEPTH:
        raise ModelError(f"a tree is {depths.max()} deep, {MAX_DEPTH} is the most that a scorer walks: train again")
    return int(depths.max())


def _padded(tree: Tree, depth: int) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Return feature and threshold of the nodes of a whole tree of this depth, level by level, and its leaves."""
    left, right = np.asarray(tree.left), np.asarray(tree.right)
    levels = [np.zeros(1, dtype=np.int64)]
    for _ in range(depth):
        at = levels[-1]
        both = np.column_stack([left[at], right[at]])
        levels.append(np.where(left[at][:, None] < 0, at[:, None], both).ravel())
    nodes = np.concatenate([np.empty(0, dtype=np.int64), *levels[:-1]])
    leaves = np.asarray(tree.value)[levels[-1]] * tree.weight
    return np.asarray(tree.feature)[nodes], np.asarray(tree.threshold)[nodes], leaves
