from serving.dashboard.state import STALE, freshness, service_states
from stock_ml.adapters.forecast_reader import Service

PRODUCER = Service({"now": 1_709_303_475.0, "market_open": True, "next_change": 1_709_326_800.0}, 0.5)
CONSUMER = Service(
    {"model_version": "3", "trained_until": 1.0, "run_id": "abc", "waiting": None, "lag": 2, "forecasts": 9}, 1.0
)
LAST_BAR = 1_709_303_400_000


def test_a_bars_age_runs_from_the_minute_at_which_it_was_known() -> None:
    assert service_states({"producer": PRODUCER}, LAST_BAR, "http://m")["last_bar_age"] == 15.0


def test_before_any_service_spoke_everything_is_unknown_and_stale() -> None:
    told = service_states({}, None, "http://m")
    assert [told[name] for name in ("now", "market_open", "last_bar_age", "model")] == [None] * 4
    assert told["producer"] == {"seen": False, "age": None, "stale": True, "waiting": None, "lag": None}


def test_a_service_long_silent_is_stale() -> None:
    assert not freshness(Service({}, STALE))["stale"]
    assert freshness(Service({}, STALE + 0.1))["stale"]


def test_the_model_links_to_its_run() -> None:
    told = service_states({"consumer": CONSUMER}, None, "http://127.0.0.1:8602/")
    assert told["model"] == {"version": "3", "trained_until": 1000, "url": "http://127.0.0.1:8602/#/runs/abc"}
    assert told["consumer"]["lag"] == 2


def test_a_run_id_cannot_leave_its_place_in_the_address() -> None:
    consumer = Service(CONSUMER.state | {"run_id": "../x?y"}, 1.0)
    model = service_states({"consumer": consumer}, None, "http://m")["model"]
    assert model["url"] == "http://m/#/runs/..%2Fx%3Fy"


def test_a_consumer_without_a_model_names_what_it_waits_for() -> None:
    told = service_states({"consumer": Service({"waiting": "a champion"}, 1.0)}, None, "http://m")
    assert told["model"] is None
    assert told["consumer"]["waiting"] == "a champion"
