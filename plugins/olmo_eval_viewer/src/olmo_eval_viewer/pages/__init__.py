"""The pages, a module each: what a page shows, as values; its template says how."""
