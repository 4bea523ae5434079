"""No unit test opens a socket: what needs a server is an adapter's test."""

import pytest_socket


def pytest_runtest_setup() -> None:
    pytest_socket.disable_socket(allow_unix_socket=True)
