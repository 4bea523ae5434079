"""The outside systems that Airflow's own operators and triggers reach, as its connections."""

import json

from stock_ml.adapters.broker.client import client_config
from stock_ml.config import Settings

WATCHED = ("sessions", "alerts")  # topics on which the triggerer waits, each with a consumer group of its own


def connections(s: Settings) -> dict[str, str]:
    """Return them as Airflow's variables, secrets included: for its processes' eyes only."""
    kafka = {f"AIRFLOW_CONN_STOCKML_{topic.upper()}": _kafka(s, topic) for topic in WATCHED}
    return {"AIRFLOW_CONN_AWS_DEFAULT": _aws(s), "AIRFLOW_CONN_STOCKML_EVENTS": _events(s)} | kafka


def _aws(s: Settings) -> str:
    keys = (s.s3_access_key, s.s3_secret_key)
    access, secret = (key.get_secret_value() if key else "" for key in keys)
    extra = {"endpoint_url": s.s3, "region_name": s.s3_region}
    return json.dumps({"conn_type": "aws", "login": access, "password": secret, "extra": extra})


def _events(s: Settings) -> str:
    return json.dumps({"conn_type": "kafka", "extra": client_config(s)})


def _kafka(s: Settings, topic: str) -> str:
    # from the first message on: what was told while Airflow was down is acted on when it is back
    group = {"group.id": f"{s.kafka_topic}-airflow-{topic}", "auto.offset.reset": "earliest"}
    extra = client_config(s) | group | {"enable.auto.commit": False}
    return json.dumps({"conn_type": "kafka", "extra": extra})
