"""The HTTP API: translates requests, calls a service, shapes the answer. `app.create_app` makes it."""
