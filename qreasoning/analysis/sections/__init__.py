"""The sections of the report: what each shows, computed beside the template that shows it."""
