"""Recognisers that need a driver or a framework: models in ONNX, spaCy, GLiNER, endpoints of language models."""
