"""`python -m helix_pipeline.cli`: the same as the command `helix`."""

from helix_pipeline.cli import main

main()
