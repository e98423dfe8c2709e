"""Many photos in one folder of results: names, what is finished, and how many could be done."""
