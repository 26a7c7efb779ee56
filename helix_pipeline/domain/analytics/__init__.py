"""What may be asked of the warehouse in SQL: the check of a free query, and the query that is sent instead."""
