"""What every error has in common."""

import pytest

from stock_ml.errors import BadSetting, StoreUnavailable, without_login


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:secret@mlflow.example:5000/base", "https://mlflow.example:5000/base"),
        ("https://mlflow.example:5000/base", "https://mlflow.example:5000/base"),
        ("postgresql://u:p%40ss@h:5432/d and http://a@b/c@d", "postgresql://h:5432/d and http://b/c@d"),
        ("http://u:p@ss@host", "http://host"),
        ("mail me@example.com", "mail me@example.com"),
    ],
)
def test_an_address_is_shown_without_its_login(text: str, shown: str) -> None:
    assert without_login(text) == shown


def test_no_error_tells_a_login() -> None:
    assert str(StoreUnavailable("MLflow at http://u:secret@h:5000 is away")) == "MLflow at http://h:5000 is away"


def test_an_error_may_say_nothing() -> None:
    assert str(BadSetting()) == ""
