"""The MLflow server on PostgreSQL and S3; clients get artifacts through it and need no S3 keys."""

from collections.abc import Mapping

from local import probes
from local.servers import port_takeover
from local.servers.services import aws_chain
from local.supervisor.program import PYTHON, ROOT, Program
from stock_ml.adapters.lake import keys
from stock_ml.adapters.postgres.dumps import login
from stock_ml.config import Settings

NAME = "mlflow"
SERVER, CONFIG = ROOT / "docker" / "mlflow_server.py", ROOT / "docker" / "mlflow_auth.ini"


def program(s: Settings, secrets: Mapping[str, str]) -> Program:
    """Describe the server, which asks for a login; passwords are in its environment, not among its arguments."""
    options = {"host": "127.0.0.1", "port": s.mlflow_port, "workers": 1, "x-frame-options": "NONE"}
    options["app-name"] = "basic-auth"
    options["artifacts-destination"] = f"s3://{s.s3_bucket}/{keys.MLFLOW_FOLDER.rstrip('/')}"
    words = (word for name, value in options.items() for word in (f"--{name}", str(value)))
    ready = probes.http(f"http://127.0.0.1:{s.mlflow_port}/health")
    ports = {"mlflow_port": s.mlflow_port}
    # the command serves from a child process, which keeps running if the command is killed
    argv = (PYTHON, port_takeover.__file__, str(s.mlflow_port), PYTHON, str(SERVER), *words)
    return Program(NAME, argv, ready, ports, _environment(s, secrets), after=("databases", "s3"))


def _environment(s: Settings, secrets: Mapping[str, str]) -> dict[str, str]:
    credentials = {"AWS_ACCESS_KEY_ID": s.s3_access_key, "AWS_SECRET_ACCESS_KEY": s.s3_secret_key}
    credentials |= {"MLFLOW_AUTH_ADMIN_PASSWORD": s.mlflow_password, "MLFLOW_READER_PASSWORD": s.mlflow_reader_password}
    given = {name: key.get_secret_value() for name, key in credentials.items() if key}
    return {
        "MLFLOW_BACKEND_STORE_URI": s.postgres("mlflow").replace("postgresql://", "postgresql+psycopg2://", 1),
        **login(s, "mlflow"),  # its users are in the same database, so that a backup has both
        "MLFLOW_AUTH_CONFIG_PATH": str(CONFIG),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets["MLFLOW_FLASK_SERVER_SECRET_KEY"],
        "MLFLOW_S3_ENDPOINT_URL": s.s3,
        **aws_chain(s),
        **given,
        "AWS_DEFAULT_REGION": s.s3_region,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight processes of 240 MB that nothing here uses
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
