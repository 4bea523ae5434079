"""What an installation's market began with, its kind, seed, first day and turn: others would be another market."""

import json

from stock_ml.config import Settings
from stock_ml.errors import BadSetting

FIXED = ("sandbox_market", "sandbox_seed", "sandbox_start", "sandbox_turn")


def keep_origin(s: Settings) -> None:
    """Remember what the market of an installation is made with, as long as its clock has never run.

    Raises BadSetting where it has, and a setting says something else: bars stored and bars to come would not be of the
    same market. Where the exchange runs elsewhere, or another source is used, nothing is kept.
    """
    if not s.simulated or s.sandbox_url:
        return
    folder, asked = s.state / "sandbox", s.model_dump(mode="json", include=set(FIXED))
    path = folder / "origin.json"
    kept = json.loads(path.read_text()) if path.exists() and (folder / "clock.json").exists() else {}
    for name in FIXED:
        if asked[name] != kept.get(name, asked[name]):
            raise BadSetting(
                f"STOCKML_{name.upper()} is {asked[name]}, but the bars in {s.state} were made with {kept[name]}: "
                "set it back, or forget them with `make reset`"
            )
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asked))
