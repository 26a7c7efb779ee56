"""Compares Kafka, lake, warehouse and graph with each other, event by event and counter by counter."""

from helix_pipeline.services.verify.check import verify
from helix_pipeline.services.verify.report import Example, StoreCheck, VerifyReport

__all__ = ["Example", "StoreCheck", "VerifyReport", "verify"]
