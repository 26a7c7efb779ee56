"""Pure ideas: no clock, no input or output, no Spark, no drivers."""
