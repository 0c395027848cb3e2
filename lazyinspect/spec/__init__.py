"""YAML -> Spec: reading, grammar and formulas. Nothing is evaluated or executed here."""
