"""`flask new-group`, `flask remove-group`: a route group, its tests and its part of the document, written or taken out.

For development alone: nothing of the service imports it, and no image holds it. docs/ADOPT.md shows it at work.
"""
