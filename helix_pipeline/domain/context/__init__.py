"""Conversations cut to a budget of tokens: token counts, sentences, what is salient, and the selection."""
