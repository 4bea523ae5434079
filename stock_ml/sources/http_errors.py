"""Name what an error of `requests` means for a source."""

import requests
from urllib3.exceptions import NameResolutionError

from stock_ml.errors import NoNetwork, SourceUnavailable, TimedOut


def unreachable(error: requests.RequestException, address: str, timeout: float) -> SourceUnavailable:
    """Return the error for a request to an address that got no whole response within `timeout` seconds."""
    if isinstance(error, requests.Timeout):
        return TimedOut(f"{address} did not answer within {timeout:.0f} s; see that the network is up")
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, NameResolutionError):
        return NoNetwork(f"the name of {address} cannot be resolved: is this machine on a network that reaches it?")
    return SourceUnavailable(
        f"{address} cannot be reached, or broke off ({type(error).__name__}); see that it runs and the network is up"
    )
