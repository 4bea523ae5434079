"""Read a batch of messages: bars that belong to this installation, and the others with their reasons."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from serving.rules import Rules
from stock_ml.adapters.broker import decode_bar
from stock_ml.bars import Bar
from stock_ml.errors import BadMessage


class Read(NamedTuple):
    """Hold the bars in the order of their messages, and for each refused message its index and the reason."""

    bars: list[Bar]
    refused: list[tuple[int, str]]


def read(values: Iterable[bytes | None], rules: Rules) -> Read:
    """Read the messages' values; one that cannot be used never stops the others."""
    done = Read([], [])
    for index, value in enumerate(values):
        try:
            done.bars.append(_checked(decode_bar(value), rules))
        except BadMessage as error:
            done.refused.append((index, str(error)))
    return done


def accepted(values: Iterable[bytes | None], rules: Rules) -> Iterator[Bar]:
    """Yield the bars that `read` takes, one by one: for topics that are larger than memory."""
    for value in values:
        try:
            yield _checked(decode_bar(value), rules)
        except BadMessage:
            continue  # the consumer rejects it, and says why


def _checked(bar: Bar, rules: Rules) -> Bar:
    if bar.symbol not in rules.symbols:
        raise BadMessage(f"symbol {bar.symbol!r:.40} is not configured; see STOCKML_SYMBOLS")
    if bar.source != rules.source:
        raise BadMessage(f"the bar is of source {bar.source!r:.40}, this installation is of {rules.source}")
    if rules.sessions.number(np.array(bar.ts)) < 0:
        raise BadMessage(f"ts {bar.ts} is no minute of a session of {rules.sessions.exchange}")
    return bar
