"""Pages: self-contained HTML that opens offline, of an explanation, an atlas or a study."""
