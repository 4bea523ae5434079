"""The producer: publish each new bar once, and again where the source corrects it.

Run `python -m serving.producer.main`, or with `--replay FROM [TO] --speed N|max` for stored bars of past sessions.
"""

import argparse
import logging
import signal
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from math import inf, isfinite

from serving.common.http_endpoints import serve
from serving.common.logs import line, set_up
from serving.producer.live import Live
from serving.producer.publisher import Output
from serving.producer.replay import Replay
from stock_ml.config import Settings, load
from stock_ml.domain.calendar import Sessions, release_warning
from stock_ml.errors import BadSetting, BrokerRefused, UnknownSessions

log = logging.getLogger(__name__)


def main(words: Sequence[str] | None = None) -> int:
    """Publish until SIGTERM, or until the replay is over; return 1 where a setting is wrong, or Kafka refuses bars."""
    options = arguments(words)
    set_up("producer")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        s = load()
        output = Output(s)
    except BadSetting as error:
        log.error(line("refused", reason=error))
        return 1
    for words in calendar_warnings(output.calendars, time.time()) if s.live else ():
        log.warning(line(words, update="exchange-calendars"))
    try:
        return _run(s, output, options)
    except UnknownSessions as error:
        log.error(line("ended", reason=error))
        return 1
    except BrokerRefused as error:
        log.error(line("ended; the next start goes on from what is published", reason=error))
        return 1
    finally:
        output.close()
        log.info(line("stopped"))


def calendar_warnings(calendars: Sequence[Sessions], now: float) -> list[str]:
    """Return what is wrong with calendars at a time of the wall: they end soon, or their release is old."""
    ending = [each.end_warning(now) for each in calendars]
    return [words for words in (*ending, release_warning(version("exchange-calendars"), now)) if words]


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m serving.producer.main", description=__doc__)
    parser.add_argument(
        "--replay", nargs="+", metavar=("FROM", "TO"), help="publish stored sessions FROM to TO, YYYY-MM-DD; or holdout"
    )
    parser.add_argument("--speed", type=_speed, help="market seconds a wall second, or max; for a replay")
    options = parser.parse_args(words)
    if options.replay and len(options.replay) > 2:
        parser.error("--replay takes one or two words, FROM and TO")
    if options.speed and not options.replay:
        parser.error("--speed belongs to --replay")
    return options


def _speed(text: str) -> float:
    speed = inf if text == "max" else float(text)
    if not (speed > 0 and (isfinite(speed) or text == "max")):
        raise argparse.ArgumentTypeError("a speed is a positive number, or max")
    return speed


def _run(s: Settings, output: Output, options: argparse.Namespace) -> int:
    replay = Replay(s, output, options.speed or s.sandbox_speed)
    if options.replay:
        try:
            replay.publish_sessions(options.replay[0], options.replay[-1] if len(options.replay) > 1 else None)
        except BadSetting as error:
            log.error(line("refused", reason=error))
            return 1
        return 0
    serve((str(s.metrics_host), s.producer_port), output.meters.registry, output.health, s.trusted_hosts)
    if s.replayed:
        replay.publish_holdout()
    else:
        Live(s, output).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
