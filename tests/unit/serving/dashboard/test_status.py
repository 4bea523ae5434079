from pathlib import Path

from serving.dashboard.responses import DagRun, OfficialClose, OpenAlert, ServiceStatus, ServingModel, State
from serving.dashboard.status import NOT_SCORED, STALE, Links, installation_state, service_status, with_symbol
from stock_ml.adapters.postgres.connection import ServiceState
from stock_ml.adapters.postgres.reader import LastClose, Monitoring

PRODUCER = ServiceState({"now": 1_709_303_475.0, "market_open": True, "next_change": 1_709_326_800.0}, 0.5)
CONSUMER = ServiceState(
    {"model_version": "3", "trained_until": 1.0, "run_id": "abc", "waiting": None, "lag": 2, "forecasts": 9}, 1.0
)
LAST_BAR = 1_709_303_400_000
LINKS = Links("http://m", "http://a")


def test_the_newest_comparison_of_live_bars_is_shown_and_none_where_there_is_none() -> None:
    report = {"session": "2024-03-15", "compared": 390, "missing_live": 1, "only_live": 0, "differ": 0.01}
    report |= {"median_bp": 0.8, "largest_bp": 3.0, "corrected": 0.02}
    state = state_of({"live_bars": ServiceState({"sessions": [report | {"session": "2024-03-14"}, report]}, 0.5)})
    assert state.live_bars is not None
    assert (state.live_bars.session, state.live_bars.differ) == ("2024-03-15", 0.01)
    assert state_of({}).live_bars is None


def state_of(services: dict[str, ServiceState]) -> State:
    return installation_state(services, Monitoring(None, None), LINKS)


def test_a_bars_age_runs_from_the_minute_at_which_it_was_known() -> None:
    assert with_symbol(state_of({"producer": PRODUCER}), LAST_BAR, NOT_SCORED).last_bar_age == 15.0
    assert with_symbol(state_of({}), LAST_BAR, NOT_SCORED).last_bar_age is None


def test_the_official_close_after_the_newest_bar_is_told() -> None:
    official = LastClose(LAST_BAR + 60_000, 101.5)
    told = with_symbol(state_of({}), LAST_BAR, NOT_SCORED, official).official_close
    assert told == OfficialClose(ts=LAST_BAR + 60_000, close=101.5)
    assert with_symbol(state_of({}), LAST_BAR, NOT_SCORED).official_close is None


def test_before_any_service_reported_everything_is_unknown_and_stale() -> None:
    state = state_of({})
    assert (state.now, state.market_open, state.last_bar_age, state.model) == (None, None, None, None)
    assert state.producer == ServiceStatus(seen=False, age=None, stale=True, waiting=None, lag=None)


def test_a_service_without_a_report_for_long_is_stale() -> None:
    assert not service_status(ServiceState({}, STALE)).stale
    assert service_status(ServiceState({}, STALE + 0.1)).stale


def test_the_model_links_to_its_run() -> None:
    state = state_of({"consumer": CONSUMER})
    assert state.model == ServingModel("3", trained_until=1000, url="http://m/#/runs/abc")
    assert state.consumer.lag == 2


def test_a_run_id_cannot_leave_its_place_in_the_address() -> None:
    model = state_of({"consumer": ServiceState(CONSUMER.state | {"run_id": "../x?y"}, 1.0)}).model
    assert model is not None
    assert model.url == "http://m/#/runs/..%2Fx%3Fy"


def test_a_consumer_without_a_model_names_what_it_waits_for() -> None:
    state = state_of({"consumer": ServiceState({"waiting": "a champion"}, 1.0)})
    assert state.model is None
    assert state.consumer.waiting == "a champion"


def test_each_dags_last_run_has_its_address_in_airflow() -> None:
    run = {"state": "success", "run_id": "scheduled__2024-03-01T21:00:00+00:00", "started_at": 1.0, "ended_at": None}
    dags = state_of({"dag:ingest_bars": ServiceState(run, 1.0), "producer": PRODUCER}).dags
    url = "http://a/dags/ingest_bars/runs/scheduled__2024-03-01T21%3A00%3A00%2B00%3A00"
    assert dags[0] == DagRun("ingest_bars", "success", url, started_at=1000, ended_at=None)


def test_a_dag_that_never_ran_is_listed_too() -> None:
    dags = state_of({}).dags
    files = sorted(file.stem for file in Path("dags").glob("*.py") if "@dag(" in file.read_text(encoding="utf-8"))
    assert [dag.id for dag in dags] == files
    assert dags[0] == DagRun(files[0], "no run yet", f"http://a/dags/{files[0]}", started_at=None, ended_at=None)


def test_the_open_alert_is_part_of_the_state() -> None:
    alert = {"kind": "skill", "reason": "behind", "model_version": "3", "market_at": 1}
    state = installation_state({}, Monitoring(alert, None), LINKS)
    assert (state.alert, state.look) == (OpenAlert("skill", "behind", "3", 1), None)


def test_the_longest_delay_of_the_feeds_is_part_of_the_state() -> None:
    producer = ServiceState(PRODUCER.state | {"feed_delay": {"XNYS": 0, "XTAE": 900}}, 0.5)
    assert state_of({"producer": producer}).feed_delay == 900
    assert state_of({"producer": PRODUCER}).feed_delay == 0


def test_a_page_is_told_how_often_each_symbol_is_asked_for():
    producer = ServiceState(PRODUCER.state | {"request_interval": 300}, 0.5)
    assert state_of({"producer": producer}).request_interval == 300
    assert state_of({"producer": PRODUCER}).request_interval == 0
