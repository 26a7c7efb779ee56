"""The ClickHouse HTTP protocol in front of one embedded chdb engine: one client serves it and a real server.

Replies are never content-encoded (client and server share a machine) and are sent whole, not streamed.
"""
