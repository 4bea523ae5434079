"""No port of the object store serves, changes or deletes anything without keys or its certificate."""

import os
import socket
import ssl
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
import requests
from pydantic import SecretStr

from local.secrets import SEAWEED_KEYS, ensure_secrets
from local.servers import seaweed
from local.servers.seaweed_certificate import ensure_certificate
from local.supervisor.program import BIN, Program
from stock_ml.adapters.lake.objects import Objects
from stock_ml.config import Settings
from stock_ml.errors import StoreUnavailable
from tests.servers import running, settings_in
from tests.unit.docker.compose import services, words

KEY, BODY = "raw/answer", b"bars as received"
LARGE = 20 << 20  # bytes, several parts and chunks
REFUSED = (401, 403, 404, 405)
ORIGIN = {"Origin": "https://other.example"}
PORTS = {
    "filer": "weed_filer_port",
    "master": "weed_master_port",
    "volume": "weed_volume_port",
    "s3": "s3_port",
}
REQUESTS = (
    ("filer", "GET", "/buckets/?limit=5"),
    ("filer", "GET", "/buckets/{bucket}/{key}"),
    ("filer", "GET", "/?proxyChunkId={fid}"),
    ("filer", "POST", "/buckets/{bucket}/{key}"),
    ("filer", "PUT", "/buckets/{bucket}/{key}"),
    ("filer", "DELETE", "/buckets/{bucket}/{key}"),
    ("filer", "DELETE", "/buckets/{bucket}?recursive=true"),
    ("master", "GET", "/{fid}"),
    ("master", "GET", "/dir/status"),
    ("master", "GET", "/dir/assign?collection={bucket}"),
    ("master", "GET", "/dir/lookup?fileId={fid}"),
    ("master", "GET", "/col/delete?collection={bucket}"),
    ("master", "POST", "/col/delete?collection={bucket}"),
    ("master", "POST", "/submit?collection={bucket}"),
    ("volume", "GET", "/{fid}"),
    ("volume", "POST", "/{fid}"),
    ("volume", "PUT", "/{fid}"),
    ("volume", "DELETE", "/{fid}"),
    ("s3", "GET", "/"),
    ("s3", "GET", "/{bucket}"),
    ("s3", "GET", "/{bucket}/{key}"),
    ("s3", "PUT", "/{bucket}/{key}"),
    ("s3", "DELETE", "/{bucket}/{key}"),
    ("s3", "POST", "/?Action=AssumeRole&RoleSessionName=other&Version=2011-06-15"),
)


@dataclass(frozen=True)
class Store:
    """A server that runs, and a bucket in it with one object."""

    settings: Settings
    objects: Objects

    def address(self, server: str, path: str) -> str:
        """Return an address of one of its servers, with the object's names filled in."""
        bucket = self.objects.bucket
        filled = path.format(bucket=bucket, key=KEY, fid=fid(self.settings, bucket))
        return f"http://127.0.0.1:{getattr(self.settings, PORTS[server])}{filled}"


def program(s: Settings) -> Program:
    return seaweed.program(s, ensure_secrets(s))


def fid(s: Settings, bucket: str) -> str:
    """Return the volume server's name of a bucket's one object, read from the volume's files."""
    index = next(path for path in (s.state / "s3").glob(f"{bucket}_*.idx") if path.stat().st_size)
    needle, place, _ = struct.unpack(">QIi", index.read_bytes()[:16])
    cookie = index.with_suffix(".dat").read_bytes()[place * 8 :][:4].hex()
    return f"{index.stem.rpartition('_')[2]},{needle:x}{cookie}"


def in_compose(s: Settings) -> tuple[Settings, Program]:
    """Return the server as docker-compose.yaml starts it, with ports and a folder of this machine."""
    service, here = services()["s3"], program(s)
    places = ("-dir=", "-ip", "-master.port", "-volume.port", "-filer.port", "-s3.port=", "-s3.port.grpc=")
    moved = [word for word in here.argv if word.startswith(places)]
    env = service["environment"]
    keys = {
        "s3_access_key": SecretStr(env["AWS_ACCESS_KEY_ID"]),
        "s3_secret_key": SecretStr(env["AWS_SECRET_ACCESS_KEY"]),
    }
    argv = (str(BIN / "weed"), *words(service), *moved)
    return s.model_copy(update=keys), replace(here, argv=argv, env={"TMPDIR": here.env["TMPDIR"], **env})


@pytest.fixture(scope="module", params=["make up", "docker compose"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A real server, as each of the two ways to run starts it."""
    s = settings_in(tmp_path_factory.mktemp("store"))
    s, one = (s, program(s)) if request.param == "make up" else in_compose(s)
    with seaweed.remove_sockets_after(s), running(one, s):
        yield s


@pytest.fixture
def store(server: Settings) -> Store:
    """A bucket of one's own with one object."""
    objects = Objects.connect(server.model_copy(update={"s3_bucket": f"b{uuid4().hex[:8]}"}))
    objects.ensure_bucket()
    objects.put(KEY, BODY, "text/plain")
    return Store(server, objects)


@pytest.mark.parametrize(("name", "method", "path"), REQUESTS)
def test_a_request_without_keys_is_refused_and_the_data_stay(store: Store, name: str, method: str, path: str) -> None:
    files = {"file": b"of another"} if method in ("POST", "PUT") else None
    answer = requests.request(method, store.address(name, path), files=files, headers=ORIGIN, timeout=30)
    assert answer.status_code in REFUSED
    assert BODY not in answer.content
    assert store.objects.digests("").keys() == {KEY}
    assert store.objects.get(KEY) == BODY


@pytest.mark.parametrize("name", ["filer", "master", "s3"])
def test_a_web_page_of_another_origin_may_read_no_answer(store: Store, name: str) -> None:
    answer = requests.get(store.address(name, "/{bucket}/{key}"), headers=ORIGIN, timeout=30)
    assert "Access-Control-Allow-Origin" not in answer.headers


GRPC = ("weed_master_grpc_port", "weed_volume_grpc_port", "weed_filer_grpc_port", "weed_s3_grpc_port")
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\4" + bytes(5)  # and an empty frame of settings
SETTINGS = 4  # the kind of frame that a server of gRPC answers with


def greet(s: Settings, port: str, context: ssl.SSLContext | None) -> bytes:
    """Return what a gRPC port answers to a client's first words, b"" where it hangs up."""
    with socket.create_connection(("127.0.0.1", getattr(s, port)), timeout=10) as plain:
        try:
            with context.wrap_socket(plain) if context else plain as client:
                client.sendall(PREFACE)
                return client.recv(9)
        except (ssl.SSLError, ConnectionError):
            return b""


def trusting() -> ssl.SSLContext:
    """Return what a client without a certificate speaks TLS with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


@pytest.fixture(scope="module")
def of_make_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The server as `make up` starts it: in containers its gRPC ports are in a network of their own."""
    s = settings_in(tmp_path_factory.mktemp("grpc"))
    with seaweed.remove_sockets_after(s), running(program(s), s):
        yield s


@pytest.mark.parametrize("port", GRPC)
def test_a_client_without_the_certificate_is_not_heard_by_grpc(of_make_up: Settings, port: str) -> None:
    assert greet(of_make_up, port, None)[3:4] != bytes([SETTINGS])
    assert greet(of_make_up, port, trusting()) == b""
    own, folder = trusting(), of_make_up.state / "s3-grpc"
    own.load_cert_chain(folder / "grpc.crt", folder / "grpc.key")
    assert greet(of_make_up, port, own)[3] == SETTINGS


def test_another_certificate_is_refused_by_grpc(of_make_up: Settings, tmp_path: Path) -> None:
    ensure_certificate(tmp_path)
    other = trusting()
    other.load_cert_chain(tmp_path / "grpc.crt", tmp_path / "grpc.key")
    for port in GRPC:
        assert greet(of_make_up, port, other) == b""


@pytest.mark.parametrize("keys", [("s3_access_key",), ("s3_secret_key",)])
def test_other_keys_are_refused(store: Store, keys: tuple[str]) -> None:
    wrong = store.settings.model_copy(update=dict.fromkeys(keys, SecretStr("other")))
    with pytest.raises(StoreUnavailable, match="its keys"):
        Objects.connect(wrong.model_copy(update={"s3_bucket": store.objects.bucket})).get(KEY)


def test_with_keys_objects_are_written_listed_read_and_deleted(store: Store, tmp_path: Path) -> None:
    large, back = tmp_path / "large", tmp_path / "back"
    large.write_bytes(os.urandom(LARGE))
    store.objects.put_file("dumps/large", large)  # in parts
    store.objects.get_file("dumps/large", back)
    assert back.read_bytes() == large.read_bytes()
    assert store.objects.keys("") == ["dumps/large", KEY]
    store.objects.delete(KEY)
    assert store.objects.get(KEY) is None
    assert store.objects.keys("") == ["dumps/large"]


def with_open_ports(one: Program) -> Program:
    """Return the server as installations started it before its HTTP ports were closed."""
    access = tuple(f"-{name}=" for name in seaweed.HTTP_ACCESS)
    argv = tuple(word for word in one.argv if not word.startswith(access))
    return replace(one, argv=argv, env={name: value for name, value in one.env.items() if name not in SEAWEED_KEYS})


def with_slow_election(one: Program) -> Program:
    """Return the server with a master that has no leader yet when the volume server first reports."""
    return replace(one, argv=(*one.argv, "-master.electionTimeout=2s"))


def test_what_was_written_before_the_ports_were_closed_is_read_as_soon_as_the_server_is_ready(tmp_path: Path) -> None:
    s = settings_in(tmp_path)
    objects = Objects.connect(s)
    large, back = tmp_path / "large", tmp_path / "back"
    large.write_bytes(os.urandom(LARGE))
    with seaweed.remove_sockets_after(s), running(with_open_ports(program(s)), s):
        objects.ensure_bucket()
        objects.put(KEY, BODY, "text/plain")
        objects.put_file("dumps/large", large)
    with seaweed.remove_sockets_after(s), running(with_slow_election(program(s)), s):
        assert objects.get(KEY) == BODY
        objects.get_file("dumps/large", back)
        assert back.read_bytes() == large.read_bytes()
        objects.put(KEY, b"anew", "text/plain")
        objects.delete("dumps/large")
        assert (objects.keys(""), objects.get(KEY)) == ([KEY], b"anew")
