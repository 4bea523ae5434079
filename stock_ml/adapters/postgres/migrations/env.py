"""Run the migrations on the connection that `adapters.postgres.migrate` opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
