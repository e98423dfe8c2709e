"""Commands about annealcam itself."""
