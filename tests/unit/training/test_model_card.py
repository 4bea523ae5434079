import pandas as pd
import pytest

from stock_ml.config import load
from stock_ml.training.model_card import card

SESSIONS = pd.DataFrame({"session": ["2024-03-04", "2024-03-05"], "rows": [700, 711]})
TOLD = {"kind": "linear", "skill": "0.0123", "decision": "it was better", "schema_hash": "abc"}
REPORT = {
    "walk_forward/persistence": {"rows": 1411.0, "skill": 0.0},
    "walk_forward/linear": {"rows": 1411.0, "skill": 0.0123, "coverage_90": 0.897},
}


@pytest.mark.parametrize("source", ["sandbox", "yahoo"])
def test_a_card_tells_data_decision_and_candidates_and_what_is_simulated(source):
    made = card(load(source=source, symbols=("AAPL",), home="/nowhere"), SESSIONS, REPORT, TOLD)
    assert ("SIMULATED" in made) == (source == "sandbox")
    assert "linear: it was better. Skill in walk-forward 1.23%." in made
    assert "| trained on | 2024-03-04 to 2024-03-05, 2 sessions |" in made
    assert "| linear | 1,411 | 0.0123 |  |  |  |  | 0.8970 |  |" in made
    assert "held out" not in made
    assert made.count("\n## ") == 5


def test_a_card_tells_of_a_delayed_feed():
    made = card(load(source="yahoo", symbols=("AAPL",), feed_delay=900), SESSIONS, REPORT, TOLD)
    assert "| feed | 15 min delayed feed |" in made
