"""Which failures are final, and what Airflow's navigation offers."""

from tests.dags.conftest import Airflow

FINAL = {"BadInput", "BadBars", "BadFile", "BadQuality", "AmbiguousLabels", "BadMessage", "BadSetting"}
FINAL |= {
    "BadKey",
    "PremiumEndpoint",
    "BadSymbol",
    "NoBars",
    "NoNetwork",
    "TooLarge",
    "DailyLimit",
    "HostError",
    "DiskFull",
    "OtherMarket",
}
FINAL |= {"TooLittleHistory", "SchemaMismatch", "ParityError"}


def test_what_another_try_cannot_help_fails_at_once_and_says_why(airflow: Airflow) -> None:
    decisions = airflow.ask("decide").value
    assert {name for name, (action, _) in decisions.items() if action == "fail"} == FINAL
    assert {name for name, (action, _) in decisions.items() if action == "default"} >= {"BurstLimit", "ValueError"}
    assert all(reason == f"{name}: why" for name, (_, reason) in decisions.items())


def test_the_navigation_opens_dashboard_mlflow_and_exchange(airflow: Airflow) -> None:
    found = airflow.ask("plugins", STOCKML_SOURCE="sandbox", STOCKML_DASHBOARD_PORT="9000").value
    assert found["errors"] == {}
    assert found["imported"] == []
    assert all(view["url_route"].startswith("stock-ml-") for view in found["views"]["stock_ml"])
    assert {view["name"]: view["href"] for view in found["views"]["stock_ml"]} == {
        "Forecasts": "http://127.0.0.1:9000/",
        "Models": "http://127.0.0.1:8602",
        "Exchange (SIMULATED)": "http://127.0.0.1:8603",
    }


def test_a_real_source_has_no_exchange_to_open(airflow: Airflow) -> None:
    found = airflow.ask("plugins", STOCKML_SOURCE="alpha_vantage", STOCKML_MLFLOW_URL="https://mlflow.example").value
    pages = {view["name"]: view["href"] for view in found["views"]["stock_ml"]}
    assert pages == {"Forecasts": "http://127.0.0.1:8600/", "Models": "https://mlflow.example"}
