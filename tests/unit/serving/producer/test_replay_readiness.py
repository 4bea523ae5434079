import pytest

from serving.producer.replay_readiness import serves


def test_the_consumer_serves_what_it_told_just_now() -> None:
    assert serves(({"model_version": "7"}, 1.0), "7")


@pytest.mark.parametrize("told", [None, ({}, 1.0), ({"model_version": "6"}, 1.0), ({"model_version": "7"}, 11.0)])
def test_another_version_an_old_word_and_none_do_not_count(told) -> None:
    assert not serves(told, "7")
