"""Objects in one bucket: put, get, head, list; an absent one is None, every failure is one typed error."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from stock_ml.config import Settings
from stock_ml.domain.json_object import JsonObject
from stock_ml.errors import StoreUnavailable

ABSENT = {"404", "NoSuchKey", "NotFound"}
# the checksums that boto3 adds by default are unknown to many S3 services
CONFIG = Config(
    connect_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 3},
    s3={"addressing_style": "path"},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)


class Head(TypedDict):
    """Hold what is stored with an object."""

    ContentType: str
    Metadata: dict[str, str]


class Item(TypedDict):
    """Hold one object of a listing."""

    Key: str
    ETag: str
    LastModified: datetime


@dataclass(frozen=True)
class Objects:
    """Hold a client of one bucket; raises StoreUnavailable where the store does not answer or refuses."""

    client: Any  # boto3 makes the class when it runs
    bucket: str

    @classmethod
    def connect(cls, s: Settings) -> "Objects":
        """Return the installation's bucket; nothing is sent yet."""
        client = boto3.client(
            "s3",
            endpoint_url=s.s3,
            region_name=s.s3_region,
            aws_access_key_id=s.s3_access_key.get_secret_value() if s.s3_access_key else None,
            aws_secret_access_key=s.s3_secret_key.get_secret_value() if s.s3_secret_key else None,
            config=CONFIG.merge(Config(read_timeout=s.s3_timeout)),
        )
        return cls(client, s.s3_bucket)

    def has_bucket(self) -> bool:
        """Say whether the bucket exists."""
        with self._translate_errors():
            return self._or_none(self.client.head_bucket) is not None

    def ensure_bucket(self) -> None:
        """Create the bucket where it is missing."""
        if not self.has_bucket():
            with self._translate_errors():
                self.client.create_bucket(Bucket=self.bucket)

    def put(self, key: str, body: bytes, content_type: str, metadata: dict[str, str] | None = None) -> None:
        """Store an object; metadata are ASCII."""
        given = {"Key": key, "Body": body, "ContentType": content_type, "Metadata": metadata or {}}
        with self._translate_errors():
            self.client.put_object(Bucket=self.bucket, **given)

    def head(self, key: str) -> Head | None:
        """Return what is stored with an object, None where it is absent."""
        with self._translate_errors():
            found: Head | None = self._or_none(self.client.head_object, Key=key)
            return found

    def get(self, key: str) -> bytes | None:
        """Return an object's bytes, None where it is absent."""
        found = self.read(key)
        return found[1] if found else None

    def read(self, key: str) -> tuple[Head, bytes] | None:
        """Return what is stored with an object and its bytes, None where it is absent."""
        with self._translate_errors():
            found = self._or_none(self.client.get_object, Key=key)
            return (found, found["Body"].read()) if found else None

    def put_file(self, key: str, file: Path) -> None:
        """Store a file, in pieces where it is large."""
        with self._translate_errors():
            self.client.upload_file(str(file), self.bucket, key)

    def get_file(self, key: str, file: Path) -> None:
        """Write an object into a file."""
        with self._translate_errors():
            self.client.download_file(self.bucket, key, str(file))

    def delete(self, key: str) -> None:
        """Delete an object, if it exists."""
        with self._translate_errors():
            self.client.delete_object(Bucket=self.bucket, Key=key)

    def keys(self, prefix: str) -> list[str]:
        """Return all keys under a prefix, sorted."""
        return sorted(self.digests(prefix))

    def digests(self, prefix: str) -> dict[str, str]:
        """Return all keys under a prefix, each with its ETag, which changes with the object's bytes."""
        return {item["Key"]: item["ETag"].strip('"') for item in self._listed(prefix)}

    def forget(self, prefix: str, before: datetime, but: Collection[str | None] = ()) -> list[str]:
        """Delete the objects under a prefix last written before a time, `but` those keys, and return their keys."""
        old = [item["Key"] for item in self._listed(prefix) if item["LastModified"] < before and item["Key"] not in but]
        for key in old:
            self.delete(key)
        return old

    def _listed(self, prefix: str) -> list[Item]:
        with self._translate_errors():
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            return [item for page in pages for item in self._contents(page)]

    def _contents(self, page: JsonObject) -> list[Item]:
        if "IsTruncated" not in page:  # every S3 service says it; of a web page botocore makes an empty list
            raise StoreUnavailable(
                f"{self.client.meta.endpoint_url} answers, and not as S3 does: see who listens there (STOCKML_S3_PORT)"
            )
        return list(page.get("Contents", []))

    def _or_none(self, call: Callable[..., Any], **given: str) -> Any:
        try:
            return call(Bucket=self.bucket, **given)
        except ClientError as error:
            if str(error.response.get("Error", {}).get("Code")) in ABSENT:
                return None
            raise

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (Boto3Error, BotoCoreError, ClientError, ResponseParserError) as error:
            where = f"bucket {self.bucket} at {self.client.meta.endpoint_url}"
            raise StoreUnavailable(f"{where}: {error}; see that S3 runs (make status), and its keys") from error
