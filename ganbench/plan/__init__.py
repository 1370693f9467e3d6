"""Which runs are planned, with which settings? (specs, suites, budgets, names, configurations)"""
