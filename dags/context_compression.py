"""Airflow DAG: the compressed context of each long conversation."""

from helix_pipeline.scheduling.dags import pipeline

dag = pipeline("context_compression")
