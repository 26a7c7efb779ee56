"""Airflow DAG: entities, relationships and topics of one day's conversations."""

from helix_pipeline.scheduling.dags import pipeline

dag = pipeline("conversation_intelligence")
