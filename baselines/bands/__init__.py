"""What did every variant reach here, beside what was published? (``python -m baselines.bands RUNS...`` writes README.md and the bank)"""
