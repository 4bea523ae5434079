"""The metrics of the dashboard."""

from collections.abc import Callable, Iterable, Mapping

from flask import Flask, Response, request
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from serving.common.metrics import registry
from serving.dashboard.status import newest_live_bars
from serving.dashboard.viewers import Viewers
from stock_ml.adapters.postgres.connection import ServiceState
from stock_ml.errors import StoreUnavailable

LIVE_BARS = {
    "compared": "Minutes of the newest closed session that have a live and a settled bar",
    "missing_live": "Minutes of it that have a settled bar only",
    "only_live": "Minutes of it that have a live bar only",
    "differ": "Share of the compared minutes with another close",
    "median_bp": "Median of those differences, basis points",
    "largest_bp": "Largest of those differences, basis points",
    "corrected": "Share of live minutes that the feed corrected",
}


class ViewerCollector(Collector):
    """Count the viewers of this process."""

    def __init__(self, viewers: Viewers) -> None:
        self._viewers = viewers

    def collect(self) -> Iterable[Metric]:
        """Yield how many watch, and how many were dropped."""
        yield GaugeMetricFamily("stockml_viewers", "Viewers of /stream", self._viewers.count())
        dropped = "Viewers that did not keep up and were cut off"
        yield CounterMetricFamily("stockml_viewers_dropped", dropped, self._viewers.dropped)


class LiveBarsCollector(Collector):
    """Say how the live bars of the newest session that was compared differ from the settled ones."""

    def __init__(self, services: Callable[[], Mapping[str, ServiceState]]) -> None:
        self._services = services

    def collect(self) -> Iterable[Metric]:
        """Yield a gauge for each figure; none where nothing was compared, or PostgreSQL does not answer."""
        try:
            found = newest_live_bars(self._services())
        except StoreUnavailable:
            return
        for name, documentation in LIVE_BARS.items() if found else ():
            yield GaugeMetricFamily(f"stockml_live_bars_{name}", documentation, getattr(found, name) or 0.0)


def measure(app: Flask, viewers: Viewers, services: Callable[[], Mapping[str, ServiceState]]) -> CollectorRegistry:
    """Count the application's responses by page and status; return the registry of all metrics."""
    metrics = registry()
    metrics.register(ViewerCollector(viewers))
    metrics.register(LiveBarsCollector(services))
    responses = Counter("stockml_answers", "Responses by page and status", ["page", "status"], registry=metrics)

    @app.after_request
    def count(response: Response) -> Response:
        # the page's name, not the requested address: anybody can make up addresses
        responses.labels((request.endpoint or "none").removeprefix("views."), response.status_code).inc()
        return response

    return metrics
