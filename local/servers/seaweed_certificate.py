"""The certificate of SeaweedFS's gRPC ports: who has no certificate of the installation is refused there."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.secrets import write_private

YEARS = timedelta(days=3650)
RENEWAL = timedelta(days=365)  # a server may run for long between two starts
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stockml")])
USES = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
PARTS = ("MASTER", "VOLUME", "FILER", "S3", "CLIENT")


def variables(folder: Path) -> dict[str, str]:
    """Return the environment variables by which all of its servers use the one certificate, for both directions."""
    certificate, key = str(folder / "grpc.crt"), str(folder / "grpc.key")
    of_parts = {
        f"WEED_GRPC_{part}_{kind}": path for part in PARTS for kind, path in (("CERT", certificate), ("KEY", key))
    }
    return {"WEED_GRPC_CA": certificate} | of_parts


def ensure_certificate(folder: Path, now: datetime | None = None) -> None:
    """Make a certificate and its private key, mode 0600, where there is no pair or it expires within a year."""
    now = now or datetime.now(UTC)
    if _expires(folder) > now + RENEWAL:
        return
    key = ec.generate_private_key(ec.SECP256R1())
    format_ = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, format_, serialization.NoEncryption())
    write_private(folder / "grpc.key", secret.decode())
    write_private(folder / "grpc.crt", _certificate(key, now).public_bytes(serialization.Encoding.PEM).decode())


def _certificate(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    # it vouches for itself, so nobody can get another one that is accepted
    return (
        x509.CertificateBuilder(NAME, NAME, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # a clock may be set back
        .not_valid_after(now + YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage(USES), critical=False)
        .sign(key, hashes.SHA256())
    )


def _expires(folder: Path) -> datetime:
    """Return when a certificate expires; one that is damaged, or not of the key beside it, has expired."""
    try:
        certificate = x509.load_pem_x509_certificate((folder / "grpc.crt").read_bytes())
        key = serialization.load_pem_private_key((folder / "grpc.key").read_bytes(), password=None)
    except (FileNotFoundError, ValueError):
        return datetime.min.replace(tzinfo=UTC)
    is_pair = key.public_key() == certificate.public_key()
    return certificate.not_valid_after_utc if is_pair else datetime.min.replace(tzinfo=UTC)
