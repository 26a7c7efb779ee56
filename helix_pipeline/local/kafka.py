"""Kafka as one KRaft node (broker and controller), on loopback, from the jars of spark-conf/ivy.xml."""

import base64
import re
import subprocess
import uuid
from collections.abc import Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from helix_pipeline.errors import ServerError
from helix_pipeline.local.jars import ensure_jars
from helix_pipeline.local.server import LocalServer, NotReadyError, Progress, require_listening, write_lines
from helix_pipeline.local.toolchain import java

_FORMAT_TIMEOUT_S = 60
_LOG_CONFIG = """\
Configuration:
  Appenders:
    Console:
      name: stdout
      PatternLayout:
        pattern: "%d %p %m (%c)%n"
  Loggers:
    Root:
      level: WARN
      AppenderRef:
        ref: stdout
    Logger:
      - name: kafka.server
        level: INFO
"""


class KafkaServer(LocalServer):
    """The event log. Topics are made by `helix topics`, never by a client's typing error."""

    name = "kafka"

    @property
    def external(self) -> bool:
        """See LocalServer."""
        return self.settings.kafka.bootstrap_servers is not None

    @property
    def address(self) -> str:
        """See LocalServer."""
        return self.settings.kafka.address

    @property
    def ports(self) -> Mapping[int, str]:
        """See LocalServer."""
        kafka = self.settings.kafka
        return {kafka.port: "HELIX_KAFKA_PORT", kafka.controller_port: "HELIX_KAFKA_CONTROLLER_PORT"}

    def probe(self, timeout_s: float) -> str:
        """Ask for the cluster's metadata: a broker is listed once topics can be made on it."""
        if not self.external:
            require_listening("127.0.0.1", self.settings.kafka.port, timeout_s)
        client = AdminClient({"bootstrap.servers": self.address, "log_level": 0, "error_cb": lambda error: None})
        try:
            metadata = client.list_topics(timeout=timeout_s)
        except KafkaException as error:
            raise NotReadyError(error.args[0].str()) from None
        if not metadata.brokers:
            raise NotReadyError("no broker has joined the cluster")
        return self._version()

    def prepare(self, progress: Progress) -> None:
        """Write the configuration; format the storage once."""
        write_lines(self.folder / "server.properties", self._properties())
        (self.folder / "log4j2.yaml").write_text(_LOG_CONFIG)
        if not (self.folder / "data" / "meta.properties").exists():
            progress("formatting its storage")
            self._format()

    def command(self) -> list[str]:
        """See LocalServer."""
        heap = self.settings.kafka.heap_mb
        memory = [f"-Xms{heap // 2}m", f"-Xmx{heap}m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=50"]
        return [*self._java(memory), "kafka.Kafka", str(self.folder / "server.properties")]

    def _java(self, memory: list[str]) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.yaml'}"
        return [java(), *memory, "-Xshare:auto", logging, "-cp", f"{ensure_jars('kafka')}/*"]

    def _properties(self) -> dict[str, object]:
        kafka = self.settings.kafka
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{kafka.controller_port}",
            "listeners": f"PLAINTEXT://127.0.0.1:{kafka.port},CONTROLLER://127.0.0.1:{kafka.controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{kafka.port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": self.folder / "data",
            "auto.create.topics.enable": "false",
            "log.retention.hours": self.settings.retention.kafka_hours,
            "message.max.bytes": kafka.max_message_bytes,
            "replica.fetch.max.bytes": kafka.max_message_bytes,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "share.coordinator.state.topic.num.partitions": 1,
            "group.initial.rebalance.delay.ms": 0,
            "num.network.threads": 2,
            "num.io.threads": 4,
            "num.recovery.threads.per.data.dir": 2,
            "log.cleaner.dedupe.buffer.size": 16 << 20,
        }

    def _format(self) -> None:
        cluster_id = "H" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]  # no leading dash
        quick = ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        tool = [
            "kafka.tools.StorageTool",
            "format",
            "-t",
            cluster_id,
            "-c",
            str(self.folder / "server.properties"),
        ]
        done = subprocess.run(
            [*self._java(quick), *tool],
            capture_output=True,
            text=True,
            timeout=_FORMAT_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            said = " ".join((done.stdout + done.stderr).split())[-400:]
            raise ServerError(f"kafka: its storage in {self.folder / 'data'} could not be formatted: {said}")

    def _version(self) -> str:
        if self.external:
            return ""  # the protocol does not tell it
        names = " ".join(path.name for path in ensure_jars("kafka").glob("kafka-server-[0-9]*.jar"))
        found = re.search(r"kafka-server-([\d.]+\d)", names)
        return found[1] if found else ""
