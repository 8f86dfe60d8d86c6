"""All SQL of our own tables: one module a resource. Functions take a `Transaction`.

The texts use named parameters, RETURNING and ON CONFLICT only: what SQLite and PostgreSQL share.
"""
