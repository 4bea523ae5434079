"""The form with which a person triggers `ingest_bars`; the settings are the defaults."""

from airflow.sdk import Param

from stock_ml.config import load
from stock_ml.domain.json_object import JsonObject

LISTED = 200  # symbols


def _symbols(symbols: tuple[str, ...]) -> Param:
    """Return the field of symbols; of many it lists none, as Airflow would compare each with each at every parse."""
    rules: JsonObject = {"title": "Symbols", "minItems": 1, "uniqueItems": True}
    if len(symbols) > LISTED:
        of_all = f"Empty is all {len(symbols):,} symbols."
        return Param(None, type=["null", "array"], items={"type": "string"}, description_md=of_all, **rules)
    return Param(list(symbols), type="array", items={"enum": list(symbols)}, examples=list(symbols), **rules)


def ingest() -> dict[str, Param]:
    """Return the form of `ingest_bars`."""
    s = load()
    day: JsonObject = {"type": ["null", "string"], "format": "date"}
    past = "Empty is the usual history (STOCKML_HISTORY_MONTHS); the months of these days are fetched whole."
    return {
        "symbols": _symbols(s.symbols),
        "from": Param(None, title="First day", description_md=past, **day),
        "to": Param(None, title="Last day", description_md="Empty is today by the source's clock.", **day),
        "source": Param(s.source, title="Source", enum=[s.source], description_md="An installation has one source."),
        "force": Param(False, title="Ask again for what is there", type="boolean"),
    }
