"""The DAGs of Airflow, made from the catalogue. `dags/` names them; nothing else imports Airflow."""
