"""Structured logs: one line an event, a name and key=value pairs, on standard output."""

import json
import logging
import sys
import time


def set_up(service: str) -> logging.Logger:
    """Send all logs of this process to standard output and return the service's own logger."""
    layout = logging.Formatter(f"%(asctime)s.%(msecs)03dZ %(levelname)s {service} %(message)s", "%Y-%m-%dT%H:%M:%S")
    layout.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(layout)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # its retries end in an error that is logged once
    return logging.getLogger(service)


def line(event: str, **fields: object) -> str:
    """Return an event as one line.

    >>> line("stored", bars=5, reason="two words")
    'stored bars=5 reason="two words"'
    """
    return " ".join([event, *(f"{name}={_plain(value)}" for name, value in fields.items())])


def _plain(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and not {" ", '"', "="} & set(text) else json.dumps(text, ensure_ascii=False)
