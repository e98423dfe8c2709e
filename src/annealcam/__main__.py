"""`python -m annealcam` is the command `annealcam`."""

from annealcam.cli import main

main()
