from hypothesis import given
from hypothesis import strategies as st

from serving.producer.recent_minutes import CLOSES, WINDOW, Recent
from tests.unit.serving.streams import minute


def test_nothing_published_means_that_every_minute_is_new() -> None:
    recent = Recent()
    assert recent.newest is None
    assert recent.is_unpublished(minute(0))


def test_a_minute_passed_over_is_new_and_those_before_the_first_are_not() -> None:
    recent = Recent([minute(5), minute(7)])
    assert recent.newest == minute(7)
    assert [recent.is_unpublished(minute(i)) for i in (4, 5, 6, 7, 8)] == [False, False, True, False, True]


@given(st.lists(st.integers(0, 400), min_size=1), st.integers(0, 400))
def test_what_was_published_is_never_new_and_what_is_newer_always(published: list[int], ts: int) -> None:
    recent = Recent(published)
    assert not any(recent.is_unpublished(one) for one in published)
    assert recent.is_unpublished(ts) == (ts not in published and ts >= sorted(set(published))[-WINDOW:][0])
    assert recent.newest == max(published)


def test_an_official_close_is_new_once_and_not_before_the_minutes_held() -> None:
    recent = Recent([minute(300)])
    assert [recent.is_unpublished_close(ts, first=0) for ts in (minute(-10), minute(390))] == [False, True]
    recent.add_close(minute(390))
    assert not recent.is_unpublished_close(minute(390), first=0)
    assert Recent().is_unpublished_close(minute(390), first=minute(389))
    assert not Recent().is_unpublished_close(minute(390), first=minute(391))


def test_the_newest_official_closes_are_held() -> None:
    recent = Recent([0])
    for ts in range(1, CLOSES + 2):
        recent.add_close(ts)
    assert (recent.newest_close, recent.is_unpublished_close(2, first=0)) == (CLOSES + 1, False)
