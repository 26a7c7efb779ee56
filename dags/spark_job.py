"""Airflow DAG: one job with the parameters of its run, for the job API and by hand."""

from helix_pipeline.scheduling.dags import single_job

dag = single_job("spark_job")
