"""Pre-specified analyses of stepped-wedge returns."""
