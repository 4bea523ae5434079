"""The table of closes is exchange-calendars' own."""

import pytest
from exchange_calendars.calendar_utils import _default_calendar_factories as factories

from stock_ml.errors import BadSetting
from stock_ml.exchanges import CLOSES, after_the_close


def usual_close(kind: type) -> str:
    """Return the newest usual close of a calendar, without loading its sessions."""
    times = kind.close_times
    newest = (times.fget(object.__new__(kind)) if isinstance(times, property) else times)[-1]
    return f"{newest[1]:%H:%M}"


def test_the_table_has_every_exchange_with_its_zone_and_usual_close():
    codes = {name: kind for name, kind in factories.items() if name.isalpha() and name.isupper()}
    assert {name: (str(kind.tz), usual_close(kind)) for name, kind in codes.items()} == CLOSES


def test_the_schedule_is_the_exchanges_own_weekdays_after_its_close():
    assert after_the_close("XNYS", 90) == ("30 17 * * 1-5", "America/New_York")
    assert after_the_close("XTKS", 45) == ("15 16 * * 1-5", "Asia/Tokyo")


def test_no_close_with_what_follows_it_is_on_the_next_day():
    assert all(int(after_the_close(name, 90)[0].split()[1]) < 24 for name in CLOSES)


def test_an_unknown_exchange_is_refused():
    with pytest.raises(BadSetting, match="STOCKML_EXCHANGE"):
        after_the_close("NYSE?", 90)
