"""Plan -> figures of it: memory, receptive fields, spenders, formulas in named sizes. No torch."""
