"""The producer publishes each new bar to Kafka once."""
