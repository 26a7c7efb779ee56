"""Airflow DAG: compaction, retention and VACUUM of the lake's tables."""

from helix_pipeline.scheduling.dags import pipeline

dag = pipeline("lake_maintenance")
