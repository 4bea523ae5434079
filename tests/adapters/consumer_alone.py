"""A consumer as a process, its model given by hand: to be killed."""

from serving.common.http_endpoints import serve
from serving.common.shutdown import stop_on_signals
from serving.consumer.main import Consumer
from stock_ml.config import load
from tests.adapters.test_consumer import Fixed

if __name__ == "__main__":
    s = load()
    consumer = Consumer.connect(s, Fixed(), stop_on_signals()[0])
    serve((str(s.metrics_host), s.consumer_port), consumer.batches.meters.registry, consumer.batches.health)
    consumer.run()
