"""Every key stands as it always stood: objects that are stored already must be found again."""

import pytest

from stock_ml.adapters.lake import keys

S, A, MONTH, SHA = "yahoo", "BRK.B", "2024-03", "0f" * 32
PAIR = "BTC/USD"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (keys.raw(S, A, MONTH, SHA), f"raw/source=yahoo/symbol=BRK.B/month=2024-03/{SHA}"),
        (keys.clean(S, A, MONTH), "clean/source=yahoo/symbol=BRK.B/month=2024-03/bars.parquet"),
        (keys.clean_folder(S), "clean/source=yahoo/"),
        (keys.quality(S, A, MONTH), "quality/source=yahoo/symbol=BRK.B/month=2024-03.json"),
        (keys.refused(S, A, MONTH, SHA), f"quality/source=yahoo/symbol=BRK.B/month=2024-03/refused-{SHA}.csv"),
        (keys.failed(S, A, MONTH, SHA), f"quality/source=yahoo/symbol=BRK.B/month=2024-03/failed-{SHA}.json"),
        (keys.last_request(S, A, MONTH), "quality/source=yahoo/symbol=BRK.B/month=2024-03/asked.json"),
        (keys.left(S, A), "quality/source=yahoo/symbol=BRK.B/left.json"),
        (keys.shared_gaps(S, MONTH), "quality/source=yahoo/together/month=2024-03.json"),
        (keys.run_report(S, "manual__1"), "quality/source=yahoo/runs/manual__1.json"),
        (keys.convention(S), "quality/source=yahoo/convention.json"),
        (keys.label_evidence(S, A), "quality/source=yahoo/labels/symbol=BRK.B.json"),
        (keys.scratch_folder(S, "a1"), "scratch/source=yahoo/a1/"),
        (keys.archive(S, "bars", "2024-03-01"), "archive/source=yahoo/bars/day=2024-03-01/bars.parquet"),
        (
            keys.backup(S, "2024-03-01T03-00-00Z", "mlflow.dump"),
            "backups/source=yahoo/2024-03-01T03-00-00Z/mlflow.dump",
        ),
        (keys.logs_folder(S), "logs/source=yahoo/"),
        (keys.MLFLOW_FOLDER, "mlflow/"),
    ],
)
def test_keys_stay_where_objects_are_stored_already(key: str, expected: str) -> None:
    assert key == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (keys.raw(S, PAIR, MONTH, SHA), f"raw/source=yahoo/symbol=BTC_USD/month=2024-03/{SHA}"),
        (keys.clean(S, PAIR, MONTH), "clean/source=yahoo/symbol=BTC_USD/month=2024-03/bars.parquet"),
        (keys.quality(S, PAIR, MONTH), "quality/source=yahoo/symbol=BTC_USD/month=2024-03.json"),
        (keys.left(S, PAIR), "quality/source=yahoo/symbol=BTC_USD/left.json"),
        (keys.label_evidence(S, PAIR), "quality/source=yahoo/labels/symbol=BTC_USD.json"),
    ],
)
def test_a_pair_is_one_part_of_a_key(key: str, expected: str) -> None:
    assert key == expected


def test_a_raw_key_tells_the_pair() -> None:
    assert keys.raw_parts(keys.raw(S, PAIR, MONTH, SHA)) == (PAIR, MONTH)


@pytest.mark.parametrize("month", [MONTH, "all"])
def test_a_raw_key_tells_symbol_month_and_digest(month: str) -> None:
    key = keys.raw(S, A, month, SHA)
    assert keys.raw_parts(key) == (A, month)
    assert (keys.month_of(key), keys.raw_sha256(key)) == (month, SHA)
    assert key.startswith(keys.raw_month_folder(S, A, month))
    assert key.startswith(keys.raw_folder(S, A))


def test_keys_below_a_month_of_quality_are_told_apart() -> None:
    below = [keys.refused(S, A, MONTH, SHA), keys.failed(S, A, MONTH, SHA), keys.last_request(S, A, MONTH)]
    assert all(key.startswith(keys.quality_months(S, A)) and keys.month_of(key) == MONTH for key in below)
    assert [keys.is_failed(key) for key in below] == [False, True, False]
    assert [keys.is_last_request(key) for key in below] == [False, False, True]


def test_a_day_of_the_archive_and_a_backup_are_read_from_their_keys() -> None:
    assert keys.archive_day(keys.archive(S, "bars", "2024-03-01")) == "2024-03-01"
    parts = [keys.backup(S, "2024-03-01T03-00-00Z", part) for part in ("mlflow.dump", keys.MANIFEST)]
    assert [keys.backup_name(key) for key in parts] == ["2024-03-01T03-00-00Z"] * 2
    assert [keys.is_manifest(key) for key in parts] == [False, True]


@pytest.mark.parametrize("symbol", ["EURUSD=X", "^GSPC", "BRK-B"])
def test_symbol_and_month_of_a_key_are_read_back_whatever_signs_a_symbol_has(symbol):
    assert keys.raw_parts(keys.raw(S, symbol, MONTH, SHA)) == (symbol, MONTH)
    assert keys.month_of(keys.clean(S, symbol, MONTH)) == MONTH
