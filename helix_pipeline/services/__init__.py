"""Use cases: ingest, stream, verify, quarantine."""
