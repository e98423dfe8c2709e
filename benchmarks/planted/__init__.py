"""A planted shortcut, and whether an audit finds it: the experiment of docs/audit.md."""
