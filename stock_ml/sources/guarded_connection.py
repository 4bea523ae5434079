"""Hold the connection of another package to its contract: what it raises, and what it gives."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from stock_ml.errors import ContractBroken, StockMLError
from stock_ml.source_plugins import raised_at
from stock_ml.sources.guarded_source import contract_fault
from stock_ml.sources.parsing import Response
from stock_ml.sources.plugin import Connection

Given = TypeVar("Given")


@dataclass
class GuardedConnection:
    """Raise one typed error for each way in which a connection breaks its contract."""

    connection: Connection
    name: str
    symbols: Sequence[str]

    def receive(self, seconds: float) -> Sequence[Response]:
        """Return what was pushed within `seconds`."""
        found = guarded(self.name, lambda: list(self.connection.receive(seconds)))
        for response in found:
            if fault := self._fault(response):
                raise ContractBroken(f"source {self.name}: its connection gave {fault}; its author must mend it")
        return found

    def close(self) -> None:
        """End the connection."""
        guarded(self.name, self.connection.close)

    def _fault(self, response: object) -> str:
        symbol = response.symbol if isinstance(response, Response) else ""
        if isinstance(response, Response) and symbol not in self.symbols:
            return f"bars of {symbol!r:.40}, which it was not asked for"
        return contract_fault(response, self.name, symbol, None, time.time())


def guarded(name: str, call: Callable[[], Given]) -> Given:
    """Return what a call of the plug-in gives. Raises ContractBroken where it raises what no source may."""
    try:
        return call()
    except StockMLError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a stranger's code may raise anything
        where = raised_at(error)
        raise ContractBroken(f"source {name}: its connection raised {where}; its author must mend it") from None
