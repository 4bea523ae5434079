"""Ports of this machine, taken and free."""

import socket
from collections.abc import Iterator

import pytest

from local import ports
from local.supervisor.program import Program
from stock_ml.adapters.host import listeners
from stock_ml.errors import HostError


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        yield one.getsockname()[1]


def program(**wanted: int) -> Program:
    return Program("one", ("p",), lambda: True, wanted)


def test_a_free_port_passes() -> None:
    ports.check([program(kafka_port=ports.free(1)[0])])


def test_a_taken_port_is_told_with_its_holder_and_its_setting(taken: int) -> None:
    with pytest.raises(HostError, match=rf"port {taken} is held by .* \(pid \d+\): STOCKML_KAFKA_PORT changes it"):
        ports.check([program(kafka_port=taken, s3_port=ports.free(1)[0])])


def test_a_port_on_which_a_program_of_ours_listens_passes(taken: int) -> None:
    ports.check([program(kafka_port=taken)], own={taken})


def test_a_running_program_whose_port_is_changed_to_a_taken_one_is_refused(taken: int) -> None:
    with pytest.raises(HostError, match="STOCKML_KAFKA_PORT"):
        ports.check([program(kafka_port=taken)], own={ports.free(1)[0]})


def test_ports_given_out_at_once_are_different_and_free() -> None:
    found = ports.free(20)
    assert len(set(found)) == 20
    assert all(listeners.port_is_free(port) for port in found)
    assert all(port in ports.SERVERS for port in found)
