"""Airflow DAG: how providers and models do, in calls and in debates."""

from helix_pipeline.scheduling.dags import pipeline

dag = pipeline("provider_intelligence")
