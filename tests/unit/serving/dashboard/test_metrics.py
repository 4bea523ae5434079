from collections.abc import Mapping

from serving.dashboard.metrics import LiveBarsCollector
from stock_ml.adapters.postgres.connection import ServiceState
from stock_ml.errors import StoreUnavailable

REPORT = {"session": "2024-03-15", "compared": 390, "missing_live": 1, "only_live": 0, "differ": 0.01}
REPORT |= {"median_bp": 0.8, "largest_bp": None, "corrected": 0.02}


def figures(services: Mapping[str, ServiceState]) -> dict[str, float]:
    families = LiveBarsCollector(lambda: services).collect()
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_the_newest_comparison_of_live_bars_is_measured() -> None:
    found = figures({"live_bars": ServiceState({"sessions": [REPORT | {"differ": 0.5}, REPORT]}, 1.0)})
    assert found["stockml_live_bars_compared"] == 390
    assert (found["stockml_live_bars_differ"], found["stockml_live_bars_largest_bp"]) == (0.01, 0.0)
    assert figures({}) == {}


def test_where_postgresql_does_not_answer_the_other_metrics_are_there() -> None:
    def unavailable() -> Mapping[str, ServiceState]:
        raise StoreUnavailable("away")

    assert list(LiveBarsCollector(unavailable).collect()) == []
