"""The context engine as a service: replay, search, statistics and new messages of conversations in the stores."""
