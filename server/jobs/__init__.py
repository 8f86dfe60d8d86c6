"""Durable work: what may become of a job, who runs it, and how it goes on after a fall."""
