"""What producer, consumer and dashboard share."""
