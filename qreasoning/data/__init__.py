"""From annotations and score lists to one immutable, versioned dataset."""
