"""Redact a key from messages and from the logs of the HTTP libraries."""

import logging
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

LOGGERS = ("urllib3.connectionpool", "urllib3.util.retry", "requests")  # they log addresses when debugging


@dataclass(frozen=True)
class Redaction:
    """Replace a key, as it is or as it stands in an address; it is a filter of logs too."""

    key: str

    def __call__(self, text: str) -> str:
        """Return a text without the key."""
        for form in (self.key, quote(self.key, safe=""), quote_plus(self.key)):
            text = text.replace(form, "***")
        return text

    def __repr__(self) -> str:
        """Show no key."""
        return "Redaction(***)"

    def guard_logs(self) -> None:
        """Let no library log the key, from now on and as long as the process lives."""
        for name in LOGGERS:
            logging.getLogger(name).addFilter(self.filter)

    def filter(self, record: logging.LogRecord) -> bool:
        """Take the key out of a record, and let it pass."""
        record.msg, record.args = self(record.getMessage()), ()
        return True
