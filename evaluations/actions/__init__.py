"""What can happen to an evaluation: ``evaluations`` (its life), ``protocols``, ``parts`` (dates, outputs, promises)."""
