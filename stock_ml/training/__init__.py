"""Train, evaluate, log and promote models."""
