"""The one database: SQLAlchemy Core and Alembic."""
