"""Topics of a corpus: vocabulary, model, words and labels, quality, choice of their number, matching between runs."""
