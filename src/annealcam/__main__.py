"""`python -m annealcam` is the command `annealcam`."""

from annealcam.cli.main import main

main()
