"""Which market an installation's bars are of: kept beside its clock, so that two never meet in one history."""

import json
from dataclasses import asdict, dataclass

from sandbox.market import VERSION
from stock_ml.config import Settings
from stock_ml.errors import BadSetting, OtherMarket

FORGET = "`make reset`, in containers `docker compose down --volumes`"
FIXED = ("sandbox_market", "sandbox_seed", "sandbox_start", "sandbox_turn")


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
            f"ones do not belong together. Go back to what it was made with, or forget its data: {FORGET}"
        )


def pin_origin(s: Settings) -> None:
    """Pin the market of an exchange that this installation starts. An exchange elsewhere pins its own.

    Raises BadSetting as pin_own_origin does.
    """
    if s.simulated and not s.sandbox_url:
        pin_own_origin(s)


def pin_own_origin(s: Settings) -> None:
    """Remember what the market of the exchange in this folder is made with, as long as its clock has never run.

    Raises BadSetting where it has, and a setting says something else: bars stored and bars to come would not be of the
    same market.
    """
    folder, asked = s.state / "sandbox", s.model_dump(mode="json", include=set(FIXED))
    path = folder / "origin.json"
    kept = json.loads(path.read_text()) if path.exists() and (folder / "clock.json").exists() else {}
    for name in FIXED:
        if asked[name] != kept.get(name, asked[name]):
            raise BadSetting(
                f"STOCKML_{name.upper()} is {asked[name]}, but the bars in {s.state} were made with {kept[name]}: "
                f"set it back, or forget them: {FORGET}"
            )
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asked))
