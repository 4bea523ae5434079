"""Hold the connection of another package to its contract: what it raises, and what it gives."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stock_ml.errors import ContractBroken
from stock_ml.sources.guarded_source import contract_fault, guarded
from stock_ml.sources.parsing import Response
from stock_ml.sources.plugin import Connection


@dataclass
class GuardedConnection:
    """Raise one typed error for each way in which a connection breaks its contract."""

    connection: Connection
    name: str
    symbols: Sequence[str]

    @classmethod
    def connect(cls, connect: Callable[[], Connection], name: str, symbols: Sequence[str]) -> "GuardedConnection":
        """Return the connection that a plug-in opens."""
        return cls(guarded(_where(name), connect), name, symbols)

    def receive(self, seconds: float) -> Sequence[Response]:
        """Return what was pushed within `seconds`."""
        found = guarded(_where(self.name), lambda: list(self.connection.receive(seconds)))
        for response in found:
            if fault := self._fault(response):
                raise ContractBroken(f"{_where(self.name)}: the plug-in gave {fault}; its author must mend it")
        return found

    def close(self) -> None:
        """End the connection."""
        guarded(_where(self.name), self.connection.close)

    def _fault(self, response: object) -> str:
        symbol = response.symbol if isinstance(response, Response) else ""
        if isinstance(response, Response) and symbol not in self.symbols:
            return f"bars of {symbol!r:.40}, which it was not asked for"
        return contract_fault(response, self.name, symbol, None, time.time())


def _where(name: str) -> str:
    return f"the connection of source {name}"
