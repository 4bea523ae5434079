"""S3 from SeaweedFS, one process, from a wheel."""

import json
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from local import probes
from local.secrets import SEAWEED_KEYS, write_private
from local.servers import seaweed_certificate
from local.supervisor.program import BIN, Program
from stock_ml.config import Settings

NAME = "s3"
# It grows seven volumes for every bucket, and counts each as full against the free disk: a small disk then has room for
# few buckets, and says only "InternalError". Volumes take what is written to them; one a bucket is enough.
VOLUMES = 4096
# below this it takes nothing more. By itself it keeps a hundredth of the disk, and on a large one with gigabytes left
# every write waits without a word
SPARE = "1GiB"
GROWTH = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
# Its master and its filer serve and delete everything over HTTP without a key, and a browser lets
# every page use them. The S3 gateway reaches both over gRPC. With keys for signing it would also
# issue temporary credentials (STS). Nobody needs those, so its IAM is off.
HTTP_ACCESS = {
    "disableHttp": "true",
    "filer.allowedOrigins": "none",
    "s3.allowedOrigins": "none",
    "s3.iam": "false",
}


def program(s: Settings, secrets: Mapping[str, str]) -> Program:
    """Describe the server: all ports on loopback; S3 with its keys, and gRPC with its certificate, are the ways in."""
    ports = {
        "s3_port": s.s3_port,
        "weed_master_port": s.weed_master_port,
        "weed_volume_port": s.weed_volume_port,
        "weed_filer_port": s.weed_filer_port,
        "weed_master_grpc_port": s.weed_master_grpc_port,
        "weed_volume_grpc_port": s.weed_volume_grpc_port,
        "weed_filer_grpc_port": s.weed_filer_grpc_port,
        "weed_s3_grpc_port": s.weed_s3_grpc_port,
    }
    keys = {name: secrets[name] for name in SEAWEED_KEYS}
    env = {
        **GROWTH,
        **keys,
        **seaweed_certificate.variables(s.state / "s3-grpc"),
        "TMPDIR": str(_scratch(s)),
    }  # where it logs, beside what it prints
    return Program(NAME, _argv(s), partial(_ready, s), ports, env, prepare=partial(_prepare, s))


def remove_sockets(s: Settings) -> None:
    """Remove the unix sockets that it makes in /tmp, whatever its options are, and does not delete when it ends.

    One that is listened on stays: it is of a server with the same ports that another folder's `make up` started.
    """
    servers = (s.s3_port, s.weed_filer_port)
    ports = (*servers, s.weed_s3_grpc_port, s.weed_filer_grpc_port, s.weed_master_grpc_port, s.weed_volume_grpc_port)
    for path in (path for port in ports for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock")):  # noqa: S108 - its choice
        if not _listened_on(path):
            path.unlink(missing_ok=True)


def _listened_on(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


@contextmanager
def remove_sockets_after(s: Settings) -> Iterator[None]:
    """Remove the sockets at the end of the block, however it ends: for who starts the server without a supervisor."""
    try:
        yield
    finally:
        remove_sockets(s)


def _argv(s: Settings) -> tuple[str, ...]:
    options = {
        "dir": s.state / "s3",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.port": s.weed_master_port,
        "master.port.grpc": s.weed_master_grpc_port,
        "master.electionTimeout": "1s",
        "volume.port": s.weed_volume_port,
        "volume.port.grpc": s.weed_volume_grpc_port,
        "volume.max": VOLUMES,
        "volume.minFreeSpace": SPARE,
        "volume.preStopSeconds": 0,
        "filer.port": s.weed_filer_port,
        "filer.port.grpc": s.weed_filer_grpc_port,
        "s3.port": s.s3_port,
        "s3.port.grpc": s.weed_s3_grpc_port,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.config": s.state / "s3.json",
        "master.volumeSizeLimitMB": 1024,
        "master.telemetry": "false",
        **HTTP_ACCESS,
    }
    return (str(BIN / "weed"), "server", "-s3", *(f"-{name}={value}" for name, value in options.items()))


def _ready(s: Settings) -> bool:
    """Say whether S3 answers and the master knows the volume server; before that every read fails."""
    volume_server = f"127.0.0.1:{s.weed_volume_port}"
    answers = probes.http(f"http://127.0.0.1:{s.s3_port}/status")
    reports = probes.http(f"http://127.0.0.1:{s.weed_master_port}/", text=volume_server)  # its page
    return answers() and reports()


def _scratch(s: Settings) -> Path:
    return s.state / "tmp" / "s3"


def _prepare(s: Settings) -> None:
    shutil.rmtree(_scratch(s), ignore_errors=True)  # each start begins new logs there
    _scratch(s).mkdir(parents=True)
    (s.state / "s3").mkdir(parents=True, exist_ok=True)
    seaweed_certificate.ensure_certificate(s.state / "s3-grpc")
    _identity(s)


def _identity(s: Settings) -> None:
    keys = (s.s3_access_key, s.s3_secret_key)
    access, secret = (key.get_secret_value() if key else "" for key in keys)
    identity = {"name": "stockml", "credentials": [{"accessKey": access, "secretKey": secret}], "actions": ["Admin"]}
    write_private(s.state / "s3.json", json.dumps({"identities": [identity]}))
