"""The lake keeps what was received as it came, on a real S3 service."""

import glob
import socket
from dataclasses import replace

import pandas as pd
import pytest

from local import ports
from local.servers import seaweed
from stock_ml.adapters.lake import Lake
from stock_ml.config import Settings
from stock_ml.domain.bars import COLUMNS
from stock_ml.errors import StoreUnavailable
from stock_ml.sources.parsing import Response
from tests.adapters.conftest import empty

BODY = b'{"Time Series (1min)": {}} \xc3\xa9'


@pytest.fixture
def lake(s3: Settings) -> Lake:
    """An empty lake."""
    lake = Lake.connect(s3.model_copy(update={"s3_bucket": "lake"}))
    empty(lake)
    return lake


def received(body: bytes = BODY, at: float = 1_709_303_400.25) -> Response:
    return Response("sandbox", "^GSPC", "2024-02", {"symbol": "^GSPC"}, at, body, "application/json")


def bars(symbol: str, *seconds: int) -> pd.DataFrame:
    ts = pd.to_datetime(list(seconds), unit="s", utc=True).astype("datetime64[ns, UTC]")
    rest = {"symbol": symbol, "source": "sandbox", "filled": False, "volume": 5.0, "official_close": 1.5}
    return pd.DataFrame({"ts": ts}).assign(open=1.0, high=2.0, low=0.5, close=1.5, **rest)[COLUMNS]


def sockets(s: Settings) -> list[str]:
    """Return the sockets of the server, those in use and others."""
    ours = (s.s3_port, s.weed_filer_port, s.weed_filer_grpc_port, s.weed_master_grpc_port, s.weed_volume_grpc_port)
    return [path for port in ours for path in glob.glob(f"/tmp/seaweedfs-*-{port}.sock")]  # noqa: PTH207


def test_what_was_received_comes_back_byte_for_byte_with_what_was_noted(lake):
    assert lake.get_raw(lake.put_raw(received())) == received()


def test_a_pair_is_a_symbol_as_others_are(lake):
    pair = replace(received(), symbol="BTC/USD")
    key = lake.put_raw(pair)
    assert (lake.get_raw(key), lake.received_months("BTC/USD")) == (pair, ["2024-02"])
    for symbol in ("BTC", "BTC/USD"):
        lake.write_clean(symbol, "2024-02", bars(symbol, 1_709_303_400))
    assert lake.clean_months("BTC/USD") == ["2024-02"]
    assert set(lake.read_clean(["BTC/USD"])["symbol"]) == {"BTC/USD"}
    assert set(lake.read_clean()["symbol"]) == {"BTC", "BTC/USD"}


def test_what_clean_bars_were_trained_on_is_told_by_key_and_changes_with_their_bytes(lake):
    keys = [lake.write_clean(symbol, "2024-02", bars(symbol, 1_709_303_400)) for symbol in ("IBM", "^GSPC", "OTHER")]
    before = lake.clean_digests(("IBM", "^GSPC"))
    assert sorted(before) == sorted(keys[:2])
    lake.write_clean("IBM", "2024-02", bars("IBM", 1_709_303_400).assign(close=1.25))
    after = lake.clean_digests(("IBM", "^GSPC"))
    assert [key for key in before if before[key] != after[key]] == keys[:1]


def test_the_same_answer_is_stored_once_and_when_it_was_given_again_is_noted_beside_it(lake):
    key = lake.put_raw(received())
    before = lake.objects.head(key)
    assert lake.put_raw(received(at=9e9)) == lake.put_raw(received(at=5.0)) == key
    assert lake.raw_keys("^GSPC", "2024-02") == [key]
    assert lake.objects.head(key)["Metadata"] == before["Metadata"]
    assert lake.get_raw(key) == received(at=9e9)
    assert lake.newest_raw("^GSPC", "2024-02") == (key, 9e9)


def test_an_answer_that_comes_back_after_another_is_the_newest(lake):
    first = lake.put_raw(received(b"a", 100.0))
    second = lake.put_raw(received(b"b", 200.0))
    lake.put_raw(received(b"a", 300.0))
    assert lake.newest_raw("^GSPC", "2024-02") == (first, 300.0)
    assert lake.get_raw(second).fetched_at == 200.0


def test_the_newest_answer_is_the_one_fetched_last(lake):
    assert lake.newest_raw("^GSPC", "2024-02") is None
    newest = lake.put_raw(received(b"b", 200.5))
    lake.put_raw(received(b"a", 100.0))
    assert lake.newest_raw("^GSPC", "2024-02") == (newest, 200.5)


def test_an_answer_that_is_not_there_is_a_typed_error(lake):
    with pytest.raises(StoreUnavailable, match="download it again"):
        lake.get_raw("raw/source=sandbox/symbol=A/month=2024-02/none")


def test_there_is_room_for_many_buckets_however_small_the_disk(s3):
    for number in range(20):
        crowd = Lake.connect(s3.model_copy(update={"s3_bucket": f"crowd-{number}"}))
        crowd.ensure_bucket()
        crowd.put_raw(received())
        assert len(crowd.raw_keys("^GSPC", "2024-02")) == 1


def test_the_sockets_of_a_server_that_runs_stay_and_those_of_one_that_ended_go(s3):
    with socket.socket(socket.AF_UNIX) as ended:
        ended.bind(left := f"/tmp/seaweedfs-test-{s3.weed_filer_port}.sock")
    here = set(sockets(s3))
    seaweed.remove_sockets(s3)
    assert here - set(sockets(s3)) == {left}
    assert len(sockets(s3)) >= 4


def test_clean_bars_come_back_by_symbol_and_time_and_only_those_asked_for(lake):
    lake.write_clean("MSFT", "2024-03", bars("MSFT", 1_709_303_400))
    lake.write_clean("AAPL", "2024-03", bars("AAPL", 1_709_303_400))
    lake.write_clean("AAPL", "2024-02", bars("AAPL", 1_706_797_800, 1_706_797_860))
    both = lake.read_clean()
    assert both["symbol"].tolist() == ["AAPL"] * 3 + ["MSFT"]
    assert both.groupby("symbol")["ts"].is_monotonic_increasing.all()
    pd.testing.assert_frame_equal(lake.read_clean(["MSFT", "MSFT"]), bars("MSFT", 1_709_303_400))
    assert lake.clean_months("AAPL") == ["2024-02", "2024-03"]


def test_a_symbol_that_begins_like_another_is_not_taken_for_it(lake):
    lake.write_clean("AA", "2024-03", bars("AA", 1_709_303_400))
    assert len(lake.read_clean(["A"])) == 0
    assert str(lake.read_clean(["A"])["ts"].dtype) == "datetime64[ns, UTC]"


def test_a_month_that_is_dropped_takes_its_report_along_and_leaves_what_was_received(lake):
    key = lake.put_raw(received())
    lake.write_clean("^GSPC", "2024-02", bars("^GSPC", 1_706_797_800))
    lake.write_quality("^GSPC", "2024-02", {"kept": 1})
    assert lake.read_quality("^GSPC", "2024-02") == {"kept": 1}
    lake.drop_clean("^GSPC", "2024-02")
    assert lake.read_quality("^GSPC", "2024-02") is None
    assert lake.clean_months("^GSPC") == []
    assert lake.raw_keys("^GSPC", "2024-02") == [key]


def test_what_lies_in_scratch_is_forgotten_also_where_the_work_fails(lake):
    def fail() -> None:
        with lake.scratch("run") as uri:
            key = uri.removeprefix(f"s3a://{lake.objects.bucket}/")
            lake.objects.put(f"{key}/part", b"1", "text/plain")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert lake.objects.keys("") == []


def test_what_labels_mean_is_remembered(lake):
    assert lake.convention() is None
    lake.write_convention("end")
    assert lake.convention() == "end"


def test_what_each_symbols_bars_say_of_the_labels_is_remembered(lake):
    evidence = {"says": "end", "sure": "weak", "sessions": 20, "signs": []}
    lake.write_label_evidence("AAPL", evidence)
    assert lake.label_evidence(["GOOGL", "AAPL"]) == [evidence]


def test_spark_finds_the_clean_bars_under_the_sources_own_prefix(lake):
    assert lake.clean_uri() == f"s3a://{lake.objects.bucket}/clean/source=sandbox"


def test_a_missing_bucket_is_a_typed_error_that_names_it(s3):
    lake = Lake.connect(s3.model_copy(update={"s3_bucket": "nowhere"}))
    with pytest.raises(StoreUnavailable, match="bucket nowhere at http://127"):
        lake.read_clean()


def test_a_store_that_does_not_answer_is_a_typed_error(s3):
    lake = Lake.connect(s3.model_copy(update={"s3_url": f"http://127.0.0.1:{ports.free(1)[0]}"}))
    with pytest.raises(StoreUnavailable, match="see that S3 runs"):
        lake.convention()


def test_clean_bars_know_the_answers_that_they_are_made_from(lake):
    assert lake.origins(["A", "B"]) == set()
    for symbol, month, digest in [("A", "2024-02", "aa"), ("A", "2024-03", "bb"), ("B", "2024-03", "bb")]:
        lake.write_clean(symbol, month, bars(symbol, 1_709_303_400))
        lake.write_quality(symbol, month, {"raw": f"raw/source=csv/symbol={symbol}/month=all/{digest}"})
    assert lake.origins(["A", "B"]) == {"aa", "bb"}
    lake.drop_clean("A", "2024-02")
    assert lake.origins(["A"]) == {"bb"}
