"""Airflow DAG: derived figures, archive and snapshot of the knowledge graph."""

from helix_pipeline.scheduling.dags import pipeline

dag = pipeline("graph_upkeep")
