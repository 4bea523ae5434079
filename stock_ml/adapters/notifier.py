"""Tell a person by mail, webhook, or whatever else apprise knows: the addresses are one setting."""

import logging

from apprise import Apprise

from stock_ml.config import Settings
from stock_ml.errors import BadSetting

log = logging.getLogger(__name__)


def notify(s: Settings, title: str, body: str) -> bool:
    """Tell every address of STOCKML_NOTIFY, and say whether all took it; nothing is sent where it is not set.

    What is away is no failure of who tells: it is logged, without the address, which may hold a password. A title of
    simulated bars says so. Raises BadSetting where an address is none.
    """
    if s.notify is None:
        return False
    told = Apprise()
    if not told.add(s.notify.get_secret_value()):
        raise BadSetting("STOCKML_NOTIFY: apprise knows no such address; see https://appriseit.com")
    simulated = " · SIMULATED" if s.simulated else ""
    took = bool(told.notify(body=body, title=f"stock_ml: {title}{simulated}"))
    if not took:
        log.warning("not everyone could be told %r: see STOCKML_NOTIFY, and that the server is up", title)
    return took
