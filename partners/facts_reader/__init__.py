"""Files of facts: read and checked cell by cell, then written so that a second reading changes nothing.

Who owns what. A row is written when it is new, or when the row in the file is not what it was when it was last loaded. While
a row stays the same its record is left alone, so what staff edited since stays, and what they removed stays removed. When
a row changes, the columns of the file are written again, save those that belong to staff from then on (``then_ours``:
statuses and moments of publication). Records that no file knows of are never touched.
"""

from partners.facts_reader.cells import NUMBER
from partners.facts_reader.reading import Reading
from partners.facts_reader.tables import FactsRefused, Problem, Row, Table, shipped
from partners.facts_reader.writing import write

__all__ = ("NUMBER", "FactsRefused", "Problem", "Reading", "Row", "Table", "shipped", "write")
