from dataclasses import replace
from pathlib import Path

import numpy as np

from serving.common.decode_bars import decode
from serving.stream_config import StreamConfig
from stock_ml.adapters.broker import encode_bar
from stock_ml.config import load
from stock_ml.domain.bars import Bar
from stock_ml.domain.calendar import sessions

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
