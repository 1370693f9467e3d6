"""What shall run? (specs, suites, budgets, names, configurations)"""
