"""Stepped-wedge trials: plan, randomise, verify, analyse and report. See README.md.

Pure mathematics: frozen values in, frozen values out, a generator passed in; no settings, no clock, no network.
"""

__version__ = "1.0.0"
