import pytest

from serving.producer.replay_readiness import serves
from stock_ml.adapters.postgres.connection import ServiceState


def test_the_consumer_serves_what_it_told_just_now() -> None:
    assert serves(ServiceState({"model_version": "7"}, 1.0), "7")


@pytest.mark.parametrize(
    "state",
    [
        None,
        *(ServiceState(*each) for each in (({}, 1.0), ({"model_version": "6"}, 1.0), ({"model_version": "7"}, 11.0))),
    ],
)
def test_another_version_an_old_word_and_none_do_not_count(state: ServiceState | None) -> None:
    assert not serves(state, "7")
