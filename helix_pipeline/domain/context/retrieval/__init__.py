"""Which messages of a conversation answer a question: words, vectors, speakers and dates, joined by a learned ranking.

`index.build` prepares a conversation once, `Index.scores` scores its messages for a question. Pure functions over
columns; nothing here asks a network.
"""
