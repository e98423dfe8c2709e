"""How often annealcam was killed, damaged, visited and misled, and what was lost."""
