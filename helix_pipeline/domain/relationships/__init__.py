"""Which entities belong together: measures of association, their significance, and who introduces whom."""
