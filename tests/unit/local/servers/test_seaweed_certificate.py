"""The certificate of the object store's gRPC ports."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from local.servers.seaweed_certificate import RENEWAL, YEARS, ensure_certificate, variables

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def files(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "grpc.crt").read_bytes(), (folder / "grpc.key").read_bytes()


def test_it_is_made_once_is_private_and_lasts_ten_years(tmp_path: Path) -> None:
    ensure_certificate(tmp_path, NOW)
    first = files(tmp_path)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert x509.load_pem_x509_certificate(first[0]).not_valid_after_utc == NOW + YEARS
    ensure_certificate(tmp_path, NOW + YEARS - RENEWAL - timedelta(days=1))
    assert files(tmp_path) == first


def test_it_is_renewed_a_year_before_it_expires_and_where_it_is_damaged(tmp_path: Path) -> None:
    ensure_certificate(tmp_path, NOW)
    first = files(tmp_path)
    ensure_certificate(tmp_path, NOW + YEARS - RENEWAL)
    second = files(tmp_path)
    assert set(first).isdisjoint(second)
    (tmp_path / "grpc.crt").write_text("half")
    ensure_certificate(tmp_path, NOW)
    assert files(tmp_path)[0] not in (b"half", second[0])


def test_a_pair_of_which_one_part_was_not_written_is_made_anew(tmp_path: Path) -> None:
    ensure_certificate(tmp_path / "other", NOW)
    ensure_certificate(tmp_path, NOW)
    first = files(tmp_path)
    (tmp_path / "grpc.key").write_bytes(files(tmp_path / "other")[1])
    ensure_certificate(tmp_path, NOW)
    assert set(first).isdisjoint(files(tmp_path))
    second = files(tmp_path)
    ensure_certificate(tmp_path, NOW)
    assert files(tmp_path) == second


def test_every_server_uses_it_in_both_directions(tmp_path: Path) -> None:
    given = variables(tmp_path)
    assert set(given.values()) == {str(tmp_path / "grpc.crt"), str(tmp_path / "grpc.key")}
    assert {"WEED_GRPC_CA", "WEED_GRPC_CLIENT_CERT", "WEED_GRPC_FILER_KEY"} <= set(given)
