"""Which market an installation's bars are of: kept beside its clock, so that two never meet in one history."""

from dataclasses import asdict, dataclass

from sandbox.market import VERSION
from stock_ml.config import Settings
from stock_ml.errors import OtherMarket


@dataclass(frozen=True)
class MarketIdentity:
    """Name a market: the generator's version, its kind and its seed."""

    generator: int
    kind: str
    seed: int

    @classmethod
    def of(cls, s: Settings) -> "MarketIdentity":
        """Return the market of the settings, as this generator makes it."""
        turning = f", turning on {s.sandbox_turn}" if s.sandbox_turn else ""
        return cls(VERSION, s.sandbox_market + turning, s.sandbox_seed)

    def check(self, stored: dict[str, object] | None, where: str) -> None:
        """Raise OtherMarket where what was stored names another market; the first generator stored no name."""
        if stored == asdict(self):
            return
        was = stored or {"generator": 1}
        changed = [
            f"{name} {was.get(name, 'unknown')} there, {value} here"
            for name, value in asdict(self).items()
            if was.get(name) != value and name in was
        ]
        raise OtherMarket(
            f"{where} is of another simulated market ({'; '.join(changed)}): its stored bars and new "
            "ones do not belong together. Go back to what it was made with, or forget its data with `make reset`"
        )
