"""An S3 server of the tests' own that speaks HTTP, and settings whose lake is on it.

It is MinIO where `minio` is on the PATH, otherwise moto, which comes with the tests' packages.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from ports import free_ports
from pydantic import SecretStr

from helix_pipeline.settings import Settings

BUCKET = "helix-test"
KEY = "test-only"
READY_S = 30


@contextmanager
def s3_server(folder: Path) -> Iterator[tuple[str, BaseClient]]:
    """An S3 server with an empty bucket: its `host:port` and a client."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    log = folder / "s3.log"
    environment = {**os.environ, "MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": KEY, "MINIO_UPDATE": "off"}
    with log.open("wb") as output:
        server = subprocess.Popen(_command(folder, address), env=environment, stdout=output, stderr=output)
    try:
        yield address, _client_with_bucket(address, server, log)
    finally:
        server.kill()
        server.wait(10)


def _command(folder: Path, address: str) -> list[str]:
    minio = shutil.which("minio")
    if minio:
        return [minio, "server", str(folder / "minio"), "--address", address, "--console-address", "127.0.0.1:0"]
    host, _, port = address.partition(":")
    return [sys.executable, "-m", "moto.server", "-H", host, "-p", port]


def _client_with_bucket(address: str, server: subprocess.Popen[bytes], log: Path) -> BaseClient:
    config = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{address}",
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=KEY,
        config=config,
    )
    deadline = time.monotonic() + READY_S
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
        except BotoCoreError:
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        else:
            return client


def with_lake(settings: Settings, address: str) -> Settings:
    """The settings, with their lake in a folder of its own in the bucket."""
    keys = {"access_key": SecretStr(KEY), "secret_key": SecretStr(KEY)}
    place = settings.minio.model_copy(update={"endpoint": address, "use_ssl": False, **keys})
    lake = settings.lake.model_copy(update={"root": f"s3a://{BUCKET}/{uuid4().hex}/lake"})
    return settings.model_copy(update={"minio": place, "lake": lake})


def environment(settings: Settings) -> dict[str, str]:
    """The variables that name the settings' object storage to another process."""
    return {
        "MINIO_ENDPOINT": settings.minio.endpoint or "",
        "MINIO_USE_SSL": "false",
        "MINIO_ACCESS_KEY": KEY,
        "MINIO_SECRET_KEY": KEY,
    }
