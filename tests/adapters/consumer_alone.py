"""A consumer as a process, its model given by hand: to be killed."""

from threading import Event

from serving.consumer import Consumer
from stock_ml.config import load
from tests.adapters.test_consumer import Fixed

if __name__ == "__main__":
    Consumer.connect(load(), Fixed(), Event()).run()
