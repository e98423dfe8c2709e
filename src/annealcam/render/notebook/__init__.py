"""Results in notebooks: a piece of HTML and a plot for each kind of result."""
