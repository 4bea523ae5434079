from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.errors import ModelError
from stock_ml.model.trees import CHUNK, MAX_DEPTH, Forest, Tree

K = 5


def grown(seed: int, depth: int, count: int = 8) -> list[Tree]:
    """Return trees that end at any depth up to this one; some thresholds are met exactly by ROWS."""
    rng = np.random.default_rng(seed)
    return [of_nodes(branch(rng, depth), float(rng.normal())) for _ in range(count)]


def branch(rng: np.random.Generator, depth: int) -> list[list[float]]:
    """Return nodes [feature, threshold, left, right, value], children counted from the branch's own root."""
    if depth == 0 or rng.random() < 0.2:
        return [[0, 0.0, -1, -1, float(rng.normal())]]
    left, right = branch(rng, depth - 1), branch(rng, depth - 1)
    nodes = [[int(rng.integers(K)), float(np.round(rng.normal(), 1)), 1, 1 + len(left), 0.0]]
    return nodes + moved(left, 1) + moved(right, 1 + len(left))


def moved(nodes: list[list[float]], by: int) -> list[list[float]]:
    return [[f, t, left + by * (left >= 0), right + by * (right >= 0), v] for f, t, left, right, v in nodes]


def of_nodes(nodes: list[list[float]], weight: float) -> Tree:
    feature, threshold, left, right, value = zip(*nodes, strict=True)
    return Tree(feature, threshold, left, right, value, weight)


ROWS = np.round(np.random.default_rng(1).normal(size=(CHUNK + 50, K)), 1)
ROWS[7, 2] = np.nan


def walked(tree: Tree, row: np.ndarray, node: int = 0) -> float:
    """Walk one tree with one row, as the docstring says it."""
    if tree.left[node] < 0:
        return tree.value[node]
    left = row[tree.feature[node]] <= tree.threshold[node]
    return walked(tree, row, tree.left[node] if left else tree.right[node])


@given(seed=st.integers(0, 10_000), depth=st.integers(0, MAX_DEPTH))
def test_all_rows_at_once_come_to_what_a_plain_walk_of_each_comes_to(seed, depth):
    trees = grown(seed, depth)
    expected = [sum((walked(tree, row) * tree.weight for tree in trees), start=0.0) for row in ROWS[:40]]
    assert Forest.of(trees).total(ROWS[:40]).tolist() == expected


@given(start=st.integers(0, CHUNK + 49), n=st.integers(0, CHUNK + 50))
def test_a_row_has_the_same_bits_whatever_the_count_and_the_layout(start, n):
    forest = Forest.of(grown(3, 3, count=30))
    whole = forest.total(ROWS)
    for layout in (np.ascontiguousarray, np.asfortranarray):
        assert forest.total(layout(ROWS[start : start + n])).tobytes() == whole[start : start + n].tobytes()


STUMP = Tree((1, 0, 0), (0.5, 0.0, 0.0), (1, -1, -1), (2, -1, -1), (0.0, -1.0, 1.0), 0.5)


def test_a_row_on_the_threshold_goes_left_and_nan_goes_right():
    rows = np.array([[0, 0.5], [0, np.nextafter(0.5, 1)], [0, np.nan]])
    forest = Forest.of([STUMP])
    assert forest.total(rows).tolist() == [-0.5, 0.5, 0.5]
    assert [forest.total(rows[i : i + 1]).tolist() for i in range(3)] == [[-0.5], [0.5], [0.5]]


@pytest.mark.parametrize(
    "change",
    [
        {"feature": (2, 0, 0)},
        {"feature": ()},
        {"left": (0, -1, -1)},  # round and round
        {"right": (3, -1, -1)},
        {"left": (-1, -1, -1)},
        {"value": (0.0, 1.0)},
        {"threshold": (np.nan, 0.0, 0.0)},
        {"weight": np.inf},
    ],
)
def test_a_tree_that_cannot_be_walked_is_refused(change):
    STUMP.check(2)
    with pytest.raises(ModelError, match="train again"):
        replace(STUMP, **change).check(2)


def test_a_tree_too_deep_for_the_walk_is_refused():
    ends = range(1, 2 * MAX_DEPTH + 2, 2)
    chain = [node for end in ends for node in ([0, 0.0, end, end + 1, 0.0], [0, 0.0, -1, -1, 1.0])]
    nodes = [*chain, [0, 0.0, -1, -1, 2.0]]
    with pytest.raises(ModelError, match=f"{MAX_DEPTH} is the most"):
        Forest.of([of_nodes(nodes, 1.0)])
