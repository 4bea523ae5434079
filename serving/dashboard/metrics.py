"""The metrics of the dashboard."""

from collections.abc import Iterable

from flask import Flask, Response, request
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from serving.common.metrics import registry
from serving.dashboard.viewers import Viewers


class ViewerCollector(Collector):
    """Count the viewers of this process."""

    def __init__(self, viewers: Viewers) -> None:
        self._viewers = viewers

    def collect(self) -> Iterable[Metric]:
        """Yield how many watch, and how many were dropped."""
        yield GaugeMetricFamily("stockml_viewers", "Viewers of /stream", self._viewers.count())
        dropped = "Viewers that did not keep up and were cut off"
        yield CounterMetricFamily("stockml_viewers_dropped", dropped, self._viewers.dropped)


def measure(app: Flask, viewers: Viewers) -> CollectorRegistry:
    """Count the application's responses by page and status; return the registry of all metrics."""
    metrics = registry()
    metrics.register(ViewerCollector(viewers))
    responses = Counter("stockml_answers", "Responses by page and status", ["page", "status"], registry=metrics)

    @app.after_request
    def count(response: Response) -> Response:
        # the page's name, not the requested address: anybody can make up addresses
        responses.labels((request.endpoint or "none").removeprefix("views."), response.status_code).inc()
        return response

    return metrics
