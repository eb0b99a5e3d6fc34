"""What can happen in the evidence store: ``entries`` (their life), ``ratings`` (appended, never changed), ``search_index``."""
