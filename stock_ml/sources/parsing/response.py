"""One response of a source, exactly as received."""

from dataclasses import dataclass

WHOLE_FILE = "all"  # stands for the month where a response is a file of any months


@dataclass(frozen=True)
class Response:
    """Hold one response; `request` never holds the key, `fetched_at` is the source's clock in UTC epoch seconds.

    `month` is YYYY-MM, "all" for a whole file, None for the newest bars. Only bars known at `fetched_at` are final.
    """

    source: str
    symbol: str
    month: str | None
    request: dict[str, str]
    fetched_at: float
    body: bytes
    content_type: str

    @property
    def where(self) -> str:
        """Say which response this is, for messages."""
        return self.request.get("file") or f"the answer of {self.source} for {self.symbol} {self.month or 'now'}"
