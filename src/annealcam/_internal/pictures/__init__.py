"""What a network takes as pictures, over which maps are drawn."""
