"""What the CAM methods of `attribution/cam.py` compute: weights and maps."""
