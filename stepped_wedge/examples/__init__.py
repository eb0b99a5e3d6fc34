"""Examples: cases with known answers, the three real five-authority trials, and a demonstration trial."""
