"""Sizes that are formulas: exact integer algebra in named sizes, and the sizes that satisfy it.

``algebra`` holds the formulas, ``size`` the integers that carry them through the planner,
``sets`` the sizes that a condition leaves, ``words`` how a person writes all of it.
"""
