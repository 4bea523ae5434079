from hypothesis import given
from hypothesis import strategies as st

from serving.producer.recent_minutes import CLOSES, WINDOW, Recent
from stock_ml.domain.bars import LAST_REVISION, Bar
from stock_ml.domain.official_close import OfficialClose
from tests.unit.serving.streams import day, minute

BAR = day()[0]


def bars(*numbers: int) -> list[Bar]:
    return [BAR._replace(ts=minute(number)) for number in numbers]


def test_nothing_published_means_that_every_minute_is_new() -> None:
    recent = Recent()
    assert recent.newest is None
    assert recent.unpublished(BAR) == BAR


def test_a_minute_passed_over_is_new_and_those_before_the_first_are_not() -> None:
    recent = Recent(bars(5, 7))
    assert recent.newest == minute(7)
    assert [recent.unpublished(bar) is not None for bar in bars(4, 5, 6, 7, 8)] == [False, False, True, False, True]


@given(st.lists(st.integers(0, 400), min_size=1), st.integers(0, 400))
def test_what_was_published_is_never_new_and_what_is_newer_always(published: list[int], number: int) -> None:
    recent = Recent(bars(*published))
    assert not any(recent.unpublished(bar) for bar in bars(*published))
    new = number not in published and number >= sorted(set(published))[-WINDOW:][0]
    assert recent.unpublished(bars(number)[0]) == (bars(number)[0] if new else None)
    assert recent.newest == minute(max(published))


def test_other_values_are_a_revision_even_where_they_were_shown_before() -> None:
    recent, other = Recent([BAR]), BAR._replace(volume=BAR.volume + 1)
    for number, shown in enumerate((other, BAR, other), 1):
        new = recent.unpublished(shown)
        assert new == shown._replace(revision=number)
        recent.add(new)
        assert recent.unpublished(shown) is None
    assert recent.newest == BAR.ts


def test_of_the_versions_of_a_bar_the_newest_is_known_in_whatever_order_they_are_read() -> None:
    first, second = BAR, BAR._replace(close=BAR.low, revision=1)
    for order in ([first, second], [second, first, second]):
        assert Recent(order).unpublished(second._replace(revision=0)) is None
        assert Recent(order).unpublished(first) == first._replace(revision=2)


def test_no_revision_has_a_number_that_no_message_can_have() -> None:
    assert Recent([BAR._replace(revision=LAST_REVISION)]).unpublished(BAR._replace(volume=1.0)) is None


def official(ts: int, close: float = 10.0) -> OfficialClose:
    return OfficialClose("GOOGL", ts, close, 0.0, "sandbox")


def test_an_official_close_is_new_once_and_not_before_the_minutes_held() -> None:
    recent, close = Recent(bars(300)), official(minute(390))
    assert [recent.is_unpublished_close(official(ts), first=0) for ts in (minute(-10), close.ts)] == [False, True]
    recent.add_close(close)
    assert not recent.is_unpublished_close(close, first=0)
    assert Recent().is_unpublished_close(close, first=minute(389))
    assert not Recent().is_unpublished_close(close, first=minute(391))


def test_an_official_close_with_another_price_is_published_again() -> None:
    recent, first, second = Recent(bars(300)), official(minute(390)), official(minute(390), 10.1)
    recent.add_close(first)
    assert recent.is_unpublished_close(second, first=0)
    recent.add_close(second)
    assert not recent.is_unpublished_close(second, first=0)
    assert recent.is_unpublished_close(first, first=0)


def test_the_newest_official_closes_are_held() -> None:
    recent = Recent(bars(0))
    closes = [official(ts) for ts in range(minute(1), minute(1) + CLOSES + 1)]
    for close in closes:
        recent.add_close(close)
    assert (recent.newest_close, recent.is_unpublished_close(closes[1], first=0)) == (closes[-1].ts, False)
