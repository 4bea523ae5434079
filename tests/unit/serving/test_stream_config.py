from dataclasses import replace
from pathlib import Path

import numpy as np

from serving.common.decode_bars import decode
from serving.stream_config import StreamConfig
from stock_ml.adapters.broker import encode_bar
from stock_ml.config import load
from stock_ml.domain.bars import Bar
from stock_ml.domain.calendar import sessions
from stock_ml.domain.outliers import MEMORY

T = 1_709_303_400  # 2024-03-01 09:30 in New York, 14:30 in London


def test_each_symbol_is_read_by_the_sessions_of_its_own_exchange_and_its_closures(tmp_path: Path) -> None:
    given = {"exchanges": "VOD:XLON,SAP:XFRA", "closures": "XLON:2024-03-04", "symbols": "VOD,GOOGL,SAP"}
    config = StreamConfig.of(load(source="sandbox", **given))
    assert config.names == ("GOOGL", "SAP", "VOD")
    assert [config.sessions_of(name).exchange for name in config.names] == ["XNYS", "XFRA", "XLON"]
    assert len(config.calendars) == 3
    times = {"GOOGL": T, "VOD": T - 3600, "SAP": T + 3 * 86_400}
    bars = [Bar(name, ts, 1.0, 1.0, 1.0, 1.0, 1.0, "sandbox") for name, ts in times.items()]
    closed = [bars[0]._replace(ts=T - 3600), bars[1]._replace(ts=T + 3 * 86_400)]
    done = decode([encode_bar(bar) for bar in (*bars, *closed)], config)
    assert [config.names[slot] for slot in done.bars.slot] == list(times)
    assert [reason.split()[-1] for _, reason in done.rejects] == ["XNYS", "XLON"]


def test_exchanges_whose_sessions_lie_around_midnight_keep_apart() -> None:
    given = {"exchanges": "SONY:XTKS,BTC-USD:24/7,EURUSD=X:24/5", "symbols": "GOOGL,SONY,BTC-USD,EURUSD=X"}
    config = StreamConfig.of(load(source="sandbox", **given))
    names = ["BTC-USD", "EURUSD=X", "GOOGL", "SONY"]
    assert list(config.names) == names
    friday = int(np.datetime64("2024-03-08", "s").astype(np.int64))  # midnight, UTC
    inside = {  # minutes of Friday and Saturday
        "BTC-USD": [(0, 2880)],
        "EURUSD=X": [(0, 1440)],
        "GOOGL": [(870, 1260)],
        "SONY": [(0, 150), (210, 360)],
    }
    minutes = np.arange(2880)
    slot, ts = np.repeat(np.arange(4), 2880), np.tile(friday + 60 * minutes, 4)
    wanted = [[any(a <= m < b for a, b in inside[name]) for m in minutes.tolist()] for name in names]
    assert np.array_equal(config.in_session(slot, ts), np.concatenate(wanted))
    bars = [
        Bar(name, friday + 60 * m, 1.0, 1.0, 1.0, 1.0, 1.0, "sandbox") for name in names for m in (0, 180, 900, 1500)
    ]
    done = decode([encode_bar(bar) for bar in bars], config)
    kept = {(config.names[slot], int(ts - friday) // 60) for slot, ts in zip(done.bars.slot, done.bars.ts, strict=True)}
    assert kept == {(bar.symbol, m) for bar in bars if wanted[names.index(bar.symbol)][m := (bar.ts - friday) // 60]}
    assert len(done.rejects) == len(bars) - len(kept)


def test_a_window_may_reach_over_breaks_nights_and_midnights() -> None:
    given = {"exchanges": "SONY:XTKS,BTC-USD:24/7", "symbols": "GOOGL,SONY,BTC-USD", "window": 16}
    config = StreamConfig.of(load(source="sandbox", feed_gap_minutes=9, **given))
    afternoon = int(np.datetime64("2024-03-08T03:40", "s").astype(np.int64))  # ten minutes after Tokyo's break
    back = (15 + MEMORY) * 10  # trading minutes
    two_sessions_before = int(np.datetime64("2024-03-06T01:50", "s").astype(np.int64))
    begins = config.earliest(np.array([0, 2]), np.array([afternoon, afternoon]))
    assert begins.tolist() == [afternoon - 60 * back, two_sessions_before]


def test_most_installations_have_one_calendar() -> None:
    config = StreamConfig.of(load(source="sandbox"))
    assert config.calendars == (config.sessions,)
    assert not np.any(config.calendar)


def test_symbols_of_one_exchange_share_a_calendar_whoever_loaded_it() -> None:
    usual = StreamConfig.of(load(source="sandbox", symbols="BP,GOOGL,VOD"))
    london = sessions("XLON")
    config = replace(usual, others={"VOD": london, "BP": replace(london), "GOOGL": replace(usual.sessions)})
    assert [calendar.exchange for calendar in config.calendars] == ["XNYS", "XLON"]
    assert config.calendar.tolist() == [1, 0, 1]
