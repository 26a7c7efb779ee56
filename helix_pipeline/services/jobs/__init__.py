"""Batch jobs as a service: accepted (`requests`), run by a backend (`local`, `airflow`) under the `supervisor`, and
shown (`desk`)."""
