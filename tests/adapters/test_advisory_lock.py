"""Processes that do the same thing take turns, on a real PostgreSQL."""

from threading import Event, Thread

import pytest
from pydantic import SecretStr

from local import ports
from stock_ml.adapters.postgres.locks import exclusive_lock
from stock_ml.config import Settings, load
from stock_ml.errors import StoreUnavailable


def test_who_comes_second_waits_and_who_does_something_else_does_not(postgres: Settings) -> None:
    ready, done = Event(), Event()

    def second() -> None:
        ready.set()
        with exclusive_lock(postgres, "download GOOGL"):
            done.set()

    thread = Thread(target=second)
    with exclusive_lock(postgres, "download GOOGL"):
        thread.start()
        with exclusive_lock(postgres, "download IBM"):
            assert ready.wait(10)
        assert not done.wait(0.3)
    assert done.wait(10)
    thread.join()


def test_a_turn_is_given_away_when_the_block_fails(postgres: Settings) -> None:
    with pytest.raises(ValueError, match="why"), exclusive_lock(postgres, "x"):
        raise ValueError("why")
    with exclusive_lock(postgres, "x"):
        pass


def test_a_server_that_is_away_is_told_without_its_password() -> None:
    (port,) = ports.free(1)
    s = load(postgres_port=port, postgres_password=SecretStr("secret-word"))
    with pytest.raises(StoreUnavailable) as told, exclusive_lock(s, "x"):
        pass
    assert "secret-word" not in str(told.value)
