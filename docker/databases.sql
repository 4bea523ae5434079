-- The image makes the database stockml; Airflow and MLflow have their own beside it.
create database airflow;
create database mlflow;
