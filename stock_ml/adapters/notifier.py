"""Notify a person by mail, webhook, or any other service of apprise: the addresses are one setting."""

import logging

from apprise import Apprise

from stock_ml.config import Settings
from stock_ml.errors import BadSetting

log = logging.getLogger(__name__)


def notify(s: Settings, title: str, body: str) -> bool:
    """Notify every address of STOCKML_NOTIFY, and say whether all accepted; nothing is sent where it is not set.

    An address that cannot be reached is logged, without the address itself, which may hold a password, and is no error.
    A title of simulated bars says so. Raises BadSetting where an address is none.
    """
    if s.notify is None:
        return False
    apprise = Apprise()
    if not apprise.add(s.notify.get_secret_value()):
        raise BadSetting("STOCKML_NOTIFY: apprise knows no such address; see https://appriseit.com")
    simulated = " · SIMULATED" if s.simulated else ""
    accepted = bool(apprise.notify(body=body, title=f"stock_ml: {title}{simulated}"))
    if not accepted:
        log.warning("not everyone could be told %r: see STOCKML_NOTIFY, and that the server is up", title)
    return accepted
