"""Airflow DAG: fails, and alerts, while a stream is down, silent or behind."""

from helix_pipeline.scheduling.dags import stream_watch

dag = stream_watch("stream_watch")
